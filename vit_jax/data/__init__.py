"""Images for training and evaluation; knows nothing of jax."""
