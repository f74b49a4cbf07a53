"""Images to evaluate on are timm's and Hugging Face's, on real photographs.

Axes: r rows, c columns, k channels.
"""

import io
import itertools

import numpy as np
import pytest
import timm.data
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torchvision.transforms import RandomCrop, RandomResizedCrop, Resize
from transformers import BitImageProcessor, CLIPImageProcessor, ViTImageProcessor
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from vit_jax.data.simple_crop import SimpleCrop
from vit_jax.data.transforms import EvalCrop, TrainCrop

PHOTOS = [Image.fromarray(photo) for photo in load_sample_images().images]
# Both ways round, a square, one smaller than what is wanted, and odd sizes, where half
# a pixel is left over.
SHAPES = {
    "wide": lambda photo: photo,
    "tall": lambda photo: photo.transpose(Image.Transpose.ROTATE_90),
    "square": lambda photo: photo.crop((10, 10, 411, 411)),
    "small": lambda photo: photo.resize((151, 101)),
    "odd": lambda photo: photo.crop((0, 0, 333, 277)),
}
CASES = list(itertools.product(range(len(PHOTOS)), SHAPES))


def encode(photo):
    """Returns a PNG file, which every reader decodes to the same pixels."""
    stream = io.BytesIO()
    photo.save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(("photo", "shape"), CASES)
@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("size", [224, (160, 256)], ids=str)
def test_pixels_are_timms(photo, shape, mode, size):
    image = SHAPES[shape](PHOTOS[photo])
    mean = (0.485, 0.456, 0.406)
    for fraction, interpolation in itertools.product(
        (0.875, 0.9, 0.95, 1.0), ("bicubic", "bilinear")
    ):
        theirs = timm.data.create_transform(
            (3, *size) if isinstance(size, tuple) else (3, size, size),
            crop_pct=fraction,
            crop_mode=mode,
            interpolation=interpolation,
            mean=mean,
            normalize=False,
        )(image)
        ours = EvalCrop(
            size,
            fraction,
            mode,
            interpolation,
            fill=tuple(round(255 * level) for level in mean),
        )(encode(image))
        np.testing.assert_array_equal(ours, np.asarray(theirs).transpose(1, 2, 0))


HUGGING_FACE = {
    "ViT": EvalCrop(224, 1.0, "squash", "bilinear"),
    "CLIP": EvalCrop(224, 1.0, odd_margin="down"),
    "DINOv2": EvalCrop(224, 224 / 256, odd_margin="down"),
}
PROCESSORS = {
    "torchvision": (ViTImageProcessor, CLIPImageProcessor, BitImageProcessor),
    "pil": (ViTImageProcessorPil, CLIPImageProcessorPil, BitImageProcessorPil),
}
SIZES = {"DINOv2": {"size": {"shortest_edge": 256}, "crop_size": 224}}


@pytest.mark.parametrize("backend", PROCESSORS)
@pytest.mark.parametrize("name", HUGGING_FACE)
@pytest.mark.parametrize(("photo", "shape"), CASES)
def test_pixels_are_hugging_faces(photo, shape, name, backend):
    image = SHAPES[shape](PHOTOS[photo])
    processors = dict(zip(HUGGING_FACE, PROCESSORS[backend], strict=True))
    processor = processors[name](**SIZES.get(name, {}), do_normalize=False)
    theirs = processor(image, return_tensors="np")["pixel_values"][0] * 255
    off = np.abs(HUGGING_FACE[name](encode(image)) - theirs.transpose(1, 2, 0))
    if backend == "pil":
        assert off.max() < 1e-4  # what is left is their float32
        return
    # torchvision's weights have fewer bits than Pillow's: one level of 255 off, and two
    # in one pixel of 100,000 where an image has to be made larger, or nearly.
    assert np.quantile(off, 0.9999) < 1.01
    assert off.max() < (2.01 if shape in {"small", "odd"} else 1.01)


@pytest.mark.parametrize(("rows", "columns"), [(375, 500), (500, 375), (100, 400)])
def test_random_parts_are_distributed_as_torchvisions(rows, columns):
    torch.manual_seed(0)
    image, count = torch.zeros(1, rows, columns), 20_000
    scale, ratio, levels = (0.08, 1.0), (3 / 4, 4 / 3), np.linspace(0.05, 0.95, 10)
    theirs = np.array(
        [RandomResizedCrop.get_params(image, scale, ratio) for _ in range(count)]
    )
    numbers, crop = np.random.default_rng(0), TrainCrop(224, scale, ratio)
    ours = np.array([crop.draw(numbers, rows, columns) for _ in range(count)])
    # The quantiles of 20,000 draws are uncertain by up to 2 pixels.
    np.testing.assert_allclose(
        np.quantile(ours, levels, axis=0), np.quantile(theirs, levels, axis=0), atol=6
    )


@pytest.mark.parametrize(("size", "fraction", "padding"), [(24, 1.0, 2), (12, 0.5, 0)])
def test_a_simple_crop_is_torchvisions(size, fraction, padding):
    """DeiT III's Resize and RandomCrop with reflected edges, at all their places."""
    photo = PHOTOS[0].resize((64, 48))
    file = encode(photo)
    crop = SimpleCrop(size, fraction, padding=padding, decoder="pil")
    resized = Resize(int(size / fraction), interpolation=3)(photo)
    windows = RandomCrop(size, padding=padding or None, padding_mode="reflect")
    torch.manual_seed(0)
    theirs = {np.asarray(windows(resized)).tobytes() for _ in range(3000)}
    rng = np.random.default_rng(0)
    ours = {crop(file, rng).tobytes() for _ in range(3000)}
    spare = 2 * padding - size + 1
    assert len(theirs) == (resized.width + spare) * (resized.height + spare)
    assert ours == theirs
