"""What holds in every test: several devices, exact products, no silent broadcasts."""

import os
import shutil
import tempfile

from tests.xla_flags import xla_flags

# Before jax is imported: two devices, so that every batch really is split.
os.environ["XLA_FLAGS"] = xla_flags(devices=2)
os.environ["JAX_PLATFORMS"] = "cpu"
# torch's threads spin behind each operation, at the expense of the other workers.
os.environ["OMP_NUM_THREADS"] = "1"

import jax
import pytest

from tests.models import TINY
from vit_jax.config import ViTConfig

# What one test or process of this session has compiled, the others read.
CACHE = "JAX_COMPILATION_CACHE_DIR"
IS_FIRST = "PYTEST_XDIST_WORKER" not in os.environ
if IS_FIRST:
    os.environ[CACHE] = tempfile.mkdtemp(prefix="vit_jax_tests_")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"
jax.config.update("jax_compilation_cache_dir", os.environ[CACHE])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_default_matmul_precision", "highest")


@pytest.fixture
def tiny() -> ViTConfig:
    """The smallest model that has everything a ViT has."""
    return TINY


def pytest_unconfigure() -> None:
    """Removes what was compiled, once all workers are done."""
    if IS_FIRST:
        shutil.rmtree(os.environ[CACHE], ignore_errors=True)
