"""Our originals are the published models, as far as others are installed to say so."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from flax.training.checkpoints import convert_pre_linen
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import save_file
from timm.models.vision_transformer import VisionTransformer

from tests.parity.originals import flax_huggingface, google, google_names
from tests.parity.originals import make_lucidrains_fixture as releases
from tests.parity.originals.compare import assert_close, images
from tests.parity.originals.lucidrains import BUILDERS, ERAS
from tests.parity.originals.lucidrains_simple import BUILDERS as SIMPLE_BUILDERS
from tests.parity.originals.table import ORIGINALS
from tests.parity.references import TINY, randomise, run

FIXTURES = Path(__file__).parent / "originals" / "fixtures"
RELEASED = json.loads((FIXTURES / "lucidrains_releases.json").read_text())
KEYS = json.loads((FIXTURES / "transformers4_keys.json").read_text())

TORCH = [name for name, original in ORIGINALS.items() if original.family != "google"]


@pytest.mark.parametrize("name", TORCH)
def test_every_module_is_finite_and_different_for_other_images(name):
    module = randomise(ORIGINALS[name].build(), seed=1)
    found = run(module, images())
    assert np.isfinite(found).all()
    assert np.abs(found[0] - found[1]).max() > 1e-2


def test_clip_is_open_clips():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        open_clip = pytest.importorskip("open_clip")
    theirs = open_clip.model.CLIP(
        20,
        open_clip.CLIPVisionCfg(
            layers=2, width=48, head_width=16, patch_size=14, image_size=28
        ),
        open_clip.CLIPTextCfg(
            context_length=7, vocab_size=11, width=16, heads=2, layers=1
        ),
        quick_gelu=True,
    ).eval()
    module = randomise(ORIGINALS["openai_clip"].build(), seed=1)
    theirs.load_state_dict(module.state_dict())
    x = torch.from_numpy(images()).permute(0, 3, 1, 2)
    with torch.no_grad():
        assert_close(run(module, images()), theirs.encode_image(x).numpy())


def test_an_official_clip_file_has_three_integers_more():
    more, less = (
        ORIGINALS[name].build().state_dict()
        for name in ("openai_clip_official", "openai_clip")
    )
    extras = {k: int(more[k]) for k in more.keys() - less.keys()}
    assert extras == {"input_resolution": 28, "context_length": 7, "vocab_size": 11}


@pytest.mark.parametrize("era", RELEASED)
def test_an_era_is_its_release(era):
    """Keys, shapes and logits are those that the release itself gave."""
    simple = era.startswith("simple_")
    build = SIMPLE_BUILDERS[era[7:]] if simple else BUILDERS[era]
    sizes = {
        "image_size": 8,
        "patch_size": 4,
        "embed_dim": 16,
        "depth": 2,
        "mlp_dim": 24,
        "num_classes": 3,
    }
    for case in RELEASED[era]:
        found = releases.describe(build(**sizes, **case["form"]))
        assert found["shapes"] == case["shapes"]
        assert_close(np.array(found["logits"]), np.array(case["logits"]))


def test_todays_lucidrains_is_the_package():
    vit_pytorch = pytest.importorskip("vit_pytorch")
    from vit_pytorch.simple_vit import SimpleViT

    sizes = {"image_size": 28, "patch_size": 14, "num_classes": 5}
    sizes |= {"dim": 48, "depth": 2, "heads": 3, "mlp_dim": 96, "dim_head": 16}
    pairs = [(SimpleViT(**sizes), SIMPLE_BUILDERS["2023-08-10"]())]
    pairs += [
        (vit_pytorch.ViT(**sizes, pool=pool), BUILDERS[list(ERAS)[-1]](pool=pool))
        for pool in ("cls", "mean")
    ]
    for theirs, module in pairs:
        module.load_state_dict(randomise(theirs, seed=1).state_dict())
        assert_close(run(module.eval(), images()), run(theirs, images()))


def test_released_names_are_what_flax_undoes():
    tensors = google.vit_jax().tensors
    file = google_names.released(tensors)
    assert "Transformer/encoderblock_1/MlpBlock_3/Dense_0/kernel" in file
    again = flatten_dict(convert_pre_linen(unflatten_dict(file, sep="/")), sep="/")
    assert again.keys() == tensors.keys()
    assert all(again[key] is tensors[key] for key in tensors)


@pytest.mark.parametrize("name", ["vit_jax_token", "big_vision_map"])
def test_google_is_what_timm_reads(name, tmp_path):
    reference = ORIGINALS[name].build()
    if name == "vit_jax_token":
        file = google_names.released(reference.tensors, "opt/target/")
        told = {}
    else:
        file = google_names.one_tower(reference.tensors)
        told = {"class_token": False, "global_pool": "map"}
    np.savez(tmp_path / "a.npz", **file)
    sizes = {**TINY, "mlp_ratio": 2, "act_layer": "gelu_tanh", **told}
    theirs = VisionTransformer(**sizes).eval()
    theirs.load_pretrained(str(tmp_path / "a.npz"))
    assert_close(reference.apply(images()), run(theirs, images()))


def test_stacked_blocks_give_what_numbered_ones_do():
    scanned = google.big_vision(pool="map", scan=True)
    tensors = {}
    for key, value in scanned.tensors.items():
        numbered = [key.replace("encoderblock/", f"encoderblock_{i}/") for i in (0, 1)]
        stacked = numbered[0] != key
        tensors |= dict(zip(numbered, value, strict=True)) if stacked else {key: value}
    plain = google.big_vision(pool="map")
    assert tensors.keys() == plain.tensors.keys()
    again = google.Google(plain.module, tensors).stages(images())
    for name, value in scanned.stages(images()).items():
        assert_close(again[name], value)


@pytest.mark.parametrize("name", flax_huggingface.NAMES)
def test_flax_files_give_what_transformers_gives_in_torch(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers")
        file = flax_huggingface.read(name)
        tensors = flax_huggingface.as_torch(file.tensors)
        save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
        (tmp_path / "config.json").write_text(json.dumps(file.config))
        kind = getattr(transformers, file.config["flax_class"].removeprefix("Flax"))
        model, info = kind.from_pretrained(tmp_path, output_loading_info=True)
        x = torch.from_numpy(file.images).permute(0, 3, 1, 2)
        with torch.no_grad():
            if name == "clip":
                image = model.vision_model(pixel_values=x).pooler_output
                found = {"image_embeds": model.visual_projection(image)}
            else:
                found = dict(model.eval()(pixel_values=x))
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    for key in file.outputs.keys() & found.keys():
        assert_close(found[key].numpy(), file.outputs[key], 2e-5)
    assert file.outputs.keys() & found.keys()


@pytest.mark.parametrize(
    "name", ["vit", "vit_classifier", "dinov2", "dinov2_classifier", "clip_vision"]
)
def test_flax_paths_are_transformers_4s_names(name):
    file = flax_huggingface.read(name)
    kind = file.config["flax_class"].removeprefix("Flax")
    first = {key for key in flax_huggingface.as_torch(file.tensors) if ".1." not in key}
    assert first == set(KEYS[kind]["4"])
