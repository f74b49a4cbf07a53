"""Draws the plans of RandAugment, AutoAugment, 3-Augment and colour jitter.

Axes: b batch, n operations an image.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer, PRNGKeyArray

from vit_jax.train.augment.draw import between, normal, uniform, whole
from vit_jax.train.augment.magnitudes import MAGNITUDES
from vit_jax.train.augment.plan import LARGEST_SIGMA, Plan
from vit_jax.train.augment.policies import AutoAugment, RandAugment

Positions = Integer[Array, " b"]


def choose_rand_augment(
    policy: RandAugment,
    key: PRNGKeyArray,
    positions: Positions,
    *,
    size: tuple[int, int],
) -> Plan:
    """Returns `num_layers` operations an image, each done with `prob`."""
    which, done, noise, sign, cubic = _numbers(key, positions, policy.num_layers)
    if policy.weights is None:
        names = whole(which, len(policy.names))
    else:
        names = _without_repeats(policy.weights, key, positions)[: policy.num_layers]
    level = draw_level(
        jnp.float32(policy.magnitude),
        noise,
        std=policy.magnitude_std,
        largest=policy.magnitude_max,
    )
    # timm negates above one half.
    sign = jnp.where(sign > 0.5, -1.0, 1.0)
    return make_plan(
        policy.names, names, level, sign, done <= policy.prob, cubic < 0.5, size=size
    )


def choose_auto_augment(
    policy: AutoAugment,
    key: PRNGKeyArray,
    positions: Positions,
    *,
    size: tuple[int, int],
) -> Plan:
    """Returns the operations of one sub-policy an image, each with its probability."""
    rows = policy.sub_policies
    all_names = tuple(dict.fromkeys(name for row in rows for name, _, _ in row))
    names, probs, levels = (
        np.array([[column(*operation) for operation in row] for row in rows])
        for column in (
            lambda name, _, __: all_names.index(name),
            lambda _, prob, __: np.float32(prob),
            lambda _, __, level: np.float32(level),
        )
    )
    which, done, noise, sign, cubic = _numbers(key, positions, names.shape[1])
    row = whole(which[0], len(rows))
    of_row = [jnp.asarray(table)[row].T for table in (names, probs, levels)]  # (n, b)
    level = draw_level(of_row[2], noise, std=policy.magnitude_std)
    sign = jnp.where(sign > 0.5, -1.0, 1.0)
    return make_plan(
        all_names, of_row[0], level, sign, done <= of_row[1], cubic < 0.5, size=size
    )


def choose_three_augment(key: PRNGKeyArray, positions: Positions) -> Plan:
    """Returns one of grey, solarised at 128 and blurred by 0.1 to 2, for each image.

    Source: facebookresearch/deit, augment.py.
    """
    which, sigma = uniform(key, positions, 2).T
    chosen = whole(which, 3)
    sigma = between(sigma, 0.1, LARGEST_SIGMA)
    argument = jnp.select([chosen == 0, chosen == 1], [0.0, 128.0], sigma)
    return _one_turn(("colour", "solarize", "blur"), chosen, argument)


def choose_grayscale(prob: float, key: PRNGKeyArray, positions: Positions) -> Plan:
    """Returns the loss of all colour with a probability."""
    lost = uniform(key, positions, 1)[:, 0] < prob
    return _one_turn(("colour",), jnp.where(lost, 0, -1), jnp.zeros(len(positions)))


def choose_colour_jitter(
    strengths: Sequence[float], key: PRNGKeyArray, positions: Positions
) -> Plan:
    """Returns torchvision's ColorJitter: each once, in an order of its own an image.

    Args:
      strengths: of brightness, contrast, saturation and hue; what is 0 is left out.
    """
    ranges = {
        "brightness": (max(0.0, 1 - strengths[0]), 1 + strengths[0]),
        "contrast": (max(0.0, 1 - strengths[1]), 1 + strengths[1]),
        "colour": (max(0.0, 1 - strengths[2]), 1 + strengths[2]),
        "hue": (-strengths[3], strengths[3]),
    }
    ranges = {name: r for name, r in ranges.items() if r[0] < r[1]}
    n = len(ranges)
    numbers = uniform(key, positions, 2 * n)
    order = jnp.argsort(numbers[:, :n], axis=1).T  # (n, b)
    arguments = [
        between(numbers[:, n + i], *limits) for i, limits in enumerate(ranges.values())
    ]
    return Plan(
        operations=tuple(ranges),
        chosen=order.astype(jnp.int32),
        argument=jnp.take_along_axis(jnp.stack(arguments), order, axis=0),
        cubic=jnp.zeros(order.shape, bool),
    )


def draw_level(
    magnitude: Float[Array, "..."],
    noise: Float[Array, "n b"],
    *,
    std: float,
    largest: float = 10.0,
) -> Float[Array, "n b"]:
    """Returns magnitudes with timm's noise on them, from 0 to the largest."""
    level = jnp.broadcast_to(magnitude, noise.shape)
    if std == np.inf:
        level = level * noise
    elif std > 0:
        level = level + std * normal(noise)
    return jnp.clip(level, 0, largest)


def make_plan(
    names: tuple[str, ...],
    chosen: Int[Array, "n b"],
    level: Float[Array, "n b"],
    sign: Float[Array, "n b"],
    done: Bool[Array, "n b"],
    cubic: Bool[Array, "n b"],
    *,
    size: tuple[int, int],
) -> Plan:
    """Returns the plan of timm's operations at their levels.

    Args:
      chosen: positions in `names`.
      done: which of them are done at all.
      size: rows and columns.
    """
    rows = [MAGNITUDES[name] for name in names]
    operations = tuple(dict.fromkeys(row.operation for row in rows))
    position = jnp.array([operations.index(row.operation) for row in rows])
    arguments = jnp.stack([row.argument(level, sign, size) for row in rows])
    return Plan(
        operations=operations,
        chosen=jnp.where(done, position[chosen], -1).astype(jnp.int32),
        argument=jnp.take_along_axis(arguments, chosen[None], axis=0)[0],
        cubic=cubic,
    )


def _numbers(key: PRNGKeyArray, positions: Positions, n: int) -> Float[Array, "5 n b"]:
    """Returns what each of n operations draws: which, whether, level, sign, filter."""
    return uniform(key, positions, 5 * n).reshape(-1, n, 5).transpose(2, 1, 0)


def _without_repeats(
    weights: tuple[float, ...], key: PRNGKeyArray, positions: Positions
) -> Int[Array, "n b"]:
    """Returns all operations in a random order, heavy ones early.

    The order of the largest log(weight) + Gumbel noise is that of drawing one after the
    other without putting back, as numpy's choice does.
    """
    numbers = uniform(jax.random.fold_in(key, 1), positions, len(weights))
    scores = jnp.log(jnp.array(weights))[None] - jnp.log(-jnp.log(numbers + 2**-24))
    return jnp.argsort(-scores, axis=1).T


def _one_turn(operations: tuple[str, ...], chosen: Array, argument: Array) -> Plan:
    return Plan(
        operations=operations,
        chosen=chosen[None],
        argument=argument[None],
        cubic=jnp.zeros((1, len(chosen)), bool),
    )
