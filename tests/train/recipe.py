"""A recipe that is compiled in seconds and trains in less."""

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
            image_size=8,
            patch_size=4,
            in_channels=1,
            num_classes=10,
            embed_dim=16,
            depth=1,
            num_heads=2,
            mlp_dim=32,
            dropout=0.1,
        ),
        data=DataConfig(batch_size=32, eval_batch_size=100),
        augment=AugmentConfig(shift=0.1, mixup=0.2),
        optim=OptimConfig(learning_rate=1e-2, warmup_steps=2, label_smoothing=0.1),
        run=RunConfig(
            steps=24, log_every_steps=4, eval_every_steps=8, save_every_steps=5
        ),
    )
