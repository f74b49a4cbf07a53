"""The model of a file: what its shapes tell, and what they leave open."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.presets import PRESETS, Preset
from vit_jax.weights.layout import Layout
from vit_jax.weights.recognise.read_shapes import Fields, read_shapes
from vit_jax.weights.recognise.seen import Seen

OPEN = ("num_heads", "norm_eps", "activation", "attn_scale", "pool", "image_size")
"""What weights do not tell, or not for certain."""
FREE = ("image_size", "num_classes", "layer_scale", "head_bias", "pre_logits")
"""What may differ between a published model and a file of it."""

# Fields of one kind of rotary positions alone.
ROPES = {"rope_offset": "axial", "rope_grid": "axial", "rope_dtype": "centred"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inference:
    """A model that a file fits, and how each field of it is known."""

    layout: Layout
    config: ViTConfig
    told: Fields
    """By keys and shapes."""
    guessed: dict[str, Any]
    """Fields that nothing tells."""
    reason: str
    """Of the guesses."""
    presets: tuple[str, ...]
    """Published models of these shapes; the first is the nearest."""


class UndecidedError(InputError):
    """A layout is recognised, but a field of the model must be given."""

    def __init__(self, message: str, layout: Layout, told: Fields):
        super().__init__(message)
        self.layout, self.told = layout, told


def infer(
    layout: Layout,
    tensors: Mapping[str, NDArray[Any]],
    given: Mapping[str, Any] | None = None,
) -> Inference:
    """Returns the model of a file in a layout.

    What shapes do not tell is what was given, else what the layout's code always has,
    what its models mostly have, or what the published model of these shapes has.

    Args:
      given: fields of ViTConfig, which stand above all others.

    Raises:
      UndecidedError: a field must be given; the message names it.
      InputError: the keys are not the layout's, or the shapes are of no model.
    """
    given = dict(given or {})
    constant = {k: v for k, v in layout.fixed.items() if not callable(v)}
    seen = Seen(layout, {key: tensor.shape for key, tensor in tensors.items()})
    told = read_shapes(seen, {**constant, **given})
    width = told.pop("attn_dim")
    fixed = evaluate(layout.fixed, told)
    for key, tell in layout.values.items():
        fixed |= tell(tensors[key]) if key in tensors else {}
    alike = find_alike({**told, **constant}, layout)
    fields = _guess(layout, told, alike) | told | fixed | given
    _check_places(
        layout, told, fields, known=bool(alike) or "position" in fixed | given
    )
    heads = fields.get("num_heads") or _guess_heads(told, width, layout)
    fields |= {"num_heads": heads, "head_dim": _head_dim(fields, heads, width)}
    if fields.get("position_on") == "class" and not fields["num_registers"]:
        fields["position_on"] = "all"  # the same, where no register stands between
    config = ViTConfig(**fields)
    sure = told.keys() - {"image_size", "patch_size", "in_channels"}
    return Inference(
        layout=layout,
        config=config,
        told=told,
        guessed={
            name: getattr(config, name)
            for name in _open_fields(config, layout, seen)
            if name not in given and name not in fixed and name not in sure
        },
        reason=f"as {alike[0].name} has it" if alike else f"as in {layout.title}",
        presets=tuple(preset.name for preset in alike),
    )


def _guess(layout: Layout, told: Fields, alike: list[Preset]) -> Fields:
    """Returns all fields as the nearest published model and the layout have them."""
    usual = evaluate(layout.usual, told)
    nothing: Fields = {"position": "none", "rope": "none"}
    if not alike:
        return nothing | usual
    published = _fields_of(alike[0])
    own = _is_home(alike[0], layout)
    return nothing | (usual | published if own else published | usual)


def _check_places(layout: Layout, told: Fields, fields: Fields, *, known: bool) -> None:
    """Raises UndecidedError where nothing tells how tokens get their places."""
    placed = (fields["position"], fields["rope"]) != ("none", "none")
    if not (known or placed or told["relative_position_bias"]):
        raise UndecidedError(
            "the weights have no position table and do not tell how tokens get their"
            " places: name a preset.",
            layout,
            told,
        )


def _open_fields(config: ViTConfig, layout: Layout, seen: Seen) -> list[str]:
    """Returns the fields that weights do not tell of a model in a layout."""
    ropes = [
        name
        for name in dataclasses.asdict(config)
        if name.startswith("rope") and ROPES.get(name, config.rope) == config.rope
    ]
    groups = {
        OPEN: True,
        tuple(layout.usual): True,
        tuple(ropes): config.rope != "none",
        ("pre_logits_activation",): config.pre_logits is not None,
        ("patch_size", "in_channels"): "rows" not in seen.axes("embed.proj.kernel"),
    }
    names = (name for group, there in groups.items() if there for name in group)
    return list(dict.fromkeys(names))


def find_alike(told: Fields, layout: Layout) -> list[Preset]:
    """Returns the published models of the shapes that were seen, the nearest first."""
    names = [name for name in told if name not in FREE]

    def is_alike(preset: Preset) -> bool:
        c = preset.config
        same = all(getattr(c, name) == told[name] for name in names)
        return same and (c.layer_scale is None) == (told["layer_scale"] is None)

    def distance(preset: Preset) -> tuple[bool, bool]:
        size = told.get("image_size", preset.config.image_size)
        return not _is_home(preset, layout), preset.config.image_size != size

    return sorted(filter(is_alike, PRESETS.values()), key=distance)


def _is_home(preset: Preset, layout: Layout) -> bool:
    """Returns whether a model was published in a layout, or in a tower of it."""
    return layout.name.removeprefix("open_clip_") == preset.layout


def _fields_of(preset: Preset) -> Fields:
    fields = dataclasses.asdict(preset.config)
    return {name: value for name, value in fields.items() if name != "num_classes"}


def _guess_heads(told: Fields, width: int, layout: Layout) -> int:
    """Returns what published models of a width, depth and MLP have, or width / 64."""
    names = ("embed_dim", "depth", "mlp_dim")
    sizes = [told[name] for name in names]
    found = Counter(
        preset.config.num_heads
        for preset in PRESETS.values()
        if [getattr(preset.config, name) for name in names] == sizes
    )
    if found:
        return found.most_common(1)[0][0]
    if width % 64:
        raise UndecidedError(
            f"attention {width} wide does not divide into heads of 64, and weights do"
            " not tell num_heads: give num_heads (--num-heads), or name a preset.",
            layout,
            told,
        )
    return width // 64


def _head_dim(fields: Fields, heads: int, width: int) -> int | None:
    if width % heads:
        raise InputError(
            f"num_heads={heads} does not divide the attention's {width} channels."
        )
    return None if width == fields["embed_dim"] else width // heads


def evaluate(table: Mapping[str, Any], told: Fields) -> Fields:
    """Returns a layout's fields; functions among them are of what is known."""
    return {
        name: value(told) if callable(value) else value for name, value in table.items()
    }
