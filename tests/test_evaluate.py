import dataclasses

import jax
import numpy as np
import pytest

from tests.models import TINY, random_model, random_params
from vit_jax.data.sources import Digits
from vit_jax.errors import InputError
from vit_jax.evaluate import check_fits, evaluate
from vit_jax.pixels import normalise

SOURCE = Digits("test")


@dataclasses.dataclass(frozen=True)
class Few(Digits):
    """The first three of the held-out digits."""

    def __len__(self):
        return 3


@pytest.mark.parametrize("batch_size", [1, 100, 360, 500])
def test_every_image_counts_once_whatever_the_batch_size(batch_size):
    source = Few("test") if batch_size == 1 else SOURCE
    images = np.stack([source[i]["image"] for i in range(len(source))])
    labels = np.array([source[i]["label"] for i in range(len(source))])
    logits = random_model(TINY)(normalise(images, source.pixels))
    log_p = np.asarray(jax.nn.log_softmax(logits))
    found = evaluate(
        TINY, random_params(TINY), source.pixels, source, batch_size=batch_size
    )
    assert found.images == len(source)
    assert found.top1 == np.mean(log_p.argmax(-1) == labels)
    expected = -log_p[np.arange(len(labels)), labels].mean()
    assert found.loss == pytest.approx(expected, rel=1e-5)


def test_a_model_that_gives_logits_for_every_token_is_refused():
    with pytest.raises(InputError, match="choose 'cls' or 'mean'"):
        check_fits(TINY.replace(pool="none"), SOURCE)


@pytest.mark.parametrize(
    "changes", [{"num_classes": 9}, {"image_size": 16}, {"in_channels": 3}]
)
def test_a_model_for_other_images_is_refused(changes):
    with pytest.raises(InputError, match="images of"):
        check_fits(TINY.replace(**changes), SOURCE)
