import contextlib
import dataclasses

import numpy as np
import pytest

from tests.train.recipe import get_config
from vit_jax.data.order import Shard
from vit_jax.data.simple_crop import SimpleCrop
from vit_jax.data.transforms import EvalCrop
from vit_jax.train.augment.config import AugmentConfig
from vit_jax.train.data_config import DataConfig, find_data_faults
from vit_jax.train.open_data import choose_transform, make_batches, open_images


def test_training_batches_repeat_images_as_the_recipe_says():
    config = get_config()
    data = dataclasses.replace(config.data, repeats=4)
    images = open_images(data, config.model, "train")
    batches = make_batches(dataclasses.replace(config, data=data), images, Shard())
    with contextlib.closing(batches):
        index = next(batches)["index"]
    np.testing.assert_array_equal(index, index[::4].repeat(4))
    assert len(set(index)) == 8


def test_a_simple_crop_is_scaled_as_the_images_to_evaluate_on():
    config = get_config()
    data = DataConfig(crop="simple", crop_padding=4, resize="squash", crop_fraction=0.5)
    train = choose_transform(data, config.model, "train")
    assert isinstance(train, SimpleCrop)
    assert (train.mode, train.padding, train.crop_fraction) == ("squash", 4, 0.5)
    assert isinstance(choose_transform(data, config.model, "eval"), EvalCrop)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"crop": "simple"}, "scales as data.resize says"),
        ({"crop_padding": 4}, "does nothing without crop='simple'"),
        ({"crop_padding": -1, "crop": "simple", "resize": "center"}, "negative"),
        ({"crop": "simple", "resize": "center", "in_memory": True}, "cannot cut from"),
    ],
)
def test_a_crop_that_cannot_be_is_refused(changes, told):
    config = dataclasses.replace(get_config().data, **changes)
    assert any(told in fault for fault in find_data_faults(config, AugmentConfig()))
