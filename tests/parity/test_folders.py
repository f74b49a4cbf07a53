"""Folders that we write are opened by transformers and timm as they are."""

import json
from operator import attrgetter

import numpy as np
import pytest
import timm
from timm.models.eva import Eva

from tests.models import TINY, random_images, random_params
from tests.parity.huggingface import VARIANTS, load_exactly
from tests.parity.references import EVA02, run
from tests.parity.references import VARIANTS as OF_TIMM
from vit_jax.errors import InputError
from vit_jax.model.params import bind
from vit_jax.pixels import IMAGENET, half
from vit_jax.presets import PRESETS
from vit_jax.release import Release
from vit_jax.weights.folders.write import write_folder
from vit_jax.weights.folders.write_huggingface import CLASSES
from vit_jax.weights.folders.write_timm import timm_files
from vit_jax.weights.proof.parity import parity
from vit_jax.weights.read import read_release

RGB = TINY.replace(in_channels=3)
TIMM_VARIANTS = (*OF_TIMM, EVA02)
SHRUNKEN = {
    "image_size": 28,
    "patch_size": 14,
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "mlp_dim": 96,
}
NORM_BEFORE = {"norm_after_pool": False, "final_norm": True}
NAMED = ("ant", "bee", "cat", "dog", "elk")
# A version 5 layout's folders have the names of its twin.
WRITABLE = [
    variant for variant in VARIANTS if variant.layouts[1].removesuffix("_v5") in CLASSES
]
# Classes that compute the same: the first of them is written.
SAME = {
    "ViTMSNModel": ("ViTModel", "ViTMAEModel"),
    "ViTForImageClassification": ("ViTMSNForImageClassification",),
}


def make_release(config, **changes):
    pixels = IMAGENET if config.in_channels == 3 else half(config.in_channels)
    names = NAMED if config.num_classes == 5 else ()
    told = {"pixels": pixels, "class_names": names, **changes}
    return Release(config=config, params=random_params(config), **told)


@pytest.mark.parametrize("variant", WRITABLE, ids=attrgetter("name"))
def test_transformers_opens_a_folder_and_computes_the_same(variant, tmp_path):
    import transformers

    release, folder = make_release(variant.config), tmp_path / "model"
    write_folder(folder, release, variant.layouts[1])
    written = json.loads((folder / "config.json").read_text())
    (name,) = written["architectures"]
    assert variant.transformers_class.__name__ in (name, *SAME.get(name, ()))
    module = load_exactly(getattr(transformers, name), folder)
    images = random_images(variant.config)
    report = parity(bind(variant.config, release.params), module, images)
    assert report.ok, str(report)
    assert report.stages[-1].stage in ("norm", "logits")

    if "Classification" in name:
        assert tuple(module.config.id2label.values()) == NAMED
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    assert tuple(processor.image_mean) == release.pixels.mean
    assert tuple(processor.image_std) == release.pixels.std
    again = read_release(folder)
    assert again.config == variant.config
    assert again.pixels == release.pixels
    assert again.class_names == (NAMED if "Classification" in name else ())
    for key, array in release.params.items():
        assert np.array_equal(again.params[key], array)


@pytest.mark.parametrize("variant", TIMM_VARIANTS, ids=attrgetter("name"))
def test_timm_opens_a_folder_and_computes_the_same(variant, tmp_path):
    layout = "timm" if variant.kind is not Eva else "timm_eva"
    compare_with_timm(make_release(variant.config), layout, tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("vit_small_patch16_dinov3", {"pool": "cls", "num_registers": 2}),
        ("vit_base_patch16_siglip_224", {"num_classes": 5}),
        ("beit_base_patch16_224", {"pool": "cls", **NORM_BEFORE}),
        ("vit_small_patch14_reg4_dinov2", {"num_registers": 2}),
        ("vit_base_patch16_clip_224", {"activation": "gelu"}),
    ],
)
def test_timm_opens_a_published_architecture_with_other_sizes(name, changes, tmp_path):
    preset = PRESETS[name]
    config = preset.config.replace(**SHRUNKEN, **changes)
    compare_with_timm(make_release(config), preset.layout, tmp_path / "model")


def compare_with_timm(release, layout, folder):
    """Raises where timm computes other logits, or we read another model."""
    write_folder(folder, release, layout)
    module = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    images = random_images(release.config)
    theirs = run(module, images)
    ours = np.asarray(bind(release.config, release.params)(images))
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()
    assert tuple(module.pretrained_cfg["mean"]) == release.pixels.mean
    again = read_release(folder)
    assert (again.config, again.pixels) == (release.config, release.pixels)
    assert again.class_names == release.class_names


def test_a_published_model_needs_no_arguments():
    config = PRESETS["deit3_base_patch16_224"].config.replace(num_classes=10)
    release = Release(config=config, params={}, pixels=IMAGENET, class_names=())
    written = timm_files(release, "timm")["config.json"]
    assert written["architecture"] == "deit3_base_patch16_224"
    assert "model_args" not in written
    assert written["num_classes"] == 10


def test_a_folder_of_a_kind_is_replaced_and_any_other_refused(tmp_path):
    release, folder = make_release(RGB), tmp_path / "model"
    write_folder(folder, release, "hf_vit_classifier")
    write_folder(folder, release, "hf_vit_classifier")
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"holds thesis\.tex"):
        write_folder(folder, release, "hf_vit_classifier")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


@pytest.mark.parametrize("layout", ["d2l", "hf_clip", "dinov2"])
def test_a_layout_without_folders_is_refused(layout, tmp_path):
    with pytest.raises(InputError, match=r"has no folders.*hf_vit_classifier"):
        write_folder(tmp_path / "model", make_release(RGB), layout)


@pytest.mark.parametrize(
    ("changes", "layout", "told"),
    [
        ({"pool": "mean"}, "hf_vit_classifier", "pool='mean', and it would be 'cls'"),
        ({"block": "post"}, "hf_vit_classifier", "block='post'"),
        ({"attn_scale": 0.5}, "hf_deit_classifier", "attn_scale=0.5"),
        ({"activation": "silu", "norm_eps": 0.1}, "timm", "no architecture of timm's"),
        ({"pool": "token"}, "timm", "no architecture of timm's"),
    ],
)
def test_what_the_publishers_code_has_not_is_refused(changes, layout, told, tmp_path):
    release = make_release(RGB.replace(**changes))
    with pytest.raises(InputError, match=told):
        write_folder(tmp_path / "model", release, layout)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("layout", ["hf_dinov2", "hf_dinov2_v5"])
def test_what_came_beside_the_parameters_goes_into_the_folder(layout, tmp_path):
    config = RGB.replace(num_classes=0, layer_scale=1.0)
    token = np.full((1, config.embed_dim), 0.5, np.float32)
    extras = {"embeddings.mask_token": token}
    release = make_release(config, layout=layout, extras=extras)
    write_folder(tmp_path / "model", release, layout)
    again = read_release(tmp_path / "model")
    assert np.array_equal(again.extras["embeddings.mask_token"], token)


def test_what_only_training_sees_does_not_hinder(tmp_path):
    config = RGB.replace(drop_path=0.1, dropout=0.1, scan_layers=True, remat="full")
    write_folder(tmp_path / "model", make_release(config), "hf_vit_classifier")
    assert read_release(tmp_path / "model").config == RGB
