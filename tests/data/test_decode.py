import io
import pickle

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.data.photographs import DAMAGES, encode, jpeg, photograph, with_size
from vit_jax.data.decode import (
    BrokenImageError,
    describe_decoder,
    fast_packages,
    open_image,
)

GREY = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
DECODERS = ["pil", "auto"]


def read(data, channels=3, decoder="auto", shrink=1):
    return open_image(data, decoder).read(channels, shrink=shrink)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", mode) for mode in ["1", "L", "P", "RGB", "RGBA", "I;16", "LA"]),
        *(("JPEG", mode) for mode in ["L", "RGB", "CMYK"]),
        ("TIFF", "CMYK"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
        ("BMP", "RGB"),
        ("BMP", "P"),
        ("GIF", "P"),
        ("GIF", "L"),
    ],
)
def test_every_kind_of_image_is_read(kind, mode, channels, decoder):
    image = Image.new(mode, (20, 10), 1 if mode == "P" else None)
    encoded = open_image(encode(image, kind), decoder)
    assert (encoded.rows, encoded.columns) == (10, 20)
    pixels = encoded.read(channels)
    assert pixels.shape == (10, 20, channels)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "GIF"])
def test_lossless_pixels_are_those_that_were_written(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(Image.fromarray(GREY), kind, **options)
    np.testing.assert_array_equal(read(data, 1)[:, :, 0], GREY)
    np.testing.assert_array_equal(read(data, 3), GREY[:, :, None].repeat(3, 2))


def test_a_palette_with_transparency_gives_its_colours():
    image = photograph(0).quantize(16)
    data = encode(image, "PNG", transparency=bytes(range(0, 160, 10)))
    np.testing.assert_array_equal(read(data), np.asarray(image.convert("RGB")))


def test_sixteen_bits_are_scaled_and_not_cut():
    data = encode(Image.fromarray(GREY.astype(np.uint16) * 257), "PNG")
    np.testing.assert_array_equal(read(data, 1)[:, :, 0], GREY)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_taken_sideways_is_turned_upright(orientation, decoder):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(photograph(0), exif=exif, subsampling=0)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    encoded = open_image(data, decoder)
    assert (encoded.rows, encoded.columns) == expected.shape[:2]
    np.testing.assert_array_equal(encoded.read(3), expected)
    half = read(data, decoder=decoder, shrink=2)
    assert half.shape == (-(-expected.shape[0] // 2), -(-expected.shape[1] // 2), 3)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("shrink", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(60, 45), (64, 48), (61, 47), (9, 9)])
def test_a_jpeg_comes_smaller_by_exactly_that_much(size, shrink, decoder):
    pixels = read(jpeg(1, size), decoder=decoder, shrink=shrink)
    assert pixels.shape == (-(-size[1] // shrink), -(-size[0] // shrink), 3)
    whole = photograph(1, size).reduce(shrink)
    assert np.abs(pixels - np.asarray(whole, np.float32)).mean() < 12


@pytest.mark.skipif(fast_packages() is None, reason="needs simplejpeg and OpenCV")
@pytest.mark.parametrize("channels", [1, 3])
def test_the_fast_decoder_sees_what_pillow_sees(channels):
    for i in range(10):
        fast, slow = (read(jpeg(i), channels, decoder) for decoder in ("auto", "pil"))
        if channels == 3:
            np.testing.assert_array_equal(fast, slow)
        else:  # the file's own luminance, not that of its clipped colours
            assert np.abs(fast.astype(int) - slow).mean() < 0.5


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_image_has_one_error_whatever_is_wrong(damage, decoder):
    with pytest.raises(BrokenImageError) as caught:
        read(DAMAGES[damage](jpeg(0)), decoder=decoder)
    assert "0x" not in str(caught.value)  # an address would differ each time
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_bomb_is_refused_before_its_memory_is_asked_for(decoder):
    with pytest.raises(BrokenImageError, match="pixels"):
        open_image(with_size(jpeg(0), 9_470, 9_470), decoder)
    png = encode(photograph(0), "PNG")
    header = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(BrokenImageError):
        open_image(png[:16] + header + png[24:], decoder)


@pytest.mark.parametrize("decoder", DECODERS)
def test_any_damage_is_a_broken_image_or_an_image(decoder):
    """Bytes changed at random in every format: no other error comes out."""
    rng = np.random.default_rng(0)
    broken = 0
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = encode(photograph(0), kind)
        for _ in range(60):
            data = bytearray(whole)
            for at in rng.integers(0, min(len(data), 400), 3):
                data[at] = rng.integers(256)
            cut = rng.integers(1, len(data)) if rng.random() < 0.3 else len(data)
            try:
                read(bytes(data[:cut]), decoder=decoder)
            except BrokenImageError:
                broken += 1
    assert broken > 100


def test_the_decoder_is_named():
    assert describe_decoder("pil").startswith("Pillow")
    assert ("simplejpeg" in describe_decoder()) == (fast_packages() is not None)
