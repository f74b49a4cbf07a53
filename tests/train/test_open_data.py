import contextlib
import dataclasses

import numpy as np

from tests.train.recipe import get_config
from vit_jax.data.order import Shard
from vit_jax.train.open_data import make_batches, open_images


def test_training_batches_repeat_images_as_the_recipe_says():
    config = get_config()
    data = dataclasses.replace(config.data, repeats=4)
    images = open_images(data, config.model, "train")
    batches = make_batches(dataclasses.replace(config, data=data), images, Shard())
    with contextlib.closing(batches):
        index = next(batches)["index"]
    np.testing.assert_array_equal(index, index[::4].repeat(4))
    assert len(set(index)) == 8
