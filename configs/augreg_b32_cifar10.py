"""ViT-B/32 of ImageNet-21k (AugReg), fine-tuned at 384 pixels on CIFAR-10.

    python train.py configs/augreg_b32_cifar10.py --init FILE --data.data-dir DIR

Paper: Steiner et al. 2021 (arXiv:2106.10270); values of big_vision's
configs/transfer.py.
Data: CIFAR-10 as a TFDS data set in DIR, 49,000 images to train on, 10,000 held out.
Hardware and time: 8 V100, 1.6 hours with older weights (vision_transformer's README).
Expected: 98.55 %, 98.46 to 98.60 in five runs (big_vision's configs/transfer.py). Not
trained here.

FILE is B_32-i21k-300ep-lr_0.001-aug_light1-wd_0.1-do_0.0-sd_0.0.npz of
vit_models/augreg.
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
            source="cifar10",
            train_split="train[:98%]",
            crop="simple",
            resize="center",
            crop_fraction=0.857,
            interpolation="bilinear",
            batch_size=512,
            eval_batch_size=1000,
            num_threads=16,
        ),
        augment=AugmentConfig(flip=True),
        optim=OptimConfig(
            name="sgd",
            learning_rate=0.003,
            warmup_steps=500,
            weight_decay=0,
            clip_norm=1.0,
        ),
        run=RunConfig(
            workdir=Path("runs/augreg_b32_cifar10"),
            steps=10_000,
            log_every_steps=100,
            eval_every_steps=1000,
            save_every_steps=1000,
        ),
    )
