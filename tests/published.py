"""What papers and their authors' files say of the recipes; typed from them by hand."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """One row of a published table or one published command."""

    paper: str
    """Its number at arXiv."""
    source: str
    """Where the values below stand; the accuracy too, if it says nothing else."""
    accuracy: str
    """Top-1 on ImageNet's validation images or CIFAR-10's test images, in per cent."""
    image_size: int
    batch: int
    learning_rate: float
    weight_decay: float
    """Times the learning rate."""
    warmup: int
    """Steps."""
    steps: int
    drop_path: float = 0.0
    params: float | None = None
    """Millions; None where none is published, and for a fine-tune, whose model is that
    of its weights."""


def deit(accuracy: str, params: float) -> Published:
    """Touvron et al. 2021: main.py's defaults, with which README_deit.md trains."""
    return Published(
        paper="2012.12877",
        source="facebookresearch/deit, main.py and README_deit.md",
        accuracy=accuracy,
        params=params,
        image_size=224,
        batch=1024,
        learning_rate=5e-4 * 1024 / 512,
        weight_decay=0.05,
        warmup=6_255,  # 5 of 300 epochs of 1,251.14 steps
        steps=375_341,
        drop_path=0.1,
    )


def big_vision(accuracy: str, steps: int) -> Published:
    """Beyer et al. 2022: big_vision/configs/vit_s16_i1k.py; the abstract for 300."""
    return Published(
        paper="2205.01580",
        source="google-research/big_vision, big_vision/configs/vit_s16_i1k.py",
        accuracy=accuracy,
        image_size=224,
        batch=1024,
        learning_rate=1e-3,
        weight_decay=1e-4 / 1e-3,  # big_vision's is not times the learning rate
        warmup=10_000,
        steps=steps,
    )


def deit3(
    accuracy: str,
    params: float,
    image_size: int,
    *,
    learning_rate: float = 3e-3,
    drop_path: float,
) -> Published:
    """Touvron et al. 2022: README_revenge.md's commands, and its logs at epoch 800."""
    return Published(
        paper="2204.07118",
        source="facebookresearch/deit, README_revenge.md",
        accuracy=accuracy,
        params=params,
        image_size=image_size,
        batch=2048,
        learning_rate=learning_rate,
        weight_decay=0.05,
        warmup=3_127,  # 5 of 800 epochs of 625.57 steps
        steps=500_455,
        drop_path=drop_path,
    )


def deit3_fine_tune(accuracy: str, image_size: int, drop_path: float) -> Published:
    """Touvron et al. 2022: README_revenge.md's commands for 20 epochs."""
    return Published(
        paper="2204.07118",
        source="facebookresearch/deit, README_revenge.md",
        accuracy=accuracy,
        image_size=image_size,
        batch=512,
        learning_rate=1e-5,
        weight_decay=0.1,
        warmup=12_511,  # 5 epochs of 2,502.28 steps
        steps=50_045,
        drop_path=drop_path,
    )


def augreg(
    accuracy: str, source: str, learning_rate: float, *, steps: int
) -> Published:
    """Steiner et al. 2021: big_vision/configs/transfer.py, which tunes at 384."""
    return Published(
        paper="2106.10270",
        source=source,
        accuracy=accuracy,
        image_size=384,
        batch=512,
        learning_rate=learning_rate,
        weight_decay=0,
        warmup=500,
        steps=steps,
    )


PUBLISHED = {
    "vit_s16_90ep": big_vision("76.5", 111_476),
    "vit_s16_300ep": big_vision("80.0", 371_588),
    "deit_ti16": deit("72.2", 5.7),
    # As deit3-jax quotes the paper; README_deit.md has 79.9.
    "deit_s16": deit("79.8", 22.1),
    "deit_b16": deit("81.8", 86.6),
    "deit_b16_384": Published(
        paper="2012.12877",
        source="facebookresearch/deit, README_deit.md",
        accuracy="82.9",
        image_size=384,
        batch=32 * 8 * 2,
        learning_rate=5e-6 * 512 / 512,
        weight_decay=1e-8,
        warmup=12_511,  # 5 of 30 epochs of 2,502.28 steps
        steps=75_068,
        drop_path=0.1,
    ),
    "deit3_s16": deit3("81.4", 22.1, 224, learning_rate=4e-3, drop_path=0.05),
    "deit3_b16": deit3("82.8", 86.6, 192, drop_path=0.2),
    "deit3_l16": deit3("84.0", 304.4, 192, drop_path=0.45),
    "deit3_h14": deit3("83.5", 632.1, 160, drop_path=0.6),
    "deit3_b16_224": deit3_fine_tune("83.8", 224, 0.2),
    "deit3_l16_224": deit3_fine_tune("84.9", 224, 0.45),
    "deit3_h14_224": deit3_fine_tune("85.2", 224, 0.55),
    "deit3_s16_384": deit3_fine_tune("83.4", 384, 0.0),
    "deit3_b16_384": deit3_fine_tune("85.0", 384, 0.15),
    "deit3_l16_384": deit3_fine_tune("85.8", 384, 0.4),
    "augreg_b16_384": augreg(
        "85.49",
        "google-research/vision_transformer, README.md; the rate in its file's name",
        0.03,
        steps=20_000,
    ),
    "augreg_b32_cifar10": augreg(
        "98.55",
        "google-research/big_vision, big_vision/configs/transfer.py",
        0.003,
        steps=10_000,
    ),
}
