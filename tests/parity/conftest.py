"""Real torch references: tiny, every parameter random, offline."""

from vit_jax.weights.proof.reference import import_timm

# First, so that it imports beside a torchvision that does not fit torch.
import_timm()
