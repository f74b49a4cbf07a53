import numpy as np
import pytest

import vit_jax
from tests.models import TINY, random_images, random_model, random_params
from vit_jax.cli import main
from vit_jax.errors import InputError, InputWarning
from vit_jax.model.params import bind
from vit_jax.pixels import half
from vit_jax.release import Release, save_release
from vit_jax.weights.convert import convert
from vit_jax.weights.files import write_tensors
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.read import Adapting, read_release

KNOWN = {"num_heads": 2, "norm_eps": 1e-6, "activation": "gelu", "attn_scale": None}
TOLD = {**KNOWN, "pool": "cls"}


@pytest.fixture
def file(tmp_path):
    vit_jax.save(random_model(TINY), tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


def test_another_image_size_is_taken_only_with_its_flag(file):
    with pytest.raises(
        InputError, match=r"or give resample='timm' \(--resample timm\)"
    ):
        vit_jax.load(file, **TOLD, image_size=16)
    with pytest.warns(InputWarning, match="image_size=8"):
        model = vit_jax.load(file, **TOLD, image_size=16, resample="timm")
    assert model.config == TINY.replace(image_size=16)
    assert model(random_images(model.config)).shape == (2, 10)


def test_another_head_is_taken_only_with_its_flag(file):
    with pytest.raises(InputError, match=r"new_head=True \(--new-head\)"):
        vit_jax.load(file, **TOLD, image_size=8, num_classes=3)
    with pytest.warns(InputWarning, match="image_size=8"):
        model = vit_jax.load(file, **TOLD, num_classes=3, new_head=True)
    assert model(random_images(TINY)).shape == (2, 3)


def test_some_classes_are_kept_with_their_names(tmp_path):
    names = tuple("abcdefghij")
    release = Release(
        config=TINY,
        params=random_params(TINY),
        pixels=half(1),
        class_names=names,
    )
    save_release(tmp_path / "model", release)
    kept = read_release(tmp_path / "model", adapting=Adapting(keep_classes=(7, 0)))
    assert kept.class_names == ("h", "a")
    images = random_images(TINY)
    whole, part = (bind(r.config, r.params)(images) for r in (release, kept))
    np.testing.assert_allclose(part, np.asarray(whole)[:, [7, 0]], atol=1e-6)


def test_a_class_tokens_position_is_folded_only_when_asked(tmp_path):
    """As timm does for DINOv2 with registers: the same logits, one rounding apart."""
    config = TINY.replace(num_registers=2, position_on="class", num_classes=0)
    params = random_params(config)
    tensors = make_plan(find_layout("dinov2"), config).to_theirs(params)
    write_tensors(tmp_path / "x.npz", tensors)
    told = {**KNOWN, "image_size": 8}
    with pytest.raises(InputError, match="position_on='class'"):
        convert(tmp_path / "x.npz", tmp_path / "y.npz", layout="timm", **told)
    folded = read_release(
        tmp_path / "x.npz", adapting=Adapting(fold_positions=True), **told
    )
    assert folded.config == config.replace(position_on="patches")
    images = random_images(config)
    one = bind(config, params)(images)
    two = bind(folded.config, folded.params)(images)
    np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.filterwarnings("ignore::vit_jax.errors.InputWarning")
def test_one_of_several_entries_is_taken_and_told(tmp_path):
    pytest.importorskip("torch")
    one, two = (
        make_plan(find_layout("timm"), TINY).to_theirs(random_params(TINY, seed))
        for seed in (1, 2)
    )
    import torch

    wrapped = {
        name: {key: torch.from_numpy(value) for key, value in tensors.items()}
        for name, tensors in (("model", one), ("model_ema", two))
    }
    torch.save(wrapped, tmp_path / "x.pth")
    with pytest.warns(InputWarning, match="holds model and model_ema: model is taken"):
        first = read_release(tmp_path / "x.pth", **KNOWN)
    second = read_release(tmp_path / "x.pth", entry="model_ema", **KNOWN)
    name = "embed.cls_token"
    assert (first.params[name] == one["cls_token"]).all()
    assert (second.params[name] == two["cls_token"]).all()
    with pytest.raises(InputError, match=r"has no entry 'ema_model'. Perhaps you"):
        read_release(tmp_path / "x.pth", entry="ema_model", **KNOWN)


def test_the_command_adapts(file, tmp_path, capsys):
    told = ["--num-heads", "2", "--norm-eps", "1e-6", "--activation", "gelu"]
    target = tmp_path / "y.npz"
    flags = ["--image-size", "16", "--resample", "google", "--new-head"]
    asked = [str(file), str(target), *told, "--num-classes", "3", *flags]
    assert main(["convert", *asked]) == 0
    assert "image_size 16" in capsys.readouterr().out
    assert main(["convert", str(file), str(target), *told, "--image-size", "16"]) == 2
    assert "--resample timm" in capsys.readouterr().err


def test_extras_go_through_a_folder_of_ours(tmp_path):
    config = TINY.replace(num_classes=0)
    plan = make_plan(find_layout("dinov2"), config)
    mask = np.full((1, 16), 3, np.float32)
    tensors = plan.to_theirs(random_params(config), {"mask_token": mask})
    write_tensors(tmp_path / "x.npz", tensors)
    convert(tmp_path / "x.npz", tmp_path / "model", **KNOWN, image_size=8)
    convert(tmp_path / "model", tmp_path / "y.npz")
    assert (tmp_path / "y.npz").read_bytes() == (tmp_path / "x.npz").read_bytes()
