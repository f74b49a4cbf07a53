"""Files that transformers 4 saved from Flax, with what its models gave."""

from pathlib import Path

import flax.serialization
import numpy as np
import pytest

import vit_jax
from vit_jax.weights.convert import convert
from vit_jax.weights.read import read_release
from vit_jax.weights.recognise.inspect import inspect

FIXTURES = Path(__file__).parents[1] / "parity/originals/fixtures"
# What of their outputs our model gives: a classifier's logits, a pooler's features.
OUTPUTS = {
    "vit": "pooler_output",
    "vit_classifier": "logits",
    "beit": "pooler_output",
    "beit_positions": "pooler_output",
    "dinov2": "pooler_output",
    "dinov2_classifier": "logits",
    "clip_vision": "pooler_output",
    "clip": "image_embeds",
}
each = pytest.mark.parametrize("name", OUTPUTS)


@each
def test_a_flax_folder_computes_what_transformers_4_did(name):
    folder = FIXTURES / f"flax_{name}"
    with np.load(folder / "outputs.npz") as file:
        images, expected = file["images"], file[OUTPUTS[name]]
    logits = np.asarray(vit_jax.load(folder)(images))
    # Weights an ulp away move "vit" by up to 1.1e-5 (its class token, of a deviation of
    # 0.07, is normed first) and the others by 1.6e-6; a wrong norm_eps by 6.8e-5 and
    # more. All are shares of the largest value.
    np.testing.assert_allclose(logits, expected, atol=2e-5 * np.abs(expected).max())


@each
def test_a_flax_file_comes_back_bit_for_bit(tmp_path, name):
    folder = FIXTURES / f"flax_{name}"
    convert(folder, tmp_path / "back.msgpack")
    theirs, ours = (
        flax.serialization.msgpack_restore(path.read_bytes())
        for path in (folder / "flax_model.msgpack", tmp_path / "back.msgpack")
    )
    assert_equal(theirs, ours)


def assert_equal(theirs, ours):
    if isinstance(theirs, dict):
        assert theirs.keys() == ours.keys()
        for key in theirs:
            assert_equal(theirs[key], ours[key])
        return
    assert theirs.dtype == ours.dtype
    assert theirs.shape == ours.shape
    assert theirs.tobytes() == ours.tobytes()


@each
def test_a_flax_file_alone_is_recognised(tmp_path, name):
    file = tmp_path / "weights.msgpack"
    file.write_bytes((FIXTURES / f"flax_{name}/flax_model.msgpack").read_bytes())
    found = inspect(file, num_heads=2)
    assert found.layout
    assert found.layout.startswith("hf_flax_")
    assert not found.faults


def test_a_flax_file_becomes_torch_names(tmp_path):
    folder = FIXTURES / "flax_vit_classifier"
    convert(folder, tmp_path / "x.safetensors", layout="hf_vit_classifier")
    told = {"num_heads": 2, "norm_eps": 1e-12, "activation": "gelu", "image_size": 8}
    again = read_release(tmp_path / "x.safetensors", **told)
    once = read_release(folder)
    assert again.layout == "hf_vit_classifier"
    assert all((again.params[k] == once.params[k]).all() for k in once.params)
