"""A small ViT from scratch on five classes of CIFAR-10, for two CPU cores.

    python train.py configs/cifar10_half.py --data.source half.npz

Data: five of CIFAR-10's classes, 25,000 images to train on and 5,000 held out, as
`python -m benchmarks.finetune DIR` cuts them out of the whole.
Hardware and time: two CPU cores, minutes.
Expected: the README's section "Fine-tune" has what it reaches, and what its weights are
worth for the other five classes.
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
            image_size=32,
            patch_size=8,
            num_classes=5,
            embed_dim=64,
            depth=4,
            num_heads=4,
            mlp_dim=128,
            class_token="none",
            pool="mean",
        ),
        data=DataConfig(
            source="half.npz",
            crop="random",
            crop_scale=(0.5, 1.0),
            resize="center",
            crop_fraction=1.0,
            batch_size=64,
            eval_batch_size=500,
        ),
        augment=AugmentConfig(flip=True),
        optim=OptimConfig(learning_rate=2e-3, warmup_steps=100, label_smoothing=0.1),
        run=RunConfig(
            workdir=Path("runs/cifar10_half"),
            steps=1500,
            eval_every_steps=500,
            save_every_steps=500,
        ),
    )
