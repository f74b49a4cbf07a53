"""What a tiny model of Hugging Face's is, and what those of one family share.

Names that version 4 of transformers writes otherwise than version 5 are made by
renaming; the pairs were compared with what 4.57.6 writes.
"""

import dataclasses
from typing import Any

import torch

from tests.parity.references import randomise
from vit_jax.config import ViTConfig

Fields = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Family:
    """What the variants of one publication have in common."""

    ours: Fields
    theirs: Fields = dataclasses.field(default_factory=dict[str, Any])


@dataclasses.dataclass(frozen=True, eq=False)
class Variant:
    """A class of transformers with a tiny config, and what it is in our words."""

    name: str
    family: str
    kind: str
    """The class."""
    layouts: tuple[str, str]
    """Of state_dict(), and of files as version 5 writes them."""
    theirs: Fields = dataclasses.field(default_factory=dict[str, Any])
    """Of the class's config, or of the vision_config in it."""
    ours: Fields = dataclasses.field(default_factory=dict[str, Any])
    old: tuple[str, str, str] | None = None
    """Layout of files of version 4, and what makes a key theirs: a part, and which
    part it becomes."""
    arguments: Fields = dataclasses.field(default_factory=dict[str, Any])
    """Of the class, beside its config."""

    @property
    def config(self) -> ViTConfig:
        """What the model is in our words."""
        return ViTConfig(**{**OURS, **FAMILIES[self.family].ours, **self.ours})

    @property
    def transformers_class(self) -> Any:
        """The class itself."""
        import transformers

        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        return getattr(transformers, self.kind)

    def build(self) -> Any:
        """Returns the module with every parameter random."""
        fields = {**THEIRS, **FAMILIES[self.family].theirs, **self.theirs}
        kind = self.transformers_class
        if "text_config" in getattr(kind.config_class, "sub_configs", {}):
            fields = {"vision_config": fields, "text_config": TEXT}
        torch.manual_seed(0)
        config = kind.config_class(num_labels=5, **fields)
        return randomise(kind(config, **self.arguments), seed=1)


THEIRS: Fields = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 80,
    "image_size": 12,
    "patch_size": 4,
}
OURS: Fields = {
    "image_size": 12,
    "patch_size": 4,
    "num_classes": 0,
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "mlp_dim": 80,
}
TEXT: Fields = {
    "vocab_size": 11,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 7,
}
DECODER: Fields = {
    "decoder_hidden_size": 8,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 16,
}
CLIP: Fields = {
    "norm_eps": 1e-5,
    "activation": "quick_gelu",
    "stem_norm": True,
    "patch_bias": False,
}
SIGLIP: Fields = {"class_token": "none", "pool": "map", "activation": "gelu_tanh"}
DINOV3: Fields = {
    "layer_scale": 1.0,
    "norm_eps": 1e-5,
    "num_registers": 2,
    "position": "none",
    "rope": "centred",
    "rope_pairs": "halves",
    "rope_temperature": 100.0,
    "qkv_bias": "qv",
}
BEIT: Fields = {
    "norm_eps": 1e-12,
    "layer_scale": 0.1,
    "qkv_bias": "qv",
    "position": "none",
    "relative_position_bias": True,
    "pool": "mean",
    "norm_after_pool": True,
    "final_norm": False,
}
FAMILIES = {
    "ViT": Family({"norm_eps": 1e-12}),
    "DeiT": Family({"norm_eps": 1e-12, "num_registers": 1}),
    "MAE": Family({"norm_eps": 1e-12}, DECODER),
    "MSN": Family({}),
    "I-JEPA": Family({"norm_eps": 1e-12, "class_token": "none", "pool": "mean"}),
    "BEiT": Family(BEIT, {"use_relative_position_bias": True}),
    "DINOv2": Family({"layer_scale": 1.0, "mlp_dim": 96}, {"mlp_ratio": 2}),
    "DINOv3": Family(DINOV3, {"num_register_tokens": 2}),
    "CLIP": Family(CLIP),
    "SigLIP": Family(SIGLIP),
    "SigLIP 2": Family(SIGLIP, {"num_patches": 9}),
}

LABELS: Fields = {"num_classes": 5}
FEATURES: Fields = {"num_classes": 512, "head_bias": False}
REGISTERS: Fields = {"num_registers": 2, "position_on": "class"}
SWIGLU: Fields = {"mlp": "gated", "activation": "silu", "mlp_dim": 64}


def v5(name: str) -> tuple[str, str]:
    """Returns the layouts of a class whose files have the old names."""
    return f"{name}_v5", name


def same(name: str) -> tuple[str, str]:
    """Returns the layout of a class's modules and files, twice."""
    return name, name
