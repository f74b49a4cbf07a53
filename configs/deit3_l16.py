"""DeiT III ViT-L/16 on ImageNet-1k alone, 800 epochs at 192 pixels.

    python train.py configs/deit3_l16.py --data.data-dir DIR

Paper: Touvron et al. 2022 (arXiv:2204.07118); the command in its authors' README.
Data: ImageNet-1k as TFDS's imagenet2012 in DIR; --data.source PATH takes folders and
.tar shards of it too.
Hardware and time: 32 GPUs (the authors' README). 14 h 10 min on a TPU v4-64 for 400
epochs and the fine-tune (deit3-jax, 84.62 % then).
Expected: 84.0 % of ImageNet's validation images (epoch 400: 79.6 %). Not trained here.

It is the first half of configs/deit3_l16_224.py. The learning rate is not scaled with
the batch. Every block drops its branches alike. A mixed image counts in full as both of
its classes.
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
        model=PRESETS["deit3_large_patch16_224"].config.replace(
            image_size=192,
            layer_scale=1e-4,
            drop_path=0.45,
            drop_path_mode="constant",
            dtype="bfloat16",
        ),
        data=DataConfig(
            source="imagenet2012",
            eval_split="validation",
            crop="random",
            resize="center",
            crop_fraction=1.0,
            batch_size=2048,
            eval_batch_size=1024,
            repeats=3,
            num_threads=16,
        ),
        augment=AugmentConfig(
            flip=True,
            three_augment=True,
            colour_jitter=(0.3, 0.3, 0.3, 0.0),
            mixup=0.8,
            cutmix=1.0,
        ),
        optim=OptimConfig(
            name="lamb",
            learning_rate=3e-3,
            final_learning_rate=1e-5,
            warmup_epochs=5,
            weight_decay=0.05,
            eps=1e-8,
            clip_norm=1.0,
            loss="sigmoid",
            target_threshold=0.0,
        ),
        run=RunConfig(
            workdir=Path("runs/deit3_l16"),
            epochs=800,
            log_every_steps=100,
            eval_every_steps=10000,
            save_every_steps=1000,
        ),
    )
