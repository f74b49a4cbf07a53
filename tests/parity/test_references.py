"""`vit-jax parity --reference hf:, torchvision:, open_clip:`, with small models."""

import json

import pytest
import torch

import vit_jax
from tests.models import TINY, random_model
from tests.parity.libraries import open_clip
from tests.parity.references import randomise
from vit_jax.cli import main
from vit_jax.weights.convert import convert


def run(capsys, *args):
    code = main(["parity", *map(str, args)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that transformers opens."""
    folder = tmp_path_factory.mktemp("references")
    vit_jax.save(random_model(TINY), folder / "x.safetensors")
    convert(
        folder / "x.safetensors",
        folder / "hf",
        layout="hf_vit_classifier",
        num_heads=2,
        norm_eps=1e-6,
        activation="gelu",
        attn_scale=None,
        pool="cls",
        image_size=8,
    )
    return folder


def test_a_folder_equals_the_model_that_transformers_makes_of_it(capsys, folder):
    code, out, _ = run(capsys, folder / "hf", "--reference", f"hf:{folder}/hf")
    assert code == 0
    assert out.splitlines()[-1] == "equal (tolerance 1e-05)"


def test_a_folder_that_transformers_cannot_open_is_told(capsys, folder, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["NoSuchViT"]}))
    code, _, err = run(capsys, folder / "hf", "--reference", f"hf:{tmp_path}")
    assert code == 2
    assert "it has no class NoSuchViT" in err


def test_a_model_of_torchvision_is_named(capsys, tmp_path):
    from torchvision.models.vision_transformer import VisionTransformer

    sizes = {"hidden_dim": 768, "mlp_dim": 3072, "num_heads": 12, "num_layers": 1}
    small = VisionTransformer(image_size=32, patch_size=32, num_classes=2, **sizes)
    torch.save(randomise(small, seed=1).state_dict(), tmp_path / "x.pth")
    code, _, err = run(capsys, tmp_path / "x.pth", "--reference", "torchvision:vit_b_3")
    assert code == 2
    assert "Perhaps you meant vit_b_32" in err
    code, _, err = run(
        capsys, tmp_path / "x.pth", "--reference", "torchvision:vit_b_32"
    )
    assert code == 2
    assert "missing  encoder.layers.encoder_layer_{1..11}.*" in err


def test_a_model_of_open_clip_is_named(capsys, tmp_path, monkeypatch):
    import open_clip as library

    module = randomise(open_clip(), seed=1)
    torch.save(module.state_dict(), tmp_path / "x.pth")
    monkeypatch.setattr(library, "list_models", lambda: ["small"])
    monkeypatch.setattr(library, "create_model", lambda *_, **__: open_clip())
    args = (tmp_path / "x.pth", "--num-heads", "3", "--source-layout", "open_clip")
    code, out, _ = run(capsys, *args, "--reference", "open_clip:small")
    assert code == 0
    assert out.splitlines()[-1] == "equal (tolerance 1e-05)"
