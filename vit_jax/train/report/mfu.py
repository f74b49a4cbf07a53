"""Model FLOPs utilization: the share of the devices' peak that the model's need takes.

Source: Chowdhery et al. 2022, appendix B (arXiv:2204.02311).
"""

import dataclasses
from collections.abc import Iterable

from vit_jax.flops import count_training
from vit_jax.train.config import TrainConfig
from vit_jax.train.param_rows import find_trained
from vit_jax.train.report.peaks import Peak, find_peak

_SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclasses.dataclass(frozen=True)
class Utilization:
    """What an image needs, and what the devices could do."""

    flops: int
    """Of the products of one image in a training step."""
    peak: Peak

    def at(self, images_per_second: float) -> float:
        """Returns the utilization, 0 to 1."""
        return images_per_second * self.flops / self.peak.flops_per_second

    def __str__(self) -> str:
        scale = next((s for s in _SCALES if self.flops >= s[0]), _SCALES[-1])
        shown = f"{self.flops / scale[0]:,.4g} {scale[1]}FLOP"
        return f"a training step takes {shown} an image; MFU is of {self.peak}"


def find_utilization(config: TrainConfig, names: Iterable[str]) -> Utilization:
    """Returns what a run's images need and its devices can.

    Sharpness-aware steps take the gradients twice. A teacher's pass does not count.

    Args:
      names: of all parameters.
    """
    trained = find_trained(config.optim.freeze, names)
    gradients = 1 if config.optim.sam_rho is None else 2
    flops = gradients * count_training(config.model, trained)
    return Utilization(flops, find_peak(config.model.dtype))
