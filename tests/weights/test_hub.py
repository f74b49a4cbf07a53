import sys
from types import SimpleNamespace

import pytest

import vit_jax
from tests.models import TINY, random_model
from vit_jax.errors import InputError
from vit_jax.weights import hub


class HubError(Exception):
    """Stands for what huggingface_hub raises."""


@pytest.fixture
def hub_of(monkeypatch):
    """Returns what makes the hub one that holds some files and gives a folder."""

    def make(files, folder=None, error=None):
        asked = []

        def list_repo_files(name):
            if error:
                raise error
            return files

        def snapshot_download(name, allow_patterns):
            asked.append((name, allow_patterns))
            return str(folder)

        errors = SimpleNamespace(HfHubHTTPError=HubError, HFValidationError=HubError)
        module = SimpleNamespace(
            list_repo_files=list_repo_files,
            snapshot_download=snapshot_download,
            errors=errors,
        )
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)
        return asked

    return make


def test_a_model_is_loaded_by_its_id(tmp_path, hub_of):
    vit_jax.save(random_model(TINY), tmp_path / "model.safetensors")
    asked = hub_of(["config.json", "model.safetensors", "pytorch_model.bin"], tmp_path)
    told = {"num_heads": 2, "norm_eps": 1e-6, "activation": "gelu", "pool": "cls"}
    model = vit_jax.load("hf:some/vit", **told, attn_scale=None, image_size=8)
    assert model.config == TINY
    # The first kind of weights alone: a hub's model often has three.
    assert asked == [("some/vit", ["*.json", "*.safetensors"])]


def test_a_model_without_weights_is_refused(hub_of):
    hub_of(["config.json", "README.md"])
    with pytest.raises(InputError, match=r"has no weights: expected a file \*\.safe"):
        vit_jax.load("hf:some/vit")


@pytest.mark.parametrize("error", [HubError("404"), OSError("no network")])
def test_a_hub_that_cannot_be_reached_is_told(hub_of, error):
    hub_of([], error=error)
    with pytest.raises(InputError, match="hf:some/vit cannot be fetched"):
        vit_jax.load("hf:some/vit")


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'vit_jax\[hub\]'"):
        vit_jax.load("hf:some/vit")


def test_a_path_is_no_id(tmp_path):
    assert not hub.is_id(tmp_path / "hf")
