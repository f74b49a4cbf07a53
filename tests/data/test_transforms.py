import numpy as np
import pytest
from PIL import Image

from vit_jax.data.transforms import decode, resize
from vit_jax.errors import InputError

GREY = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)


def test_an_image_of_the_right_size_is_not_touched(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "x.png")
    array = resize(decode(tmp_path / "x.png", 1), 8, 8)
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array[:, :, 0], GREY)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "LA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_image_gets_the_models_shape(tmp_path, mode, channels):
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.new(mode, (20, 10)).save(path)
    assert resize(decode(path, channels), 8, 6).shape == (8, 6, channels)


def test_the_middle_is_kept(tmp_path):
    image = np.zeros((8, 24), np.uint8)
    image[:, 8:16] = GREY
    Image.fromarray(image).save(tmp_path / "x.png")
    array = resize(decode(tmp_path / "x.png", 1), 8, 8)
    np.testing.assert_array_equal(array[:, :, 0], GREY)


def test_an_image_taken_sideways_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn a quarter clockwise
    Image.fromarray(GREY).save(tmp_path / "x.png", exif=exif)
    upright = np.asarray(decode(tmp_path / "x.png", 1))
    np.testing.assert_array_equal(upright, np.rot90(GREY, -1))


def test_sixteen_bits_are_scaled_and_not_cut(tmp_path):
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "x.png")
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / "x.png", 1)), GREY)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.png cannot be read as an image"):
        decode(tmp_path / "x.png", 3)


def test_an_image_that_was_cut_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.png")
    raw = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match="cannot be read as an image"):
        decode(tmp_path / "x.png", 3)


def test_a_missing_file_and_strange_channels_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        decode(tmp_path / "x.png", 3)
    with pytest.raises(InputError, match="takes 4 channels"):
        decode(tmp_path / "x.png", 4)
