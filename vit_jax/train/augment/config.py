"""AugmentConfig: which random changes the training images get."""

import dataclasses
from collections.abc import Iterator
from typing import Literal, get_args

from vit_jax.errors import InputError, near
from vit_jax.train.augment.policies import parse_auto_augment, parse_rand_augment

PadMode = Literal["reflect", "zero"]
Interpolation = Literal["bilinear", "bicubic", "random"]
EraseMode = Literal["const", "rand", "pixel"]
MixMode = Literal["batch", "pair", "elem"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes to the training images, on the device, inside the step.

    They come in the order of the fields. By default there are none.
    """

    flip: bool = False
    """Mirror every other image, left to right."""
    flip_vertical: bool = False
    """Mirror every other image, top to bottom."""
    pad_crop: int = 0
    """Pad by so many pixels on every side and cut the old size out at random."""
    pad_mode: PadMode = "reflect"
    """What `pad_crop` pads with."""
    rand_augment: str | None = None
    """RandAugment in timm's words, such as rand-m9-mstd0.5-inc1 (arXiv:1909.13719).
    m: magnitude; n: operations an image (2); p: probability of each (0.5); mstd: noise
    on m; mmax: largest m (10); inc1: all operations grow with m; t: the set (3a, 3aw,
    weights)."""
    auto_augment: str | None = None
    """AutoAugment (arXiv:1805.09501): original, originalr, v0, v0r (timm's, for
    ImageNet) or cifar10; -mstd0.5 behind it puts noise on the magnitudes."""
    three_augment: bool = False
    """One of grey, solarised and blurred (DeiT III, arXiv:2204.07118, table 6)."""
    interpolation: Interpolation = "bicubic"
    """How policies turn, shear and move; random takes either, image by image."""
    colour_jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Brightness, contrast and saturation by a factor of up to 1 +- this, hue by up to
    this share of a turn (0 to 0.5), in an order drawn for each image."""
    grayscale: float = 0.0
    """Probability of an image's loss of its colours."""
    shift: float = 0.0
    """Move by up to this share of the image, down and across; black comes in."""
    rotate: float = 0.0
    """Turn by up to this many degrees."""
    scale: float = 0.0
    """Stretch rows and columns, each by a factor of up to exp(+-scale)."""
    erase: float = 0.0
    """Probability that rectangles of an image are erased (arXiv:1708.04896)."""
    erase_mode: EraseMode = "const"
    """With the mean colour, a random colour, or noise; the deviation is the data's."""
    erase_count: int = 1
    """Most rectangles an image; they share 2 % to a third of its area."""
    mixup: float = 0.0
    """alpha of Beta(alpha, alpha), the share of a second image and of its label
    (arXiv:1710.09412); 0 for none."""
    cutmix: float = 0.0
    """The same for a rectangle cut out of a second image (arXiv:1905.04899)."""
    cutmix_minmax: tuple[float, float] | None = None
    """Cut sides between these shares of the image's, in place of `cutmix`'s."""
    mix_mode: MixMode = "batch"
    """One share and rectangle for the batch, for each pair of images, or each image."""
    mix_prob: float = 1.0
    """Probability that a batch, pair or image is mixed at all."""
    mix_switch_prob: float = 0.5
    """Probability of cutmix where both mixup and cutmix are on."""

    def __post_init__(self) -> None:
        faults = [f"augment.{fault}" for fault in find_faults(self)]
        if faults:
            raise InputError("\n".join(faults))


def find_faults(c: AugmentConfig) -> Iterator[str]:
    """Yields a sentence for each fault."""
    yield from _choices(c)
    yield from _numbers(c)
    policies = {
        "rand_augment": c.rand_augment is not None,
        "auto_augment": c.auto_augment is not None,
        "three_augment": c.three_augment,
    }
    chosen = [name for name, on in policies.items() if on]
    if len(chosen) > 1:
        yield f"{' and '.join(chosen)} are both set; choose one policy."
    for parse, text in (
        (parse_rand_augment, c.rand_augment),
        (parse_auto_augment, c.auto_augment),
    ):
        try:
            if text is not None:
                parse(text)
        except InputError as error:
            yield str(error)
    yield from _without_effect(c)


def _choices(c: AugmentConfig) -> Iterator[str]:
    kinds = {
        "pad_mode": PadMode,
        "interpolation": Interpolation,
        "erase_mode": EraseMode,
        "mix_mode": MixMode,
    }
    for name, kind in kinds.items():
        value, options = getattr(c, name), get_args(kind)
        if value not in options:
            told = ", ".join(options)
            yield f"{name}={value!r} is none of {told}.{near(str(value), options)}"


def _numbers(c: AugmentConfig) -> Iterator[str]:
    if not 0 <= c.shift < 1:
        yield f"shift={c.shift}; a share is from 0 to below 1."
    for name in ("grayscale", "erase", "mix_prob", "mix_switch_prob"):
        value = getattr(c, name)
        if not 0 <= value <= 1:
            yield f"{name}={value}; a probability is from 0 to 1."
    for name in ("rotate", "scale", "mixup", "cutmix", "pad_crop"):
        value = getattr(c, name)
        if not value >= 0:
            yield f"{name}={value} is negative."
    if c.erase_count < 1:
        yield f"erase_count={c.erase_count}; at least 1. erase=0 erases nothing."
    if min(c.colour_jitter) < 0 or c.colour_jitter[3] > 0.5:
        yield (
            f"colour_jitter={c.colour_jitter}; brightness, contrast, saturation and"
            " hue, none negative and the hue up to 0.5."
        )
    low, high = c.cutmix_minmax or (0.0, 1.0)
    if not 0 <= low < high <= 1:
        yield f"cutmix_minmax={c.cutmix_minmax}; two shares from 0 to 1 that rise."


def _without_effect(c: AugmentConfig) -> Iterator[str]:
    """What is set is obeyed or refused: a setting of what is off would be neither."""
    warps = c.rand_augment is not None or c.auto_augment is not None
    cuts = c.cutmix > 0 or c.cutmix_minmax is not None
    mixes = c.mixup > 0 or cuts
    needs = {
        "pad_mode": (c.pad_crop > 0, "pad_crop"),
        "interpolation": (warps, "rand_augment or auto_augment"),
        "erase_mode": (c.erase > 0, "erase"),
        "erase_count": (c.erase > 0, "erase"),
        "mix_mode": (mixes, "mixup or cutmix"),
        "mix_prob": (mixes, "mixup or cutmix"),
        "mix_switch_prob": (c.mixup > 0 and cuts, "both mixup and cutmix"),
    }
    defaults = {field.name: field.default for field in dataclasses.fields(c)}
    for name, (on, what) in needs.items():
        value = getattr(c, name)
        if not on and value != defaults[name]:
            yield f"{name}={value!r} does nothing without {what}."
    if c.cutmix > 0 and c.cutmix_minmax is not None:
        yield (
            f"cutmix={c.cutmix} and cutmix_minmax={c.cutmix_minmax} both say how large"
            " to cut; set one."
        )
