"""DeiT-B/16, fine-tuned at 384 pixels for 30 epochs of ImageNet-1k.

    python train.py configs/deit_b16_384.py --init FILE --data.data-dir DIR

Paper: Touvron et al. 2021 (arXiv:2012.12877); the command in its authors' README.
Data: ImageNet-1k as TFDS's imagenet2012 in DIR; --data.source PATH takes folders and
.tar shards of it too.
Hardware and time: 16 GPUs of 32 GB (the authors' README).
Expected: 82.9 % of ImageNet's validation images. Not trained here.

FILE is runs/deit_b16/model, the model of configs/deit_b16.py, or its authors' file.
"""

from pathlib import Path

from vit_jax.config import ViTConfig
from vit_jax.train.config import (
    AugmentConfig,
    DataConfig,
    OptimConfig,
    RunConfig,
    TrainConfig,
)
from vit_jax.train.init_config import REQUIRED, InitConfig


def get_config() -> TrainConfig:
    return TrainConfig(
        init=InitConfig(weights=REQUIRED, image_size=384, resample="timm"),
        model=ViTConfig(drop_path=0.1, dtype="bfloat16"),
        data=DataConfig(
            source="imagenet2012",
            eval_split="validation",
            crop="random",
            resize="center",
            crop_fraction=0.875,
            batch_size=512,
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
            learning_rate=5e-6,
            final_learning_rate=5e-6,
            warmup_epochs=5,
            weight_decay=1e-8,
            clip_norm=None,
            label_smoothing=0.1,
        ),
        run=RunConfig(
            workdir=Path("runs/deit_b16_384"),
            epochs=30,
            log_every_steps=100,
            eval_every_steps=2500,
            save_every_steps=1000,
        ),
    )
