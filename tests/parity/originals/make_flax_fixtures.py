"""Writes fixtures/flax_*: models as transformers 4 saved them from flax.

Run where transformers is 4.57, the last with flax, and flax 0.10:

    python tests/parity/originals/make_flax_fixtures.py

Each folder has flax_model.msgpack and config.json as `save_pretrained` writes them,
every parameter random, and outputs.npz with images (channels last), each hidden state
and each output of the model.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import transformers
from flax.traverse_util import flatten_dict, unflatten_dict

FIXTURES = Path(__file__).parent / "fixtures"

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 8,
    "patch_size": 4,
}
CLASSES = {"num_labels": 5}
# Without a table of its own a BEiT needs one of relative positions, or has none.
TEXT = {
    "vocab_size": 11,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 7,
    "eos_token_id": 10,
}
CLIP = {"projection_dim": 12, "vision_config": SMALL, "text_config": TEXT}

CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "vit": ("FlaxViTModel", "ViTConfig", SMALL),
    "vit_classifier": (
        "FlaxViTForImageClassification",
        "ViTConfig",
        {**SMALL, **CLASSES},
    ),
    "beit": (
        "FlaxBeitModel",
        "BeitConfig",
        {**SMALL, "use_relative_position_bias": True, "use_mean_pooling": False},
    ),
    "beit_classifier": (
        "FlaxBeitForImageClassification",
        "BeitConfig",
        {**SMALL, **CLASSES, "use_shared_relative_position_bias": True},
    ),
    "beit_positions": (
        "FlaxBeitModel",
        "BeitConfig",
        {**SMALL, "use_absolute_position_embeddings": True, "use_mask_token": True},
    ),
    "dinov2": ("FlaxDinov2Model", "Dinov2Config", SMALL),
    "dinov2_classifier": (
        "FlaxDinov2ForImageClassification",
        "Dinov2Config",
        {**SMALL, **CLASSES},
    ),
    "clip_vision": ("FlaxCLIPVisionModel", "CLIPVisionConfig", SMALL),
    "clip": ("FlaxCLIPModel", "CLIPConfig", CLIP),
}


def draw(name: str, leaf: Any, rng: np.random.Generator) -> np.ndarray:
    """Returns random values: ones and zeros hide swaps."""
    noise = rng.standard_normal(leaf.shape, np.float32)
    if name.endswith("kernel"):
        return noise * np.float32(1.5 * np.prod(leaf.shape[:-1]) ** -0.5)
    if name.endswith(("scale", "lambda1", "lambda_1", "lambda_2")) and noise.ndim:
        return 1 + np.float32(0.3) * noise
    loud = name.endswith(("bias", "bias_table"))
    return noise * np.float32(0.3 if loud else 0.05)


def randomise(model: Any) -> None:
    """Gives a model random parameters; buffers (`index`) stay what they are."""
    rng = np.random.default_rng(0)
    leaves = flatten_dict(model.params, sep="/")
    values = {key: draw(key, leaf, rng) for key, leaf in sorted(leaves.items())}
    model.params = unflatten_dict(values, sep="/")


def outputs_of(model: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns all that a model gives, hidden states as hidden_states.N."""
    given = {"pixel_values": np.moveaxis(images, -1, 1)}
    if hasattr(model, "get_image_features"):
        return {"image_embeds": np.asarray(model.get_image_features(**given))}
    found = dict(model(**given, output_hidden_states=True))
    for i, state in enumerate(found.pop("hidden_states")):
        found[f"hidden_states.{i}"] = state
    return {key: np.asarray(value) for key, value in found.items()}


def main() -> None:
    for name, (kind, config, sizes) in CASES.items():
        model = getattr(transformers, kind)(getattr(transformers, config)(**sizes))
        randomise(model)
        folder = FIXTURES / f"flax_{name}"
        model.save_pretrained(folder)
        config_file = folder / "config.json"
        told = {**json.loads(config_file.read_text()), "flax_class": kind}
        config_file.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
        rng = np.random.default_rng(1)
        images = rng.standard_normal((2, 8, 8, 3), np.float32)
        found = outputs_of(model, images)
        np.savez_compressed(folder / "outputs.npz", images=images, **found)


if __name__ == "__main__":
    main()
