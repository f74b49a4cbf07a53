"""The proof that two models compute the same."""
