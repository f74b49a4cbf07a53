"""DeiT-S/16 on ImageNet-1k alone, 300 epochs, without a teacher.

    python train.py configs/deit_s16.py --data.data-dir DIR

Paper: Touvron et al. 2021 (arXiv:2012.12877); values of its authors' main.py.
Data: ImageNet-1k as TFDS's imagenet2012 in DIR; --data.source PATH takes folders and
.tar shards of it too.
Hardware and time: four GPUs (the authors' README). 2 h 43 min on a TPU v4-64
(deit3-jax, 79.68 %).
Expected: 79.8 % of ImageNet's validation images, 79.9 % in the README. Not trained
here.
"""

from pathlib import Path

from vit_jax.presets import PRESETS
from vit_jax.train.config import (
    AugmentConfig,
    DataConfig,
    OptimConfig,
    RunConfig,
    TrainConfig,
)


def get_config() -> TrainConfig:
    return TrainConfig(
        model=PRESETS["deit_small_patch16_224"].config.replace(
            drop_path=0.1, dtype="bfloat16"
        ),
        data=DataConfig(
            source="imagenet2012",
            eval_split="validation",
            crop="random",
            resize="center",
            crop_fraction=0.875,
            batch_size=1024,
            eval_batch_size=1024,
            repeats=3,
            num_threads=16,
        ),
        augment=AugmentConfig(
            flip=True,
            rand_augment="rand-m9-mstd0.5-inc1",
            erase=0.25,
            erase_mode="pixel",
            mixup=0.8,
            cutmix=1.0,
        ),
        optim=OptimConfig(
            learning_rate=1e-3,
            final_learning_rate=1e-5,
            warmup_epochs=5,
            weight_decay=0.05,
            clip_norm=None,
            label_smoothing=0.1,
        ),
        run=RunConfig(
            workdir=Path("runs/deit_s16"),
            epochs=300,
            log_every_steps=100,
            eval_every_steps=5000,
            save_every_steps=1000,
        ),
    )
