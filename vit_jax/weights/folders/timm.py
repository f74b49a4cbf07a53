"""timm's config.json and the arguments of its models, read and written.

Source: timm/models/_hub.py, vision_transformer.py and eva.py (timm 1.0.31).
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, cast

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError, near
from vit_jax.pixels import Pixels
from vit_jax.presets import PRESETS
from vit_jax.weights.folders.side_json import Values

Fields = dict[str, Any]


class Argument(NamedTuple):
    """An argument of timm's, and what of ours it is."""

    ours: str
    kind: Literal["size", "count", "number"] | Mapping[Any, Any]
    """A size in pixels, a number, or what each of its values stands for."""
    only: Literal["plain", "eva", ""] = ""
    """Which of timm's classes have it; all have, where it is empty."""

    def read(self, arguments: Values, key: str) -> Any:
        """Returns the value of our field."""
        if self.kind == "size":
            return arguments.size(key, 0)
        if self.kind == "count":
            return arguments.take(key, 0)
        if self.kind == "number":
            return arguments.take(key, 0.0) or None
        options = cast(Mapping[Any, Any], self.kind)
        return arguments.choose(key, next(iter(options)), options)

    def write(self, value: Any) -> Any:
        """Returns the value of the argument; None where there is none."""
        if isinstance(self.kind, str):
            return list(value) if isinstance(value, tuple) else value
        return next((word for word in self.kind if self.kind[word] == value), None)


POOLS = {"token": "cls", "avg": "mean", "map": "map", "": "none"}
ARGUMENTS = {
    "img_size": Argument("image_size", "size"),
    "patch_size": Argument("patch_size", "size"),
    "in_chans": Argument("in_channels", "count"),
    "num_classes": Argument("num_classes", "count"),
    "embed_dim": Argument("embed_dim", "count"),
    "depth": Argument("depth", "count"),
    "num_heads": Argument("num_heads", "count"),
    "init_values": Argument("layer_scale", "number"),
    "global_pool": Argument("pool", POOLS),
    "class_token": Argument("class_token", {True: "first", False: "none"}, "plain"),
    "no_embed_class": Argument("position_on", {True: "patches", False: "all"}, "plain"),
    "qkv_bias": Argument("qkv_bias", {True: "qkv", False: "none"}, "plain"),
    "qk_norm": Argument("qk_norm", {True: True, False: False}, "plain"),
    "reg_tokens": Argument("num_registers", "count", "plain"),
    "num_reg_tokens": Argument("num_registers", "count", "eva"),
}
IGNORED = (
    "drop_rate",
    "pos_drop_rate",
    "patch_drop_rate",
    "proj_drop_rate",
    "attn_drop_rate",
    "drop_path_rate",
    "weight_init",
    "fix_init",
    "dynamic_img_size",
    "dynamic_img_pad",
    "strict_img_size",
)
"""Arguments of training, and of what images of other sizes do."""


def read_config(values: Values) -> tuple[Fields, Pixels | None, tuple[str, ...]]:
    """Returns fields of ViTConfig, pixel statistics and class names of a config.json.

    Raises:
      InputError: an architecture or argument that is not known here, or a value of a
        wrong type.
    """
    published = values.inner("pretrained_cfg")
    # Older files have all keys at one level.
    published = published if published.values else values
    arguments = values.inner("model_args")
    pool = values.take("global_pool", published.take("global_pool", "default"))
    fields = read_architecture(
        values, "architecture", pool=arguments.take("global_pool", pool)
    )
    shape = published.numbers("input_size")
    if shape and len(shape) == 3:
        fields["in_channels"] = int(shape[0])
        if published.take("fixed_input_size", False):
            fields["image_size"] = (int(shape[1]), int(shape[2]))
    classes = published.take("num_classes", fields["num_classes"])
    fields["num_classes"] = values.take("num_classes", classes)
    fields |= _read_arguments(arguments, fields)
    mean, std = published.numbers("mean"), published.numbers("std")
    pixels = Pixels(mean, std) if mean and std else None
    return fields, pixels, _read_names(values)


def read_architecture(values: Values, key: str, *, pool: str) -> Fields:
    """Returns all fields of the model of timm's that a key names.

    Args:
      pool: timm's word; one that is not known here stands for the model's own.
    """
    name = values.take(key, "").partition(".")[0]
    if name not in PRESETS:
        raise InputError(
            f"{values.path}: {values.within}{key}={name!r} is no ViT that is known"
            f" here.{near(name, PRESETS, count=3)} `vit-jax presets` lists them."
        )
    published = PRESETS[name].config
    fields = {f.name: getattr(published, f.name) for f in dataclasses.fields(published)}
    return {**fields, **_pooled(published, POOLS.get(pool, published.pool))}


def _pooled(published: ViTConfig, pool: str) -> Fields:
    """Returns the fields that a model of timm's has otherwise with another pooling.

    A mean has a norm behind it in place of the one before it, but for models that were
    made to have none there.
    """
    if pool == published.pool or (published.pool == "mean" and published.final_norm):
        return {"pool": pool}
    means = pool == "mean"
    return {"pool": pool, "norm_after_pool": means, "final_norm": not means}


def _read_arguments(arguments: Values, fields: Fields) -> Fields:
    """Returns the fields that model_args change."""
    changed: Fields = {}
    for key, value in arguments.values.items():
        if key in ARGUMENTS and key != "global_pool" and value is not None:
            changed[ARGUMENTS[key].ours] = ARGUMENTS[key].read(arguments, key)
        elif key not in (*ARGUMENTS, *IGNORED, "mlp_ratio"):
            known = ", ".join((*ARGUMENTS, "mlp_ratio"))
            arguments.refuse(key, f"no argument but {known}")
    if "embed_dim" in changed or "mlp_ratio" in arguments.values:
        ratio = fields["mlp_dim"] / fields["embed_dim"]
        width = changed.get("embed_dim", fields["embed_dim"])
        changed["mlp_dim"] = int(width * arguments.take("mlp_ratio", ratio))
    return changed


def write_arguments(
    published: ViTConfig, config: ViTConfig, names: Iterable[str], layout: str
) -> Fields | None:
    """Returns the model_args that make a published model a config; None if none do.

    Args:
      names: the fields that count.
    """
    changed = _pooled(published, config.pool)
    kinds = ("", "eva" if layout.startswith("timm_eva") else "plain")
    words = {a.ours: (key, a) for key, a in ARGUMENTS.items() if a.only in kinds}
    made: Fields = {}
    for name in sorted(names):
        value = getattr(config, name)
        if name == "mlp_dim" or value == changed.get(name, getattr(published, name)):
            continue
        if name not in words:
            return None
        key, argument = words[name]
        made[key] = argument.write(value)
        if made[key] is None:
            return None
    pool = ARGUMENTS["global_pool"].write(config.pool)
    if pool is None:
        return None
    if config.pool != published.pool:
        made["global_pool"] = pool
    ratio = config.mlp_dim / config.embed_dim
    if ratio != published.mlp_dim / published.embed_dim:
        made["mlp_ratio"] = ratio
    # timm's gated MLPs round their width in ways of their own.
    return None if "mlp_ratio" in made and config.mlp == "gated" else made


def _read_names(values: Values) -> tuple[str, ...]:
    names = values.values.get("label_names")
    if names is None:
        return ()
    listed = cast(list[Any], names if isinstance(names, list) else [None])
    if not all(isinstance(name, str) for name in listed):
        values.refuse("label_names", "a list of names")
    return tuple(listed)
