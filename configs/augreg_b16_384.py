"""ViT-B/16 of ImageNet-21k (AugReg), fine-tuned at 384 pixels on ImageNet-1k.

    python train.py configs/augreg_b16_384.py --init FILE --data.data-dir DIR

Paper: Steiner et al. 2021 (arXiv:2106.10270); values of big_vision's
configs/transfer.py.
Data: ImageNet-1k as TFDS's imagenet2012 in DIR; --data.source PATH takes folders and
.tar shards of it too.
Hardware and time: 8 V100, 17.9 hours with older weights (vision_transformer's README).
Expected: 85.49 % of ImageNet's validation images (vision_transformer's README). Not
trained here.

FILE is B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0.npz of
vit_models/augreg. The learning rate of 0.03 is the one in the name of the published
fine-tuned file.
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
        init=InitConfig(
            weights=REQUIRED, new_head=True, image_size=384, resample="google"
        ),
        model=ViTConfig(dtype="bfloat16"),
        data=DataConfig(
            source="imagenet2012",
            train_split="train[:99%]",
            eval_split="validation",
            crop="random",
            crop_scale=(0.05, 1.0),
            interpolation="bilinear",
            resize="center",
            crop_fraction=0.857,
            batch_size=512,
            eval_batch_size=1024,
            num_threads=16,
        ),
        augment=AugmentConfig(flip=True),
        optim=OptimConfig(
            name="sgd",
            learning_rate=0.03,
            warmup_steps=500,
            weight_decay=0,
            clip_norm=1.0,
        ),
        run=RunConfig(
            workdir=Path("runs/augreg_b16_384"),
            steps=20_000,
            log_every_steps=100,
            eval_every_steps=1000,
            save_every_steps=1000,
        ),
    )
