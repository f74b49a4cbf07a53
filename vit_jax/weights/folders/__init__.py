"""Folders of publishers: weights with what says how to use them."""
