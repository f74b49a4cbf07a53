"""Many processes of one run: coming together, and noticing who is lost."""
