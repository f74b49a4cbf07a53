"""The proof that two programs train the same."""
