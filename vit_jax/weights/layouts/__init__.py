"""One file a publisher: tables, no code."""
