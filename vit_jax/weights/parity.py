"""The proof: a reference module and ours, the same images, stage by stage."""

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from numpy.typing import NDArray

from vit_jax.errors import InputError
from vit_jax.model.vit import VisionTransformer
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.mapping import Layout, Stage

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]


@dataclasses.dataclass(frozen=True)
class StageError:
    """How far one stage is from the reference's."""

    stage: str
    relative_l2: float
    """|ours - theirs| / |theirs|, Euclidean over all numbers."""
    relative_max: float
    """The largest difference over the largest number of theirs."""

    def within(self, tolerance: float) -> bool:
        """Whether both errors are at most the tolerance; NaN never is."""
        return self.relative_l2 <= tolerance and self.relative_max <= tolerance


@dataclasses.dataclass(frozen=True)
class ParityReport:
    """The errors of all stages, in the order of the computation."""

    stages: tuple[StageError, ...]
    tolerance: float

    @property
    def first_difference(self) -> str | None:
        """The first stage beyond the tolerance, or None."""
        beyond = (s.stage for s in self.stages if not s.within(self.tolerance))
        return next(beyond, None)

    @property
    def ok(self) -> bool:
        """Whether every stage is within the tolerance."""
        return self.first_difference is None

    def __str__(self) -> str:
        lines = [f"{'stage':<12} {'rel. L2':>9} {'rel. max':>9}"]
        for s in self.stages:
            mark = "" if s.within(self.tolerance) else "  <- differs"
            lines.append(
                f"{s.stage:<12} {s.relative_l2:>9.1e} {s.relative_max:>9.1e}{mark}"
            )
        verdict = f"first difference: {self.first_difference}"
        verdict = "equal" if self.ok else verdict
        return "\n".join([*lines, f"{verdict} (tolerance {self.tolerance:g})"])


def parity(
    model: VisionTransformer,
    reference: "nn.Module",
    images: Array,
    *,
    tolerance: float = 1e-5,
    layout: Layout = TIMM,
) -> ParityReport:
    """Returns how far a model is from a torch module on the same images.

    Torch rounds differently from itself by up to 1.4e-6 of the logits (threads, fused
    attention), JAX from torch by as much; a wrong norm_eps shows as 1e-5 to 1e-3, a
    tanh GELU as 2e-4. For depth 24 and more give tolerance=5e-5.

    Args:
      reference: on the CPU, in float32; computes in evaluation mode, and is left in
        the mode it was in.
      images: normalised float32 (b, rows, columns, channels).
      tolerance: largest relative L2 and relative maximum error of a stage.
      layout: whose names the reference's submodules have.

    Raises:
      InputError: the reference lacks a stage of ours, or gives another shape.
    """
    theirs = _their_stages(reference, images, layout, model.config.depth)
    errors: list[StageError] = []
    # Accelerators multiply float32 matrices in fewer bits unless told otherwise.
    with jax.default_matmul_precision("highest"):
        for name, ours in model.stages(images):
            if name in theirs:
                errors.append(_compare(name, np.asarray(ours), theirs[name]))
    return ParityReport(tuple(errors), tolerance)


def _compare(stage: str, ours: Array, theirs: Array) -> StageError:
    if ours.shape != theirs.shape:
        raise InputError(
            f"stage {stage} is {ours.shape} in ours and {theirs.shape} in the"
            " reference: the two are not the same architecture."
        )
    x, y = ours.astype(np.float64), theirs.astype(np.float64)
    difference = np.abs(x - y)
    scale, largest = np.linalg.norm(y), np.abs(y).max()
    return StageError(
        stage,
        float(np.linalg.norm(difference) / scale) if scale else float(difference.any()),
        float(difference.max() / largest) if largest else float(difference.any()),
    )


def _their_stages(
    reference: "nn.Module", images: Array, layout: Layout, depth: int
) -> dict[str, Array]:
    """Returns what the reference's submodules give, by our names of the stages."""
    import torch

    found: dict[str, Array] = {}

    def watch(stage: Stage, i: int):
        name = stage.ours.replace("{i}", str(i))
        try:
            module = reference.get_submodule(stage.theirs.replace("{i}", str(i)))
        except AttributeError as error:
            raise InputError(
                f"the reference has no submodule {error}, where the {layout.name}"
                f" layout has the stage {name}: give a module of that layout."
            ) from error

        def keep(_module: Any, inputs: Any, output: Any) -> None:
            value = inputs[0] if stage.side == "input" else output
            found[name] = value.detach().float().numpy()

        return module.register_forward_hook(keep)

    training = reference.training
    hooks = [
        watch(stage, i)
        for stage in layout.stages
        for i in range(depth if "{i}" in stage.theirs else 1)
    ]
    try:
        reference.eval()
        with torch.no_grad():
            reference(torch.from_numpy(np.moveaxis(images, -1, 1).copy()))
    finally:
        reference.train(training)
        for hook in hooks:
            hook.remove()
    return found
