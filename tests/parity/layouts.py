"""Every layout but timm's and Hugging Face's, beside its own library or its source."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from tests.models import random_images
from tests.parity.originals import google_names, lucidrains
from tests.parity.originals.google import Google
from tests.parity.originals.table import ORIGINALS
from tests.parity.references import randomise, tensors_of
from vit_jax.model.params import bind
from vit_jax.model.vit import VisionTransformer
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import parity
from vit_jax.weights.proof.report import StageError, measure
from vit_jax.weights.recognise.detect import detect

# Rounding of two blocks is below 2e-6; the cheapest mistake is 1e-5 (norm_eps).
TOLERANCE = 1e-5
SIZES: dict[str, Any] = {
    "image_size": 28,
    "patch_size": 14,
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
}
GIVEN = {"num_heads": 3}
SIZED = {"num_heads": 3, "image_size": 28}
Tensors = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Case:
    """A file of a family, and what one has to say of it beyond the file.

    Attributes:
      build: gives a torch module with initial values, or one of Google's.
      given: fields of ViTConfig that its weights do not tell.
      rename: from the module's names to the file's.
      part: of the module, which has our stages and logits.
      has_stages: whether its submodules are as the layout says.
    """

    name: str
    family: str
    layout: str
    build: Callable[..., Any]
    given: dict[str, Any] = dataclasses.field(default_factory=lambda: GIVEN)
    rename: Callable[[Tensors], Tensors] = dict
    part: str = ""
    has_stages: bool = True


@dataclasses.dataclass(frozen=True)
class Result:
    """What was found; no faults where all is well."""

    case: Case
    worst: float
    """Largest relative error of a stage."""
    faults: tuple[str, ...]


def check(case: Case) -> Result:
    """Returns how a family's file is recognised, computes and comes back."""
    built = case.build()
    module = built if isinstance(built, torch.nn.Module) else None
    own = tensors_of(randomise(module, seed=1)) if module else dict(built.tensors)
    found = detect(case.rename(own), case.given)
    layout, config = found.inference.layout, found.inference.config
    faults = [f"{fault.kind} {fault.key}" for fault in found.faults]
    if layout.name != case.layout:
        faults.append(f"taken for {layout.name}, not {case.layout}")
    if faults:
        return Result(case, np.inf, tuple(faults))
    plan = make_plan(layout, config)
    params = plan.to_ours(found.tensors)
    again = plan.to_theirs(params, plan.keep_extras(found.tensors))
    faults += list(_way_back(again, found.tensors))
    if module and not found.prefix and case.rename is dict:
        state = {key: torch.tensor(value) for key, value in again.items()}
        module.load_state_dict(state, strict=True)
    errors = list(_compare(case, built, bind(config, params), layout.name))
    worst = max(max(error.relative_l2, error.relative_max) for error in errors)
    if not worst <= TOLERANCE:
        faults.append(f"differs by {worst:.1e}")
    return Result(case, worst, tuple(faults))


def _compare(
    case: Case, built: Any, model: VisionTransformer, layout: str
) -> Iterator[StageError]:
    images = random_images(model.config)
    if isinstance(built, Google):
        theirs = built.stages(images)
        for name, ours in model.stages(images):
            yield measure(name, np.asarray(ours), theirs[name])
        return
    part = built.get_submodule(case.part)
    if case.has_stages:
        yield from parity(model, part, images, layout=layout, explain=False).stages
        return
    with torch.no_grad():
        logits = part(torch.from_numpy(np.moveaxis(images, -1, 1).copy())).numpy()
    yield measure("logits", np.asarray(model(images)), logits)


def _way_back(again: Tensors, tensors: Tensors) -> Iterator[str]:
    for key in sorted(again.keys() ^ tensors.keys()):
        yield f"{key} is in one alone"
    for key in again.keys() & tensors.keys():
        one, two = again[key], tensors[key]
        if (one.shape, one.dtype, one.tobytes()) != (
            two.shape,
            two.dtype,
            two.tobytes(),
        ):
            yield f"{key} came back another"


def _original(
    name: str, layout: str, *, sizes: dict[str, Any] | None = None, **changes: Any
) -> Case:
    original = ORIGINALS[name]
    told = {**SIZES, **(sizes or {})}
    case = Case(
        name=name,
        family=original.family,
        layout=layout,
        build=lambda: original.build(**told),
    )
    return dataclasses.replace(case, **changes)


