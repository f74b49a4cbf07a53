"""The contestants of benchmarks.speed that are JAX's: ours and our peers."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

# Takes so many steps and waits for the last; FLOP/s of a product; bytes at the peak, 0
# where the device does not tell.
Parts = tuple[Callable[[int], None], Callable[[], float], Callable[[], int]]


def vit_jax(case: dict[str, Any]) -> Parts:
    """Ours: the model under jax.jit, and the step of train.py."""
    import jax

    from vit_jax.model.params import bind, init_params
    from vit_jax.presets import PRESETS

    if case["kind"] == "forward":
        model = PRESETS[case["preset"]].config.replace(dtype=case["dtype"])
        params = jax.device_put(init_params(model, seed=0))
        images = jax.device_put(make_batch(case)[0].astype(np.float32))
        forward = jax.jit(lambda params, images: bind(model, params)(images))
        return _serve(lambda: forward(params, images), case)
    step, state, batch = make_step_of(case)

    def train() -> Any:
        nonlocal state
        state, metrics = step(state, batch)
        return metrics["loss"]

    return _serve(train, case)


def make_step_of(case: dict[str, Any], **changes: Any) -> tuple[Any, Any, Any]:
    """Returns our jitted step, its first state, and a batch on the devices.

    Args:
      changes: of the model.
    """
    from vit_jax.pixels import IMAGENET
    from vit_jax.presets import PRESETS
    from vit_jax.train.config import DataConfig, OptimConfig, RunConfig, TrainConfig
    from vit_jax.train.mesh import make_mesh, place
    from vit_jax.train.step import init_state, make_step

    images, labels = make_batch(case)
    config = TrainConfig(
        model=PRESETS[case["preset"]].config.replace(dtype=case["dtype"], **changes),
        data=DataConfig(batch_size=case["batch"], eval_batch_size=case["batch"]),
        optim=OptimConfig(learning_rate=1e-4, clip_norm=None),
        run=RunConfig(steps=10_000),
    )
    mesh = make_mesh(config.mesh, case["batch"])
    stop = np.zeros(case["batch"], np.int32)
    batch = place({"image": images, "label": labels, "stop": stop}, mesh)
    return make_step(config, IMAGENET, mesh), init_state(config, mesh), batch


def huggingface_flax(case: dict[str, Any]) -> Parts:
    """Hugging Face: FlaxViTForImageClassification of transformers < 5 (Flax Linen)."""
    import jax
    import jax.numpy as jnp
    from transformers import FlaxViTForImageClassification, ViTConfig

    config = ViTConfig(**huggingface_sizes(case))
    model = FlaxViTForImageClassification(config, dtype=jnp.dtype(case["dtype"]))

    def logits(params: Any, images: jax.Array) -> jax.Array:
        channels_first = images.transpose(0, 3, 1, 2)  # which it turns back
        return model(channels_first, params=params, train=False).logits

    return _peer(logits, model.params, case)


def equimo(case: dict[str, Any]) -> Parts:
    """Equimo's VisionTransformer (Equinox), mapped over the batch."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    from equimo.vision.models import VisionTransformer

    model = VisionTransformer(
        img_size=224,
        in_channels=3,
        dim=case["embed_dim"],
        patch_size=16,
        num_heads=case["num_heads"],
        depths=[case["depth"]],
        reg_tokens=0,
        global_pool="token",
        act_layer="exactgelu",
        num_classes=1000,
        eps=1e-6,
        key=jax.random.key(0),
    )
    params, rest = eqx.partition(model, eqx.is_inexact_array)

    def logits(params: Any, images: jax.Array) -> jax.Array:
        params = jax.tree.map(lambda p: p.astype(case["dtype"]), params)
        model = eqx.combine(params, rest)
        images = images.astype(jnp.dtype(case["dtype"])).transpose(0, 3, 1, 2)
        return jax.vmap(lambda image: model(image, key=None, inference=True))(images)

    return _peer(logits, params, case)


JAX_CONTESTANTS = {
    "vit_jax": vit_jax,
    "huggingface_flax": huggingface_flax,
    "equimo": equimo,
}


def make_batch(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8 images (b, 224, 224, 3) and labels (b,) of noise."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (case["batch"], 224, 224, 3), dtype=np.uint8)
    return images, rng.integers(0, 1000, case["batch"]).astype(np.int32)


def huggingface_sizes(case: dict[str, Any]) -> dict[str, int]:
    """Returns a model's sizes by their names in transformers."""
    return {
        "hidden_size": case["embed_dim"],
        "num_hidden_layers": case["depth"],
        "num_attention_heads": case["num_heads"],
        "intermediate_size": 4 * case["embed_dim"],
        "num_labels": 1000,
    }


def find_ceiling(product: Callable[[], Any], n: int) -> float:
    """Returns the FLOP/s of a product of (n, n) matrices, the fastest of six."""
    product()
    best = 0.0
    for _ in range(6):
        since = time.perf_counter()
        product()
        best = max(best, 2 * n**3 / (time.perf_counter() - since))
    return best


def _peer(
    logits: Callable[[Any, Any], Any], params: Any, case: dict[str, Any]
) -> Parts:
    """Returns a peer's model under jax.jit, and its step with optax's AdamW."""
    import jax
    import jax.numpy as jnp
    import optax

    raw, labels = make_batch(case)
    images = jax.device_put(raw.astype(np.float32))
    if case["kind"] == "forward":
        forward = jax.jit(logits)
        return _serve(lambda: forward(params, images), case)
    optimizer = optax.adamw(1e-4, weight_decay=0.05)

    def step(params: Any, state: Any, images: Any) -> tuple[Any, Any, Any]:
        def find_loss(params: Any) -> jax.Array:
            out = logits(params, images).astype(jnp.float32)
            return optax.softmax_cross_entropy_with_integer_labels(out, labels).mean()

        loss, grads = jax.value_and_grad(find_loss)(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    jitted = jax.jit(step, donate_argnums=(0, 1))
    params = jax.tree.map(jnp.array, params)
    state = optimizer.init(params)

    def train() -> Any:
        nonlocal params, state
        params, state, loss = jitted(params, state, images)
        return loss

    return _serve(train, case)


def _serve(step: Callable[[], Any], case: dict[str, Any]) -> Parts:
    import jax
    import jax.numpy as jnp

    def run(count: int) -> None:
        out = None
        for _ in range(count):
            out = step()
        jax.block_until_ready(out)

    def memory() -> int:
        found = jax.devices()[0].memory_stats()
        return found["peak_bytes_in_use"] if found else 0

    def ceiling() -> float:
        n = 2048 if jax.default_backend() == "cpu" else 8192
        a = jnp.ones((n, n), case["dtype"])
        product = jax.jit(jnp.matmul)
        return find_ceiling(lambda: product(a, a).block_until_ready(), n)

    return run, ceiling, memory
