"""A plain ViT from scratch on CIFAR-10, built for speed.

    python train.py configs/cifar10_fast.py --data.data-dir DIR

Data: CIFAR-10 as a TFDS data set in DIR; decoded once, then all of it on the device, so
that a batch is four bytes an image to send.
Hardware and time: a GPU. configs/cifar10_fast_cpu.py is the same at a size that two CPU
cores train in 15 minutes.
Expected: not measured yet, no GPU was to be had. Plain ViTs of this size are published
at 90.9 % in 200 epochs (omihub777's ViT-CIFAR).

Muon, rotary positions and the mean over the patches are those that
configs/cifar10_fast_cpu.py was measured with; augmentation, length and learning rate
are for 300 epochs.
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
            embed_dim=384,
            depth=8,
            num_heads=6,
            mlp_dim=1536,
            class_token="none",
            pool="mean",
            rope="axial",
            drop_path=0.1,
            dtype="bfloat16",
        ),
        data=DataConfig(
            source="cifar10",
            in_memory=True,
            on_device=True,
            batch_size=512,
            eval_batch_size=1000,
        ),
        augment=AugmentConfig(
            flip=True,
            pad_crop=4,
            rand_augment="rand-m7-n2-p1",
            mixup=0.2,
            cutmix=1.0,
        ),
        optim=OptimConfig(
            name="muon",
            learning_rate=2e-3,
            warmup_epochs=5,
            weight_decay=0.1,
            label_smoothing=0.1,
            ema_decay=0.9998,
        ),
        run=RunConfig(
            workdir=Path("runs/cifar10_fast"),
            epochs=300,
            log_every_steps=500,
            eval_every_steps=5000,
            save_every_steps=5000,
        ),
    )
