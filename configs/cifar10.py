"""A small ViT from scratch on CIFAR-10.

    python train.py configs/cifar10.py --data.data-dir DIR --run.workdir runs/cifar10

Data: CIFAR-10 as a TFDS data set in DIR, 50,000 images to train on, 10,000 held out.
Hardware and time: a GPU; two CPU cores would take a day and more for all steps.
Expected: plain ViTs reach 80 to 89 % in 200 to 1,000 epochs (kentaroy47's
vision-transformers-cifar10); not measured here yet.
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
            patch_size=4,
            num_classes=10,
            embed_dim=192,
            depth=9,
            num_heads=3,
            mlp_dim=384,
            drop_path=0.1,
        ),
        data=DataConfig(
            source="cifar10", in_memory=True, batch_size=128, eval_batch_size=1000
        ),
        augment=AugmentConfig(flip=True, shift=0.125, rotate=10, scale=0.1, mixup=0.2),
        optim=OptimConfig(learning_rate=1e-3, warmup_steps=2000, label_smoothing=0.1),
        run=RunConfig(
            workdir=Path("runs/cifar10"),
            epochs=200,
            log_every_steps=200,
            eval_every_steps=2000,
            save_every_steps=2000,
        ),
    )
