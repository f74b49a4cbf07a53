"""A plan: which operations each image gets, how strongly, and in which order.

Axes: b batch, n operations an image, r rows, c columns, k channels.

A batch is changed at once, not image by image: in each of the n turns an image has one
operation, and the operations share their work. Those that move pixels are one
resampling with a matrix an image, those on grey levels one look-up with a table an
image, the enhancements one blend with a plainer image. An image whose operation is of
another kind gets the matrix, table or factor that changes nothing.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt8

from vit_jax.train.augment import colour, geometry, tables
from vit_jax.train.augment.blur import blur
from vit_jax.train.augment.config import Interpolation

LARGEST_SIGMA = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done to each image, as arrays."""

    operations: tuple[str, ...]
    """All that occur, of `KINDS`."""
    chosen: Int[Array, "n b"]
    """Positions in `operations`; -1 for none."""
    argument: Float[Array, "n b"]
    """Degrees, pixels, a factor, a grey level, bits, a deviation, a share of a turn."""
    cubic: Bool[Array, "n b"]
    """Resampled bicubically, where the interpolation is random."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Turn:
    """One operation for each image, and how they are resampled."""

    operations: tuple[str, ...]
    fill: tuple[int, ...]
    interpolation: Interpolation
    chosen: Int[Array, " b"]
    argument: Float[Array, " b"]
    cubic: Bool[Array, " b"]

    def has(self, *names: str) -> bool:
        """Whether one of these operations may occur."""
        return not set(names).isdisjoint(self.operations)

    def is_(self, *names: str) -> Bool[Array, " b"]:
        """The images that get one of these operations."""
        wanted = [i for i, name in enumerate(self.operations) if name in names]
        return jnp.isin(self.chosen, jnp.asarray(wanted, jnp.int32))


Images = UInt8[Array, "b r c k"]

TABLES = (
    "invert",
    "posterize",
    "solarize",
    "solarize_add",
    "auto_contrast",
    "equalize",
)
BLENDS = ("brightness", "contrast", "colour", "sharpness")


def _move(images: Images, turn: Turn, axes: geometry.Axes = "xy") -> Images:
    _, rows, columns, _ = images.shape
    makers: dict[str, Callable[[Array], Array]] = {
        "shear_x": geometry.shear_x_matrix,
        "shear_y": geometry.shear_y_matrix,
        "translate_x": geometry.translate_x_matrix,
        "translate_y": geometry.translate_y_matrix,
        "rotate": lambda degrees: geometry.rotate_matrix(
            degrees, rows=rows, columns=columns
        ),
    }
    matrices = geometry.shear_x_matrix(jnp.zeros(len(images)))  # nothing moves
    for name, make in makers.items():
        if turn.has(name):
            chosen = turn.is_(name)[:, None]
            matrices = jnp.where(chosen, make(turn.argument), matrices)
    return geometry.transform(
        images,
        matrices,
        fill=turn.fill,
        interpolation=turn.interpolation,
        cubic=turn.cubic,
        axes=axes,
    )


def _look_up(images: Images, turn: Turn, only: tuple[str, ...] = TABLES) -> Images:
    whole = turn.argument.astype(jnp.int32)
    makers: dict[str, Callable[[], Array]] = {
        "auto_contrast": lambda: tables.auto_contrast_table(images),
        "equalize": lambda: tables.equalize_table(images),
        "invert": lambda: tables.invert_table(images),
        "posterize": lambda: tables.posterize_table(images, jnp.clip(whole, 0, 8)),
        "solarize": lambda: tables.solarize_table(images, whole),
        "solarize_add": lambda: tables.solarize_add_table(images, whole),
    }
    table = tables.same_table(images)
    for name, make in makers.items():
        if name in only and turn.has(name):
            table = jnp.where(turn.is_(name)[:, None, None], make(), table)
    return tables.look_up(images, table)


def _enhance(images: Images, turn: Turn, only: tuple[str, ...] = BLENDS) -> Images:
    makers = {
        "contrast": colour.mean_grey,
        "colour": colour.grey,
        "sharpness": colour.smooth,
    }
    plain = colour.black(images)
    for name, make in makers.items():
        if name in only and turn.has(name):
            plain = jnp.where(turn.is_(name)[:, None, None, None], make(images), plain)
    factor = jnp.where(turn.is_("brightness", *makers), turn.argument, 1)
    return colour.enhance(plain, images, factor)


def _blur(images: Images, turn: Turn) -> Images:
    sigma = jnp.where(turn.is_("blur"), turn.argument, 0)
    return blur(images, sigma, largest=LARGEST_SIGMA)


def _turn_hue(images: Images, turn: Turn) -> Images:
    chosen = turn.is_("hue")[:, None, None, None]
    turned = colour.turn_hue(images, turn.argument)
    return jnp.where(chosen, turned, images)  # 8 bits of hue: a turn by 0 is a change


Kinds = dict[Callable[[Images, Turn], Images], tuple[str, ...]]

KINDS: Kinds = {
    _move: ("rotate", "shear_x", "shear_y", "translate_x", "translate_y"),
    _look_up: TABLES,
    _enhance: BLENDS,
    _blur: ("blur",),
    _turn_hue: ("hue",),
}

# Where an image is alone, what one operation needs is not computed for another: a move
# along one axis costs a quarter of one along two, and no histogram is made to invert.
KINDS_ALONE: Kinds = {
    _move: ("rotate",),
    partial(_move, axes="x"): ("shear_x", "translate_x"),
    partial(_move, axes="y"): ("shear_y", "translate_y"),
    **{
        partial(change, only=names): names
        for change, names in (
            (_look_up, TABLES[:4]),
            (_look_up, TABLES[4:5]),
            (_look_up, TABLES[5:]),
            (_enhance, BLENDS[:3]),
            (_enhance, BLENDS[3:]),
        )
    },
    _blur: ("blur",),
    _turn_hue: ("hue",),
}


def carry_out(
    images: Images,
    plan: Plan,
    *,
    fill: tuple[int, ...],
    interpolation: Interpolation = "bicubic",
) -> Images:
    """Returns the images changed as planned.

    On a CPU one image comes after the other and what it does not need is left out; an
    accelerator does all at once. The pixels are the same.

    Args:
      fill: grey levels, one a channel, of what comes in from outside.
    """
    how = partial(
        Turn, operations=plan.operations, fill=fill, interpolation=interpolation
    )
    turns = {"chosen": plan.chosen, "argument": plan.argument, "cubic": plan.cubic}
    return jax.lax.platform_dependent(
        images,
        turns,
        cpu=partial(one_by_one, how=how),
        default=partial(all_at_once, how=how),
    )


def all_at_once(
    images: Images, turns: dict[str, Array], *, how: Callable[..., Turn]
) -> Images:
    """Returns all images changed together, without a branch."""

    def take_turn(images: Array, arrays: dict[str, Array]) -> tuple[Array, None]:
        turn = how(**arrays)
        for change, names in KINDS.items():
            if turn.has(*names):
                images = change(images, turn)
        return images, None

    return jax.lax.scan(take_turn, images, turns)[0]


def one_by_one(
    images: Images, turns: dict[str, Array], *, how: Callable[..., Turn]
) -> Images:
    """Returns the images changed one after the other, each by what it needs alone."""

    def take_turn(image: Array, arrays: dict[str, Array]) -> tuple[Array, None]:
        turn = how(**{name: array[None] for name, array in arrays.items()})
        for change, names in KINDS_ALONE.items():
            if turn.has(*names):
                image = jax.lax.cond(
                    turn.is_(*names)[0],
                    lambda i, change=change: change(i[None], turn)[0],
                    lambda i: i,
                    image,
                )
        return image, None

    def change_one(one: tuple[Array, dict[str, Array]]) -> Array:
        return jax.lax.scan(take_turn, *one)[0]

    return jax.lax.map(change_one, (images, {name: a.T for name, a in turns.items()}))
