import jax.numpy as jnp
import numpy as np
import pytest

from vit_jax.errors import InputError
from vit_jax.pixels import IMAGENET, Pixels, normalise


def test_numpy_and_jax_images_become_the_same_numbers():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    ours = normalise(images, IMAGENET)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(
        normalise(jnp.asarray(images), IMAGENET), ours, rtol=1e-6, atol=1e-6
    )
    expected = (images / 255.0 - IMAGENET.mean) / IMAGENET.std
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


def test_images_of_other_channels_are_refused():
    with pytest.raises(InputError, match="have 1 channels, and the pixel statistics 3"):
        normalise(np.zeros((2, 4, 4, 1), np.uint8), IMAGENET)


@pytest.mark.parametrize("std", [(), (1.0, 1.0), (0.0,)])
def test_statistics_that_describe_no_pixels_are_refused(std):
    with pytest.raises(InputError, match="do not describe pixels"):
        Pixels((0.5,), std)
