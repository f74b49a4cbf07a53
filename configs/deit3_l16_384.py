"""DeiT III ViT-L/16, fine-tuned at 384 pixels for 20 epochs of ImageNet-1k.

    python train.py configs/deit3_l16_384.py --init FILE --data.data-dir DIR

Paper: Touvron et al. 2022 (arXiv:2204.07118); the command in its authors' README.
Data: ImageNet-1k as TFDS's imagenet2012 in DIR; --data.source PATH takes folders and
.tar shards of it too.
Hardware and time: 32 GPUs (the authors' README).
Expected: 85.8 % of ImageNet's validation images. Not trained here.

FILE is runs/deit3_l16/model, the model of configs/deit3_l16.py, or its authors' file.
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
        model=ViTConfig(drop_path=0.4, drop_path_mode="constant", dtype="bfloat16"),
        data=DataConfig(
            source="imagenet2012",
            eval_split="validation",
            crop="random",
            resize="center",
            crop_fraction=1.0,
            batch_size=512,
            eval_batch_size=1024,
            num_threads=16,
        ),
        augment=AugmentConfig(
            flip=True,
            rand_augment="rand-m9-mstd0.5-inc1",
            mixup=0.8,
            cutmix=1.0,
        ),
        optim=OptimConfig(
            learning_rate=1e-5,
            final_learning_rate=1e-5,
            warmup_epochs=5,
            weight_decay=0.1,
            clip_norm=None,
            label_smoothing=0.1,
        ),
        run=RunConfig(
            workdir=Path("runs/deit3_l16_384"),
            epochs=20,
            log_every_steps=100,
            eval_every_steps=2500,
            save_every_steps=1000,
        ),
    )
