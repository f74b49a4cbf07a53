"""The Vision Transformer for JAX: the architecture, the conversion, the training."""
