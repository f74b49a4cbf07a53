import numpy as np
import pytest
from PIL import Image

from tests.data.photographs import encode, jpeg, photograph
from vit_jax.data.decode import BrokenImageError, fast_packages
from vit_jax.data.read import read_file
from vit_jax.data.simple_crop import SimpleCrop
from vit_jax.data.transforms import AsIs, EvalCrop, TrainCrop
from vit_jax.errors import InputError

GREY = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
WHOLE = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
needs_fast = pytest.mark.skipif(
    fast_packages() is None, reason="needs simplejpeg and OpenCV"
)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("size", [8, (8, 8)])
def test_an_image_of_the_right_size_is_not_touched(size):
    data = encode(Image.fromarray(GREY), "PNG")
    for transform in (
        AsIs(size, channels=1),
        EvalCrop(size, 1.0, channels=1),
        TrainCrop(size, **WHOLE, channels=1),
    ):
        for image in (data, GREY[:, :, None]):
            array = transform(image, rng())
            assert array.dtype == np.uint8
            np.testing.assert_array_equal(array[:, :, 0], GREY)


def test_images_that_should_have_a_size_are_checked():
    with pytest.raises(InputError, match="8 x 8, not 9: choose EvalCrop"):
        AsIs(9)(GREY[:, :, None])
    assert AsIs()(GREY[:, :, None]).shape == (8, 8, 1)
    assert AsIs()(encode(Image.fromarray(GREY), "PNG")).shape == (8, 8, 3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("decoder", ["auto", "pil"])
def test_every_image_gets_the_size_and_channels_that_were_asked_for(channels, decoder):
    for size in [(1, 1), (2, 90), (90, 2), (60, 45), (300, 200)]:
        for image in (encode(photograph(0, size)), np.asarray(photograph(0, size))):
            for kind in (TrainCrop, SimpleCrop):
                train = kind((20, 30), channels=channels, decoder=decoder)
                shapes = {train(image, rng(i)).shape for i in range(10)}
                assert shapes == {(20, 30, channels)}
            for mode in ("center", "squash", "border"):
                evaluate = EvalCrop((20, 30), 0.9, mode, channels=channels)
                assert evaluate(image).shape == (20, 30, channels)


def test_the_middle_is_kept():
    image = np.zeros((8, 24, 1), np.uint8)
    image[:, 8:16, 0] = GREY
    np.testing.assert_array_equal(EvalCrop(8, 1.0, channels=1)(image)[:, :, 0], GREY)


def test_a_border_fills_up_with_its_levels():
    image = np.full((4, 8, 3), 200, np.uint8)
    array = EvalCrop(8, 1.0, "border", fill=(1, 2, 3))(image)
    assert (array[:2] == [1, 2, 3]).all()
    assert (array[2:6] == 200).all()
    assert (array[6:] == [1, 2, 3]).all()


def test_a_random_part_lies_within_and_has_a_size_and_shape_that_was_asked_for():
    crop, numbers = TrainCrop(224), rng()
    parts = np.array([crop.draw(numbers, 375, 500) for _ in range(20_000)])
    top, left, height, width = parts.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 375).all()
    assert (left + width <= 500).all()
    area, ratio = height * width / (375 * 500), width / height
    assert area.min() > 0.078
    assert ratio.min() > 0.74
    assert ratio.max() < 1.35


def test_where_no_part_fits_the_middle_is_taken():
    assert TrainCrop(8).draw(rng(), 10, 1000) == (0, 493, 10, 13)
    assert TrainCrop(8).draw(rng(), 1000, 10) == (493, 0, 13, 10)


@pytest.mark.parametrize("decoder", ["auto", "pil"])
def test_a_smaller_decoded_jpeg_shows_the_same_part(decoder):
    """As the file that is decoded whole shows it; half a pixel's shift is seen."""
    image = photograph(0, (512, 400))
    as_jpeg = encode(image, quality=95, subsampling=0)
    crop = TrainCrop(24, scale=(0.3, 1.0), decoder=decoder)
    pixels = np.asarray(image)
    for seed in range(20):
        smaller = crop(as_jpeg, rng(seed)).astype(int)
        whole = crop(pixels, rng(seed)).astype(int)
        error = np.abs(smaller - whole).mean()
        shifted = np.abs(smaller[:, 1:] - whole[:, :-1]).mean()
        assert error < 4
        assert error < shifted / 3


@needs_fast
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("channels", [1, 3])
def test_fast_pixels_are_near_to_pillows(interpolation, channels):
    """Larger, a little smaller and much smaller; without widening, 3.4 levels off."""
    image = encode(photograph(0, (500, 375)), "PNG")
    for size, seed in ((500, 0), (300, 1), (180, 2), (120, 3)):
        fast, slow = (
            TrainCrop(
                size,
                scale=(0.5, 1.0),
                interpolation=interpolation,
                channels=channels,
                decoder=decoder,
            )(image, rng(seed)).astype(int)
            for decoder in ("auto", "pil")
        )
        assert np.abs(fast - slow).mean() < 1.6


def test_a_line_is_not_made_large_enough_to_fill_the_memory():
    with pytest.raises(BrokenImageError, match="line of 1 x 50000"):
        EvalCrop(224)(np.zeros((1, 50_000, 3), np.uint8))


def test_a_crop_is_a_function_of_its_random_numbers():
    crop = TrainCrop(16)
    one, same, other = (crop(jpeg(0), rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: TrainCrop(8, scale=(0, 1)), r"scale=\(0, 1\)"),
        (lambda: TrainCrop(8, scale=(0.5, 1.5)), "at most 1"),
        (lambda: TrainCrop(8, ratio=(2, 1)), r"ratio=\(2, 1\)"),
        (lambda: TrainCrop(0), "image_size=0"),
        (lambda: EvalCrop(8, 0.0), "crop_fraction=0.0"),
        (lambda: EvalCrop(8, channels=4), "channels=4; an image file gives 1 or 3"),
    ],
)
def test_what_makes_no_sense_is_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.png cannot be read as an image"):
        read_file(tmp_path / "x.png", EvalCrop(8))


def test_a_cut_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_file(tmp_path / "x.png", EvalCrop(8))
    data = encode(photograph(0), "PNG")
    (tmp_path / "x.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="cannot be read as an image"):
        read_file(tmp_path / "x.png", EvalCrop(8))
