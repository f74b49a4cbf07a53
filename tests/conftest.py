"""What holds in every test: several devices, exact products, no silent broadcasts."""

import os

# Before jax is imported: two devices, so that every batch really is split.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import pytest

from tests.models import TINY
from vit_jax.config import ViTConfig

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_default_matmul_precision", "highest")


@pytest.fixture
def tiny() -> ViTConfig:
    """The smallest model that has everything a ViT has."""
    return TINY
