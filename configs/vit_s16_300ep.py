"""ViT-S/16 on ImageNet-1k alone, 300 epochs: the plain baseline of big_vision.

    python train.py configs/vit_s16_300ep.py --data.data-dir DIR

Paper: Beyer et al. 2022 (arXiv:2205.01580); values of big_vision's
configs/vit_s16_i1k.py.
Data: ImageNet-1k as TFDS's imagenet2012 in DIR; --data.source PATH takes folders and
.tar shards of it too.
Hardware and time: a TPU v3-8, less than a day (the paper's abstract).
Expected: 80.0 % of ImageNet's validation images. Not trained here.

As big_vision's, but for: no Cutout among RandAugment's operations; pixels normalised
with ImageNet's statistics instead of to -1..1; Adam's momentum in float32. Its weight
decay of 1e-4 is not times the learning rate, ours of 0.1 is: at 1e-3 they are the same.
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


def get_config() -> TrainConfig:
    return TrainConfig(
        model=ViTConfig(
            embed_dim=384,
            num_heads=6,
            mlp_dim=1536,
            class_token="none",
            position="sincos2d_moco",
            position_on="patches",
            pool="mean",
            activation="gelu_tanh",
            pre_logits=384,
            dtype="bfloat16",
        ),
        data=DataConfig(
            source="imagenet2012",
            train_split="train[:99%]",
            eval_split="validation",
            crop="random",
            crop_scale=(0.05, 1.0),
            interpolation="bilinear",
            resize="center",
            crop_fraction=0.875,
            batch_size=1024,
            eval_batch_size=1024,
            num_threads=16,
        ),
        augment=AugmentConfig(flip=True, rand_augment="rand-m10-n2-p1", mixup=0.2),
        optim=OptimConfig(
            learning_rate=1e-3,
            warmup_steps=10_000,
            weight_decay=0.1,
        ),
        run=RunConfig(
            workdir=Path("runs/vit_s16_300ep"),
            epochs=300,
            log_every_steps=100,
            eval_every_steps=5000,
            save_every_steps=1000,
        ),
    )
