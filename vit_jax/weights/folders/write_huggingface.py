"""The JSON files of a folder that transformers opens.

Source: transformers/models/*/configuration_*.py and image_processing_*.py
(transformers 5.23).
"""

from typing import Any, Literal, NamedTuple

from vit_jax.architecture import pair
from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.release import Release
from vit_jax.weights.folders.huggingface import write_config
from vit_jax.weights.folders.huggingface_keys import NESTED
from vit_jax.weights.folders.read import CONFIG, PREPROCESSOR

Fields = dict[str, Any]


class Kind(NamedTuple):
    """A class of transformers."""

    model_type: str
    name: str


CLASSES: dict[str, Kind | None] = {
    "hf_vit": None,
    "hf_vit_classifier": Kind("vit", "ViTForImageClassification"),
    "hf_deit_classifier": Kind("deit", "DeiTForImageClassification"),
    "hf_deit_teacher": Kind("deit", "DeiTForImageClassificationWithTeacher"),
    "hf_ijepa_classifier": Kind("ijepa", "IJepaForImageClassification"),
    "hf_beit": Kind("beit", "BeitModel"),
    "hf_beit_classifier": Kind("beit", "BeitForImageClassification"),
    "hf_dinov2": None,
    "hf_dinov2_gated": None,
    **{
        f"hf_{name}_classifier{ending}": Kind(model_type, kind)
        for name, model_type, kind in (
            ("dinov2", "dinov2", "Dinov2ForImageClassification"),
            (
                "dinov2_registers",
                "dinov2_with_registers",
                "Dinov2WithRegistersForImageClassification",
            ),
        )
        for ending in ("", "_gated")
    },
    "hf_dinov3": Kind("dinov3_vit", "DINOv3ViTModel"),
    "hf_clip_vision": Kind("clip_vision_model", "CLIPVisionModel"),
    "hf_clip_projection": Kind("clip_vision_model", "CLIPVisionModelWithProjection"),
    "hf_clip_classifier": Kind("clip", "CLIPForImageClassification"),
    "hf_siglip_vision": Kind("siglip_vision_model", "SiglipVisionModel"),
    "hf_siglip_classifier": Kind("siglip", "SiglipForImageClassification"),
    "hf_siglip2_vision": Kind("siglip2_vision_model", "Siglip2VisionModel"),
    "hf_siglip2_classifier": Kind("siglip2", "Siglip2ForImageClassification"),
}
"""By layout; None where the model decides."""


class Processor(NamedTuple):
    """How a family's images are made; sizes are those of its published models."""

    name: str
    resample: Literal[2, 3]
    """PIL's number of bilinear, and of bicubic."""
    crop: float | None = None
    """Size before a centre crop over that behind it; None without a crop."""


_VIT = Processor("ViTImageProcessor", 2)
_DINOV2 = Processor("BitImageProcessor", 3, 256 / 224)
_CLIP = Processor("CLIPImageProcessor", 3, 1.0)
_SIGLIP = Processor("SiglipImageProcessor", 3)
_SIGLIP2 = Processor("Siglip2ImageProcessor", 2)
PROCESSORS = {
    "vit": _VIT,
    "vit_msn": _VIT,
    "ijepa": _VIT,
    "deit": Processor("DeiTImageProcessor", 3, 256 / 224),
    "beit": Processor("BeitImageProcessor", 3),
    "dinov2": _DINOV2,
    "dinov2_with_registers": _DINOV2,
    "dinov3_vit": Processor("DINOv3ViTImageProcessor", 2),
    "clip_vision_model": _CLIP,
    "siglip_vision_model": _SIGLIP,
    "siglip2_vision_model": _SIGLIP2,
}


def huggingface_files(release: Release, layout: str) -> dict[str, Fields]:
    """Returns config.json and preprocessor_config.json of a layout's folder.

    Raises:
      InputError: transformers has no such model.
    """
    config = release.config
    kind = CLASSES[layout] or _choose_class(config, layout)
    tower = NESTED.get(kind.model_type, kind.model_type)
    keys = {**write_config(tower, config), **_more_keys(release, tower)}
    if tower != kind.model_type:
        keys = {"model_type": kind.model_type, "vision_config": keys}
    names = _label(release) if "Classification" in kind.name else {}
    told = {"architectures": [kind.name], **keys, **names}
    return {CONFIG: told, PREPROCESSOR: _preprocessor(release, PROCESSORS[tower])}


def _choose_class(config: ViTConfig, layout: str) -> Kind:
    """Returns the class of a model without a head."""
    if layout.startswith("hf_dinov2"):
        if config.num_registers:
            return Kind("dinov2_with_registers", "Dinov2WithRegistersModel")
        return Kind("dinov2", "Dinov2Model")
    if config.class_token == "none":
        return Kind("ijepa", "IJepaModel")
    if not config.pre_logits:
        # ViT's own class would add a pooler; this one computes the same without.
        return Kind("vit_msn", "ViTMSNModel")
    if config.num_registers:
        return Kind("deit", "DeiTModel")
    return Kind("vit", "ViTModel")


def _more_keys(release: Release, tower: str) -> Fields:
    """Returns the keys that stand for no field alone."""
    config, keys = release.config, Fields()
    if config.head_dim is not None:
        if "_" in tower.removeprefix("vit_").removeprefix("dinov2_"):
            raise InputError(
                f"head_dim={config.head_dim}: {tower} of transformers has heads of"
                " embed_dim / num_heads alone."
            )
        keys["head_dim"] = config.head_dim
    if config.pre_logits:
        keys["pooler_output_size"] = config.pre_logits
    if tower.startswith("clip") and not config.head_bias:
        keys["projection_dim"] = config.num_classes
    if tower.startswith("siglip"):
        unused = any(".head." in key for key in release.extras)
        keys["vision_use_head"] = config.pool == "map" or unused
    return keys


def _label(release: Release) -> Fields:
    count = range(release.config.num_classes)
    names = release.class_names or [f"LABEL_{i}" for i in count]
    return {
        "id2label": {str(i): names[i] for i in count},
        "label2id": {names[i]: i for i in count},
    }


def _preprocessor(release: Release, processor: Processor) -> Fields:
    config, pixels = release.config, release.pixels
    rows, columns = pair(config.image_size)
    whole = {"height": rows, "width": columns}
    sizes: Fields = {"size": whole}
    if processor is _SIGLIP2:
        sizes = {
            "patch_size": config.patch_size,
            "max_num_patches": config.num_patches,
        }
    elif processor.crop:
        before = [round(side * processor.crop) for side in (rows, columns)]
        square = {"height": before[0], "width": before[1]}
        shortest = processor.name != "DeiTImageProcessor" and rows == columns
        sizes = {
            "size": {"shortest_edge": before[0]} if shortest else square,
            "do_center_crop": True,
            "crop_size": whole,
        }
    return {
        "image_processor_type": processor.name,
        "do_resize": True,
        **sizes,
        "resample": processor.resample,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(pixels.mean),
        "image_std": list(pixels.std),
    }
