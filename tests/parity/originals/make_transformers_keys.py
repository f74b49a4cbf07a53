"""Writes fixtures/transformers4_keys.json: what transformers calls its tensors.

Run once with transformers 4.57 and once with 5; each fills its own lists:

    python tests/parity/originals/make_transformers_keys.py

For a class of one block: "4" and "5" are the keys that `save_pretrained` writes,
"5_memory" those of `state_dict`. A variant of a class has its choice behind a plus.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import transformers
from safetensors import safe_open

FILE = Path(__file__).parent / "fixtures" / "transformers4_keys.json"

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 8,
    "patch_size": 4,
}
MAE = {
    **SMALL,
    "decoder_hidden_size": 8,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 16,
}
SIGLIP2 = {**{k: v for k, v in SMALL.items() if k != "image_size"}, "num_patches": 4}
TEXT = {
    "vocab_size": 11,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 7,
}


def both(vision: dict[str, Any]) -> dict[str, Any]:
    return {"vision_config": vision, "text_config": TEXT}


RELATIVE = {"use_relative_position_bias": True}
CASES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("ViTModel", "ViT", SMALL),
    ("ViTForImageClassification", "ViT", SMALL),
    ("ViTForMaskedImageModeling", "ViT", SMALL),
    ("ViTMAEModel", "ViTMAE", MAE),
    ("ViTMAEForPreTraining", "ViTMAE", MAE),
    ("DeiTModel", "DeiT", SMALL),
    ("DeiTForImageClassification", "DeiT", SMALL),
    ("DeiTForImageClassificationWithTeacher", "DeiT", SMALL),
    ("BeitModel", "Beit", {**SMALL, **RELATIVE}),
    ("BeitForImageClassification", "Beit", {**SMALL, **RELATIVE}),
    ("Dinov2Model", "Dinov2", SMALL),
    ("Dinov2Model+use_swiglu_ffn", "Dinov2", {**SMALL, "use_swiglu_ffn": True}),
    ("Dinov2ForImageClassification", "Dinov2", SMALL),
    ("Dinov2WithRegistersModel", "Dinov2WithRegisters", SMALL),
    ("Dinov2WithRegistersForImageClassification", "Dinov2WithRegisters", SMALL),
    ("DINOv3ViTModel", "DINOv3ViT", SMALL),
    ("DINOv3ViTModel+use_gated_mlp", "DINOv3ViT", {**SMALL, "use_gated_mlp": True}),
    ("CLIPVisionModel", "CLIPVision", SMALL),
    ("CLIPVisionModelWithProjection", "CLIPVision", SMALL),
    ("CLIPModel", "CLIP", both(SMALL)),
    ("CLIPForImageClassification", "CLIP", both(SMALL)),
    ("SiglipVisionModel", "SiglipVision", SMALL),
    ("SiglipModel", "Siglip", both(SMALL)),
    ("SiglipForImageClassification", "Siglip", both(SMALL)),
    ("Siglip2VisionModel", "Siglip2Vision", SIGLIP2),
    ("Siglip2Model", "Siglip2", both(SIGLIP2)),
    ("Siglip2ForImageClassification", "Siglip2", both(SIGLIP2)),
)


def written_by(model: Any) -> list[str]:
    """Returns the keys of the file that a model's save_pretrained writes."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with safe_open(Path(folder) / "model.safetensors", "numpy") as file:
            return sorted(file.keys())


def main() -> None:
    found = json.loads(FILE.read_text()) if FILE.exists() else {}
    version = transformers.__version__.partition(".")[0]
    for name, config, sizes in CASES:
        kind = getattr(transformers, name.partition("+")[0])
        model = kind(getattr(transformers, f"{config}Config")(**sizes))
        lists = found.setdefault(name, {})
        lists[version] = written_by(model)
        if version == "5":
            lists["5_memory"] = sorted(model.state_dict())
    FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
