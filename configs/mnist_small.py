"""A small ViT from scratch on MNIST, for two CPU cores.

    python train.py configs/mnist_small.py --data.data-dir DIR

Data: MNIST as a TFDS data set in DIR, as for configs/mnist.py.
Hardware and time: two CPU cores, 8 minutes.
Expected: 99.18 % held-out accuracy (seed 0).

The values were chosen on the last 10,000 training images, after 1,500 steps: a class
token and learned positions alone gave 93.1 %, the mean over the patches 93.8 %, rotary
positions besides 95.7 %, and a learning rate of 4e-3 with beta2 of 0.98 96.6 %.
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
            image_size=28,
            patch_size=4,
            in_channels=1,
            num_classes=10,
            embed_dim=64,
            depth=4,
            num_heads=4,
            mlp_dim=128,
            class_token="none",
            pool="mean",
            rope="axial",
        ),
        data=DataConfig(
            source="mnist", in_memory=True, batch_size=64, eval_batch_size=1000
        ),
        augment=AugmentConfig(shift=0.05, rotate=8, scale=0.08),
        optim=OptimConfig(learning_rate=4e-3, warmup_steps=300, beta2=0.98),
        run=RunConfig(
            workdir=Path("runs/mnist_small"),
            steps=8000,
            log_every_steps=200,
            eval_every_steps=4000,
            save_every_steps=1000,
        ),
    )
