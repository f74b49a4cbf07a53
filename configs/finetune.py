"""Weights of any file, folder or finished run, trained on for other classes.

    python train.py configs/finetune.py --init FILE --init.new-head --data.source DIR

Data: CIFAR-10 as a TFDS data set in --data.data-dir; any other by --data.source. Images
get the size of the weights' model; another one by --init.image-size 384 --init.resample
timm.
Hardware and time: a GPU for a ViT-S and larger; two CPU cores take a small ViT through
600 steps in minutes (`python -m benchmarks.finetune DIR`).
Expected: 98.1 % on CIFAR-10 for ViT-B/16 of ImageNet-21k (arXiv:2010.11929, table 5,
which fine-tunes with SGD at 384); not measured here. What is measured here is in the
README's section "Fine-tune".

AdamW with a learning rate that falls from layer to layer, as BEiT and MAE fine-tune
(arXiv:2106.08254, arXiv:2111.06377, table 9). The head is replaced only where
--init.new-head asks for it.
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
        init=InitConfig(weights=REQUIRED),
        model=ViTConfig(drop_path=0.1),
        data=DataConfig(
            source="cifar10",
            crop="random",
            crop_scale=(0.5, 1.0),
            resize="center",
            crop_fraction=1.0,
            batch_size=64,
            eval_batch_size=500,
            num_threads=2,
        ),
        augment=AugmentConfig(flip=True),
        optim=OptimConfig(
            learning_rate=1e-3,
            warmup_steps=50,
            layer_decay=0.75,
            label_smoothing=0.1,
        ),
        run=RunConfig(
            workdir=Path("runs/finetune"),
            steps=2000,
            eval_every_steps=500,
            save_every_steps=500,
        ),
    )
