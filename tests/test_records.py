import json
from pathlib import Path

import pytest

from vit_jax.config import ViTConfig
from vit_jax.records import from_fields, to_fields
from vit_jax.train.config import DataConfig, OptimConfig, RunConfig, TrainConfig


def test_a_record_comes_back_from_json():
    config = TrainConfig(
        model=ViTConfig(image_size=(32, 64), layer_scale=0.1),
        data=DataConfig(source="mnist", crop_scale=(0.5, 1.0)),
        optim=OptimConfig(decay_rows=(("a", 1.0), ("b", 0.5)), clip_norm=None),
        run=RunConfig(workdir=Path("somewhere")),
    )
    assert from_fields(TrainConfig, json.loads(json.dumps(to_fields(config)))) == config


def test_a_field_of_another_version_is_refused():
    with pytest.raises(TypeError, match="ViTConfig has no field width"):
        from_fields(ViTConfig, {"width": 3})