META = (
    _original("dino", "timm"),
    _original("dino_teacher", "dino", part="backbone"),
    _original("mae", "mae", given={**GIVEN, "pool": "none"}),
    _original("mae_mean", "timm"),
    _original("mae_token", "timm"),
    _original("dinov2", "dinov2"),
    _original("dinov2_registers", "dinov2"),
    _original("dinov2_giant", "dinov2_swiglu"),
    _original("dinov2_one_chunk", "dinov2", has_stages=False),
    _original("dinov2_two_chunks", "dinov2"),
    _original("dinov3", "dinov3", given=SIZED),
    _original("dinov3_bf16_periods", "dinov3", given=SIZED),
    _original("dinov3_satellite", "dinov3", given=SIZED),
    _original("dinov3_plus", "dinov3_swiglu", given=SIZED),
    _original("dinov3_7b", "dinov3_swiglu", given=SIZED),
)


OPENAI = (
    _original("openai_clip_official", "openai_clip"),
    _original(
        "openai_clip",
        "openai_clip_visual",
        part="visual",
        has_stages=False,
        rename=lambda t: {
            key.removeprefix("visual."): t[key] for key in t if "visual." in key
        },
    ),
)

# The first release of each table of names; eras between differ in arithmetic alone.
ERAS = {
    "2020-10-07": "2020_10_07",
    "2020-10-10": "2020_10_10",
    "2020-10-13": "2020_10_13",
    "2020-10-14": "2020_10_14",
    "2020-12-07": "2020_12_07",
    "2020-12-17": "2020_12_07",
    "2020-12-24": "2020_12_07",
    "2021-02-20": "2021_02_20",
    "2021-02-26": "2021_02_20",
    "2021-03-29": "2021_03_29",
    "2023-02-03": "2023_02_03",
    "2023-08-09": "2023_08_09",
    "2025-11-27": "2023_08_09",
    "2025-11-28": "2025_11_28",
}


def _eras() -> Iterator[Case]:
    for era, since in ERAS.items():
        layout = f"lucidrains_{since}"
        known = lucidrains.ERAS[era]
        yield _original(f"lucidrains_{era}", layout)
        if known.pools:
            given = {**GIVEN, "pool": "mean"}
            yield _original(f"lucidrains_{era}_mean", layout, given=given)
        if known.head_dim:
            case = _original(f"lucidrains_{era}", layout, sizes={"head_dim": 8})
            yield dataclasses.replace(case, name=f"{case.name}_narrow")
        if known.to_out == "unless_one_head":
            one = {"num_heads": 1}
            case = _original(f"lucidrains_{era}", layout, sizes=one, given=one)
            yield dataclasses.replace(case, name=f"{case.name}_one_head")
    for era in ("2022-05-03", "2023-02-03", "2023-08-10"):
        layout = f"simple_vit_{era.replace('-', '_')}"
        case = _original(f"lucidrains_simple_{era}", layout, given=SIZED)
        yield dataclasses.replace(case, family="simple_vit")


LUCIDRAINS = tuple(_eras())


def _google() -> Iterator[Case]:
    for name in ("token", "gap", "pre_logits", "unpooled"):
        given = {"pool": "none"} if name == "unpooled" else {}
        for layout, rename in (
            ("google_vit", google_names.released),
            ("google_vit_opt", lambda t: google_names.released(t, "opt/target/")),
            ("google_vit_linen", dict),
        ):
            case = _original(f"vit_jax_{name}", layout, given=given)
            yield dataclasses.replace(
                case,
                name=f"{layout}_{name}",
                family="vision_transformer",
                rename=rename,
            )
    for name in ("gap", "token", "sincos", "pre_logits", "map", "siglip", "scan"):
        given = {"image_size": 28} if name == "sincos" else {}
        for suffix, rename in (
            ("", dict),
            ("_params", google_names.one_tower),
            ("_img", google_names.two_towers),
        ):
            layout = f"big_vision{suffix}{'_scan' if name == 'scan' else ''}"
            case = _original(f"big_vision_{name}", layout, given=given)
            yield dataclasses.replace(
                case, name=f"{layout}_{name}", family="big_vision", rename=rename
            )
    for layout, name, rename in (
        ("big_vision_2021", "gap", google_names.positions_in_encoder),
        ("big_vision_probe", "map", google_names.inlined_probe),
        (
            "big_vision_probe_2021",
            "map",
            lambda t: google_names.inlined_probe(google_names.positions_in_encoder(t)),
        ),
    ):
        case = _original(f"big_vision_{name}", layout, given={}, rename=rename)
        yield dataclasses.replace(case, name=layout, family="big_vision")


GOOGLE = tuple(_google())
