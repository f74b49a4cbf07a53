import numpy as np
import pytest
from PIL import Image

from tests.data.photographs import Photographs
from vit_jax.config import ViTConfig
from vit_jax.data.contact_sheet import CELL, MARGIN
from vit_jax.data.read import read_image
from vit_jax.data.sources import Digits
from vit_jax.data.transforms import EvalCrop
from vit_jax.errors import InputError
from vit_jax.pixels import HALF
from vit_jax.train.config import AugmentConfig, DataConfig, RunConfig, TrainConfig
from vit_jax.train.preview import VIEWS, draw_preview, preview

PHOTOS = Photographs(6)
MODEL = ViTConfig(image_size=16, patch_size=8, num_classes=1000)
CROP = DataConfig(crop="random")


def make(augment=None, *, seed=0, **parts):
    """Returns a recipe."""
    return TrainConfig(
        **{"model": MODEL, "data": CROP, **parts},
        augment=augment or AugmentConfig(),
        run=RunConfig(seed=seed),
    )


def test_without_random_changes_every_view_is_the_image_as_trained_on():
    config = make(data=DataConfig(resize="squash"))
    views = preview(config, PHOTOS, [4, 1], views=3)
    assert views.shape == (2, 3, 16, 16, 3)
    transform = EvalCrop(16, crop_fraction=0.875, mode="squash")
    for index, found in zip((4, 1), views, strict=True):
        expected, _ = read_image(PHOTOS, index, transform)
        np.testing.assert_array_equal(found, np.stack([expected] * 3))


@pytest.mark.parametrize("crop", ["random", "none"])
def test_views_are_a_function_of_the_seed_and_differ(crop):
    augment = AugmentConfig(erase=1.0, erase_mode="pixel") if crop == "none" else None
    data = DataConfig(crop=crop, resize="center")
    one, again, other = (
        preview(make(augment, data=data, seed=seed), PHOTOS, [0, 3], views=4)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    for image in (0, 1):
        views = [view.tobytes() for found in (one, other) for view in found[image]]
        assert len(set(views)) == 8


class Colours:
    """A red, a green and a blue image: a mixture's channels are shares of them."""

    pixels = HALF
    class_names = ("red", "green", "blue")

    def __len__(self):
        return 3

    def __getitem__(self, index):
        image = np.zeros((16, 16, 3), np.uint8)
        image[:, :, index] = 255
        return {"image": image, "label": index}

    def name(self, index):
        return self.class_names[index]


@pytest.mark.parametrize(
    "mixes", [{"cutmix_minmax": (0.3, 0.6)}, {"cutmix": 1.0}, {"mixup": 1.0}], ids=str
)
@pytest.mark.parametrize("mode", ["batch", "pair"])
@pytest.mark.parametrize("indices", [[2], [1, 0, 2]], ids=str)
def test_an_image_is_mixed_with_others_and_has_the_larger_share(mixes, mode, indices):
    config = make(AugmentConfig(**mixes, mix_mode=mode), data=DataConfig())
    views = preview(config, Colours(), indices, views=12)
    shares = views.mean(axis=(2, 3)) / 255
    np.testing.assert_allclose(shares.sum(axis=-1), 1, atol=0.01)
    for index, own in zip(indices, shares, strict=True):
        assert (own[:, index] > 0.49).all()
        assert (own[:, index] < 0.98).sum() >= 3  # the other may be the image itself


def test_the_model_of_the_recipe_counts_and_the_classes_of_the_source():
    grey = ViTConfig(image_size=8, patch_size=4, in_channels=1, num_classes=3)
    config = make(AugmentConfig(flip=True), model=grey, data=DataConfig())
    assert preview(config, Digits("test"), [0], views=2).shape == (1, 2, 8, 8, 1)
    with pytest.raises(InputError, match=r"\(16, 16, 3\) and knows 6 classes"):
        preview(make(data=DataConfig()), PHOTOS, [0])
    with pytest.raises(InputError, match="1 channels, but the pixel statistics of"):
        preview(make(model=grey), PHOTOS, [0])


def test_the_sheet_has_a_row_a_class_and_passes_over_what_is_broken(tmp_path):
    source = Photographs(6, damaged=(1, 2))
    labels = np.array([0, 1, 1, 1, 5, 5], np.int32)
    draw_preview(tmp_path / "x.png", source, labels, config=make())
    with Image.open(tmp_path / "x.png") as sheet:
        assert sheet.size == (MARGIN + (1 + VIEWS) * CELL, 3 * CELL)
        cells = [sheet.getpixel((MARGIN + 10 + i * CELL, CELL + 40)) for i in range(8)]
    assert not {(255, 0, 0), (255, 255, 255)} & set(cells)


def test_a_class_of_broken_images_alone_is_red_before_what_stands_in(tmp_path):
    labels = np.array([0, 1, 1, 2, 3, 4], np.int32)
    draw_preview(
        tmp_path / "x.png", Photographs(6, damaged=(1, 2)), labels, config=make()
    )
    with Image.open(tmp_path / "x.png") as sheet:
        assert sheet.getpixel((MARGIN + 40, CELL + 40)) == (255, 0, 0)
        assert sheet.getpixel((MARGIN + CELL + 40, CELL + 40)) != (255, 0, 0)
