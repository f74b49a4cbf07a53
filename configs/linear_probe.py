"""A new head on frozen weights of any file, folder or finished run.

    python train.py configs/linear_probe.py --init FILE --data.source DIR

Data: CIFAR-10 as a TFDS data set in --data.data-dir; any other by --data.source. Images
get the size of the weights' model; another one by --init.image-size 384 --init.resample
timm.
Hardware and time: a third of a fine-tune's step, since nothing goes back through the
blocks; a GPU for a ViT-S and larger, two CPU cores for a small ViT.
Expected: less than the same weights fine-tuned, and more than as many steps from
scratch: the README's section "Fine-tune" has both as measured.

All but the head is frozen, bit for bit, and has no optimizer state. The head begins
with zeros and does not decay.
"""

from pathlib import Path

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
        init=InitConfig(weights=REQUIRED, new_head=True),
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
            learning_rate=1e-2,
            warmup_steps=50,
            weight_decay=0,
            # All names that do not begin with head.
            freeze=(r"^(?!head)",),
        ),
        run=RunConfig(
            workdir=Path("runs/linear_probe"),
            steps=2000,
            eval_every_steps=500,
            save_every_steps=500,
        ),
    )
