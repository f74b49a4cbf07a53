"""Files that torch writes are read, and files written are what torch reads."""

import collections
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import vit_jax
from tests.parity.references import VARIANTS, tensors_of
from vit_jax.errors import InputError
from vit_jax.weights.files import read_tensors, write_tensors
from vit_jax.weights.formats.torch import read_torch

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
    torch.float8_e8m0fnu,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.bool,
    torch.complex64,
    torch.complex128,
]
ZIP, LEGACY = True, False


class Part(torch.nn.Module):
    """Has tensors of every sort: tied, kept, passing, none, and mere attributes."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
        self.tied = self.linear.weight
        self.register_buffer("kept", torch.arange(3).half())
        self.register_buffer("passing", torch.ones(2), persistent=False)
        self.register_parameter("none", None)
        self.extra, self.number = torch.arange(3.0), 3

    def forward(self, x):
        return self.linear(x) + self.extra.to(x) + self.number


class Whole(torch.nn.Module):
    """Parts in a module and in a Sequential, and a ParameterList."""

    def __init__(self):
        super().__init__()
        self.part = Part()
        self.parts = torch.nn.Sequential(Part(), torch.nn.LayerNorm(3))
        self.shared = self.part
        self.list = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(1))])

    def forward(self, x):
        return self.parts[1](self.part(x))


def values(dtype):
    noise = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)) * 10
    return noise.abs().to(dtype)


def bits(tensor):
    return tensor.contiguous().view(torch.uint8)


def assert_equal(read, state):
    assert read.keys() == state.keys()
    for key, tensor in state.items():
        assert read[key].dtype.name == str(tensor.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(read[key], tensor.detach().numpy(), key)


@pytest.mark.parametrize("form", [ZIP, LEGACY], ids=["zip", "legacy"])
def test_every_dtype_of_torch_is_read_and_written(tmp_path, form):
    tensors = {str(dtype): values(dtype) for dtype in DTYPES}
    torch.save(tensors, tmp_path / "a.pth", _use_new_zipfile_serialization=form)
    read = read_tensors(tmp_path / "a.pth")
    write_tensors(tmp_path / "b.pth", read)
    again = torch.load(tmp_path / "b.pth", weights_only=True)
    assert again.keys() == tensors.keys()
    for key, tensor in tensors.items():
        assert again[key].dtype == tensor.dtype
        assert torch.equal(bits(again[key]), bits(tensor)), key


def test_torch_reads_every_dtype_of_safetensors_that_is_written(tmp_path):
    """The library's torch side does not know float8_e8m0fnu and complex128."""
    dtypes = set(DTYPES) - {torch.float8_e8m0fnu, torch.complex128}
    tensors = {str(dtype): values(dtype) for dtype in dtypes}
    save_file(tensors, tmp_path / "a.safetensors")
    write_tensors(tmp_path / "b.safetensors", read_tensors(tmp_path / "a.safetensors"))
    again = load_file(tmp_path / "b.safetensors")
    for key, tensor in tensors.items():
        assert again[key].dtype == tensor.dtype
        assert torch.equal(bits(again[key]), bits(tensor)), key


@pytest.mark.parametrize("form", [ZIP, LEGACY], ids=["zip", "legacy"])
def test_views_of_every_sort_are_read(tmp_path, form):
    base = torch.arange(24.0).reshape(2, 3, 4)
    complexes = torch.tensor([1 + 2j, 3 - 4j])
    tensors = {
        "base": base,
        "permuted": base.permute(2, 0, 1),
        "slice": base[1:, ::2, 1:3],
        "expanded": base[0, 0].expand(5, 4),
        "empty": base[:, :0],
        "scalar": base[1, 1, 1],
        "conjugate": complexes.conj(),
        "negative": (complexes + 0).conj().imag,
    }
    torch.save(tensors, tmp_path / "x.pth", _use_new_zipfile_serialization=form)
    read = read_tensors(tmp_path / "x.pth")
    for key, tensor in tensors.items():
        wanted = tensor.resolve_conj().resolve_neg().numpy()
        np.testing.assert_array_equal(read[key], wanted, key, strict=True)
    assert np.shares_memory(read["base"], read["slice"])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("form", [ZIP, LEGACY], ids=["zip", "legacy"])
