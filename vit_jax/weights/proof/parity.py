"""The proof: a reference module and ours, the same images, stage by stage."""

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from einops import rearrange
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.model.params import unbind
from vit_jax.model.vit import VisionTransformer
from vit_jax.weights.faults import ConversionError
from vit_jax.weights.layout import Layout, Stage
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.diagnose import find_cause
from vit_jax.weights.proof.report import ParityReport, StageError, measure
from vit_jax.weights.proof.run import find_vector, run_reference
from vit_jax.weights.recognise.detect import rank_layouts

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]


def parity(
    model: VisionTransformer,
    reference: "nn.Module",
    images: Array,
    *,
    tolerance: float | None = None,
    layout: str | None = None,
    explain: bool = True,
) -> ParityReport:
    """Returns how far a model is from a torch module on the same images.

    Torch rounds differently from itself by up to 1.4e-6 of the logits (threads, fused
    attention), JAX from torch by as much; a wrong norm_eps shows as 1e-5 to 1e-3, a
    tanh GELU as 2e-4.

    Args:
      reference: on the CPU, in float32; computes in evaluation mode, and is left in
        the mode it was in.
      images: normalised float32 (b, rows, columns, channels).
      tolerance: largest relative L2 and relative maximum error of a stage; None for
        1e-5, and 5e-5 from 24 blocks on.
      layout: whose names the reference's submodules have; None for the one that its
        parameters fit best.
      explain: whether to look for the cause of a difference, which computes the model
        with other values of the config.

    Raises:
      InputError: the reference lacks a stage of ours, or gives another shape.
    """
    if tolerance is None:
        tolerance = 1e-5 if model.config.depth < 24 else 5e-5
    tensors = {k: v.detach().cpu().numpy() for k, v in reference.state_dict().items()}
    table = find_layout(layout) if layout else fitting_layout(model.config, tensors)
    theirs = _their_stages(reference, images, table, model.config)

    def compare(model: VisionTransformer) -> Iterator[StageError]:
        # Accelerators multiply float32 matrices in fewer bits unless told otherwise.
        with jax.default_matmul_precision("highest"):
            for name, ours in model.stages(images):
                if name in theirs:
                    yield measure(name, np.asarray(ours), theirs[name])

    report = ParityReport(tuple(compare(model)), tolerance)
    if report.ok or not explain:
        return report
    params = {name: np.asarray(leaf) for name, leaf in unbind(model).items()}
    cause = find_cause(model.config, params, tensors, table, compare, report)
    return ParityReport(report.stages, tolerance, cause)


def fitting_layout(config: ViTConfig, tensors: dict[str, Array]) -> Layout:
    """Returns the layout that has the fewest faults with a module's tensors.

    Raises:
      InputError: their names are of no layout.
    """
    shapes = {key: tensor.shape for key, tensor in tensors.items()}

    def count_faults(layout: Layout) -> int:
        try:
            return len(make_plan(layout, config).find_faults(shapes))
        except ConversionError as error:
            return len(error.faults) + len(shapes)

    candidates = rank_layouts(tensors)
    if not candidates:
        raise InputError(
            "the reference's parameters have names of no layout that is known: give"
            " the layout by its name."
        )
    return min(candidates, key=count_faults)


def _their_stages(
    reference: "nn.Module", images: Array, layout: Layout, config: ViTConfig
) -> dict[str, Array]:
    """Returns what the reference's submodules give, by our names of the stages."""
    import torch

    found: dict[str, Array] = {}

    def watch(name: str, path: str, stage: Stage):
        try:
            module = reference.get_submodule(path)
        except AttributeError as error:
            raise InputError(
                f"the reference has no submodule {error}, where the {layout.name}"
                f" layout has the stage {name}: give a module of that layout."
            ) from error
        return module.register_forward_hook(_keep(found, name, stage))

    training = reference.training
    hooks = [watch(*place) for place in _place_stages(layout, config)]
    try:
        reference.eval()
        with torch.no_grad(), warnings.catch_warnings():
            # torch.nn.TransformerEncoder warns that hooks keep it off its fast path.
            warnings.simplefilter("ignore")
            run_reference(reference, images, config)
    finally:
        reference.train(training)
        for hook in hooks:
            hook.remove()
    return found


def _place_stages(
    layout: Layout, config: ViTConfig
) -> Iterator[tuple[str, str, Stage]]:
    """Yields our name of each stage of a model and the path of their submodule."""
    depth = config.depth
    for stage in layout.stages:
        if stage.ours == "norm" and not config.final_norm:
            continue
        # Where a block's output is only the next one's input, the last has no next.
        count = depth - 1 if "{next}" in stage.theirs else depth
        for i in range(count if "{i}" in stage.ours else 1):
            words = {"{i}": i, "{next}": i + 1, "{last}": depth - 1}
            ours, theirs = stage.ours, stage.theirs
            for word, value in words.items():
                ours, theirs = (s.replace(word, str(value)) for s in (ours, theirs))
            yield ours, theirs, stage


def _keep(
    found: dict[str, Array], name: str, stage: Stage
) -> Callable[[Any, Any, Any], None]:
    """Returns a hook that keeps what passes a module, its axes in our order."""

    def keep(_module: Any, inputs: Any, output: Any) -> None:
        value = inputs[0] if stage.side == "input" else find_vector(output)
        if value is None:
            return
        # A copy: some modules go on to write into what they gave.
        array = np.array(value.detach().float().numpy())
        found[name] = rearrange(array, stage.pattern)

    return keep
