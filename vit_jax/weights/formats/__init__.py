"""One file format a module: what it holds comes back as tensors, and goes in again."""
