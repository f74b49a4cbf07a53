"""Whose interpolations there are, by name; imports nothing heavy."""

from typing import Literal

Resampling = Literal[
    "timm",
    "huggingface",
    "torchvision",
    "dino",
    "dinov2_reg",
    "google",
    "timm_npz",
    "siglip2",
]
