import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.models import TINY, random_model, random_params
from vit_jax.data.sources import Digits
from vit_jax.errors import InputError
from vit_jax.pixels import normalise
from vit_jax.predict import predict
from vit_jax.release import Release

SOURCE = Digits("test")
RELEASE = Release(
    config=TINY,
    params=random_params(TINY),
    pixels=SOURCE.pixels,
    class_names=SOURCE.class_names,
)


@pytest.fixture
def files(tmp_path):
    """Two held-out digits as image files."""
    paths = [tmp_path / "0.png", tmp_path / "1.bmp"]
    for i, path in enumerate(paths):
        Image.fromarray(SOURCE[i]["image"][:, :, 0]).save(path)
    return paths


def test_the_likeliest_classes_come_first_with_their_probabilities(files):
    images = np.stack([SOURCE[i]["image"] for i in range(2)])
    logits = np.asarray(random_model(TINY)(normalise(images, SOURCE.pixels)))
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for i, found in enumerate(predict(RELEASE, files, top=10)):
        assert found.image == files[i]
        assert found.classes[0][0] == str(shares[i].argmax())
        assert dict(found.classes) == pytest.approx(
            dict(zip("0123456789", shares[i], strict=True)), rel=1e-4
        )
        assert sum(share for _, share in found.classes) == pytest.approx(1, rel=1e-5)


def test_classes_without_names_are_numbered(files):
    release = dataclasses.replace(RELEASE, class_names=())
    assert predict(release, files, top=1)[0].classes[0][0].startswith("class ")


def test_a_model_without_classes_is_refused(files):
    config = TINY.replace(num_classes=0)
    release = dataclasses.replace(
        RELEASE, config=config, params=random_params(config), class_names=()
    )
    with pytest.raises(InputError, match="features"):
        predict(release, files)