def test_every_protocol_of_pickle_is_read(tmp_path, form, protocol):
    state = collections.OrderedDict(Whole().state_dict())
    torch.save(
        {"state_dict": state, "epoch": 3},
        tmp_path / "x.pth",
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=form,
    )
    assert_equal(read_tensors(tmp_path / "x.pth"), state)


@pytest.mark.parametrize("form", [ZIP, LEGACY], ids=["zip", "legacy"])
def test_a_whole_module_is_its_state_dict(tmp_path, form):
    module = Whole()
    torch.save(
        {"model": module, "list": [1]},
        tmp_path / "x.pth",
        _use_new_zipfile_serialization=form,
    )
    assert_equal(read_tensors(tmp_path / "x.pth"), module.state_dict())


@pytest.mark.parametrize("make", ["script", "trace"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_torchscript_archive_is_its_state_dict(tmp_path, make, dtype):
    module = Whole().to(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript
        if make == "script":
            scripted = torch.jit.script(module)
        else:
            scripted = torch.jit.trace(module, torch.ones(1, 2, dtype=dtype))
        torch.jit.save(scripted, str(tmp_path / "x.pt"))
        state = torch.jit.load(str(tmp_path / "x.pt")).state_dict()
    assert_equal(read_tensors(tmp_path / "x.pt"), state)


def test_tensors_of_a_class_of_their_own_are_read(tmp_path):
    class Own(torch.Tensor):
        pass

    state = {"a": torch.ones(2).as_subclass(Own), "b": torch.nn.Buffer(torch.ones(1))}
    Own.__module__, Own.__qualname__ = __name__, "Own"
    globals()["Own"] = Own
    torch.save(state, tmp_path / "x.pth")
    read = read_tensors(tmp_path / "x.pth")
    assert read["a"].tolist() == [1, 1]
    assert read["b"].tolist() == [1]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
            "x is quantized",
        ),
        (lambda: torch.eye(2).to_sparse(), "x is sparse"),
        (lambda: torch.ones(2, device="meta"), "x is without values"),
    ],
)
def test_what_is_no_plain_tensor_is_refused_by_name(tmp_path, make, message):
    torch.save({"x": make(), "y": torch.ones(1)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match=message):
        read_tensors(tmp_path / "x.pth")


def test_an_optimizer_beside_the_weights_is_no_matter(tmp_path):
    module = Part()
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    held = {"model": module.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(held, tmp_path / "x.pth")
    assert_equal(read_tensors(tmp_path / "x.pth"), module.state_dict())
    assert read_torch(tmp_path / "x.pth")["optimizer"]["param_groups"][0]["lr"] == 1e-3


def test_a_timm_model_goes_there_and_back_through_files(tmp_path):
    variant = next(v for v in VARIANTS if v.name == "distilled")
    reference = variant.build()
    torch.save({"model": reference.state_dict(), "epoch": 1}, tmp_path / "a.pth")
    told = {
        name: getattr(variant.config, name)
        for name in [
            "num_heads",
            "norm_eps",
            "activation",
            "attn_scale",
            "pool",
            "image_size",
        ]
    }
    model = vit_jax.load(tmp_path / "a.pth", **told)
    assert model.config == variant.config
    vit_jax.save(model, tmp_path / "b.safetensors")
    vit_jax.save(model, tmp_path / "b.pth")
    for state in (
        load_file(tmp_path / "b.safetensors"),
        torch.load(tmp_path / "b.pth", weights_only=True),
    ):
        variant.build().load_state_dict(state, strict=True)
        for key, tensor in tensors_of(reference).items():
            assert np.array_equal(state[key].numpy(), tensor), key
