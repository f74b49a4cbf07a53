"""The optimizer: what clips, what gives a direction, what decays, whose rate is less.

All of it maps dicts by parameter name; those that are frozen are not in them.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from vit_jax.train.optim_config import OptimConfig, find_settings
from vit_jax.train.param_rows import find_layer_rates, match_rows

# Muon's own are hidden matrices. What embeds and what classifies are matrices too, but
# AdamW's, as all scales, biases and tables are.
MUON = re.compile(r"^(blocks|pool)\..*\.kernel$")
# What has LAMB's trust ratio. What begins at zero, the head and all biases, would stay
# near it: the ratio lets it grow by a factor of 1 + learning rate a step, from what the
# first steps of a warm-up make it.
LAMB = re.compile(r"^(?!head).*\.kernel$")


def make_optimizer(
    config: OptimConfig, names: Iterable[str]
) -> optax.GradientTransformation:
    """Returns the optimizer of parameters of these names, or of those not frozen.

    Its updates are to be multiplied by the learning rate of the step and subtracted: a
    step that is left out has its place in the schedule all the same. Weight decay is
    added to them behind the optimizer; LAMB's trust ratio alone comes after it.

    Raises:
      InputError: decay_rows or rate_rows that do not cover the names, or match none.
    """
    names = list(names)
    parts: list[optax.GradientTransformation] = []
    if config.clip_value is not None:
        parts.append(optax.clip(config.clip_value))
    parts.append(
        optax.identity()
        if config.clip_norm is None
        else optax.clip_by_global_norm(config.clip_norm)
    )
    parts += [DIRECTIONS[config.name](**find_settings(config)), _decay(config, names)]
    if config.name == "lamb":
        parts.append(optax.masked(optax.scale_by_trust_ratio(), _find_adapted))
    if config.layer_decay is not None or config.rate_rows:
        parts.append(_scale(find_rates(config, names)))
    return optax.chain(*parts)


def find_rates(config: OptimConfig, names: Iterable[str]) -> dict[str, float]:
    """Returns the factor on each parameter's learning rate."""
    names = list(names)
    rates = find_layer_rates(config.layer_decay or 1.0, names)
    if config.rate_rows:
        rows = match_rows(config.rate_rows, names, field="optim.rate_rows")
        rates = {name: rate * rows[name] for name, rate in rates.items()}
    return rates


def _find_adapted(params: Any) -> dict[str, bool]:
    """Returns which parameters have LAMB's trust ratio; Adam moves the others.

    optax.lamb gives it to all. TensorFlow Addons (exclude_from_layer_adaptation) and
    timm (always_adapt) except what does not decay; here the head is excepted too.
    """
    return {name: bool(LAMB.search(name)) for name in params}


def _decay(config: OptimConfig, names: list[str]) -> optax.GradientTransformation:
    factors = match_rows(config.decay_rows, names, field="optim.decay_rows")

    def decay(updates: Any, params: Any) -> Any:
        return {
            name: update + config.weight_decay * factors[name] * params[name]
            if factors[name]
            else update
            for name, update in updates.items()
        }

    return optax.stateless(decay)


def _scale(rates: dict[str, float]) -> optax.GradientTransformation:
    def scale(updates: Any, params: Any) -> Any:
        return {name: rates[name] * update for name, update in updates.items()}

    return optax.stateless(scale)


def _adam(*, beta1: float, beta2: float, eps: float) -> optax.GradientTransformation:
    """Returns optax's Adam, its bias corrections without their rounding.

    optax subtracts beta2 ** step from 1 in float32, where 0.999 is 1.3e-8 off: so the
    first updates are 6.7e-6 too short, all alike, and torch's are not.
    """
    adam = optax.scale_by_adam(b1=beta1, b2=beta2, eps=eps)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        _, state = adam.update(updates, state, params)
        first, second = (_correct(beta, state.count) for beta in (beta1, beta2))
        updates = jax.tree.map(
            lambda m, v: (m / first) / (jnp.sqrt(v / second) + eps), state.mu, state.nu
        )
        return updates, state

    return optax.GradientTransformation(adam.init, update)


def _correct(beta: float, steps: jax.Array) -> jax.Array:
    """Returns 1 - beta ** steps, to float32's last bits."""
    return -jnp.expm1(steps * math.log(beta)) if beta else jnp.float32(1)


def _sgd(*, momentum: float, nesterov: bool) -> optax.GradientTransformation:
    if not momentum:
        return optax.identity()
    return optax.trace(decay=momentum, nesterov=nesterov)


def _lion(*, beta1: float, beta2: float) -> optax.GradientTransformation:
    return optax.scale_by_lion(b1=beta1, b2=beta2)


def _adafactor(
    *, beta2: float, momentum: float, parameter_scale: bool
) -> optax.GradientTransformation:
    """Returns optax.adafactor without the learning rate.

    A kernel both of whose sides are 128 or more keeps two vectors for its second
    moment. optax's weight decay is not times the learning rate; ours is, like all.
    """

    def decay(step: Any, power: Any) -> jax.Array:
        time = jnp.asarray(step + 1, jnp.float32)
        return jnp.minimum(1.0 - time ** (-power), beta2)

    parts = [
        optax.scale_by_factored_rms(decay_rate_fn=decay),
        optax.clip_by_block_rms(1.0),
    ]
    if parameter_scale:
        parts.append(optax.scale_by_param_block_rms())
    if momentum:
        parts.append(optax.ema(momentum, debias=False))
    return optax.chain(*parts)


def _muon(
    *,
    momentum: float,
    nesterov: bool,
    ns_steps: int,
    consistent_rms: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> optax.GradientTransformation:
    """Returns Muon for the kernels of blocks and pool, Adam for everything else.

    optax.contrib.muon by default takes all that has two axes, the embedding and the
    head with it, and gives Adam Muon's nesterov; Jordan's Muon does neither.

    Source: https://github.com/KellerJordan/Muon, README: embeddings, heads, gains and
      biases are AdamW's.
    """

    def axes(updates: Any) -> Any:
        one = optax.contrib.MuonDimensionNumbers(reduction_axis=0, output_axis=1)
        return jax.tree.map(lambda _: one, updates)

    def labels(params: Any) -> dict[str, str]:
        return {name: "muon" if MUON.search(name) else "adam" for name in params}

    def scale(update: jax.Array) -> jax.Array:
        inputs, outputs = update.shape
        if consistent_rms:
            return consistent_rms * math.sqrt(max(inputs, outputs)) * update
        return math.sqrt(max(1, outputs / inputs)) * update

    hidden = optax.chain(
        optax.contrib.scale_by_muon(
            ns_steps=ns_steps,
            beta=momentum,
            nesterov=nesterov,
            weight_dimension_numbers=axes,
        ),
        optax.stateless(lambda updates, _: jax.tree.map(scale, updates)),
    )
    rest = _adam(beta1=beta1, beta2=beta2, eps=eps)
    return optax.partition({"muon": hidden, "adam": rest}, labels)


DIRECTIONS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "adamw": _adam,
    "sgd": _sgd,
    "lamb": _adam,
    "lion": _lion,
    "adafactor": _adafactor,
    "muon": _muon,
}
