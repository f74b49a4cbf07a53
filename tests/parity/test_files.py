"""Files that torch writes are read, and files written are what torch reads."""

import numpy as np
import torch
from safetensors.torch import load_file

import vit_jax
from tests.parity.references import VARIANTS, tensors_of
from vit_jax.weights.files import read_tensors, write_tensors

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
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
]


def test_every_dtype_of_torch_is_read_and_written(tmp_path):
    noise = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)) * 10
    tensors = {str(dtype): noise.abs().to(dtype) for dtype in DTYPES}
    torch.save(tensors, tmp_path / "a.pth")
    read = read_tensors(tmp_path / "a.pth")
    write_tensors(tmp_path / "b.pth", read)
    again = torch.load(tmp_path / "b.pth", weights_only=True)
    assert again.keys() == tensors.keys()
    for key, tensor in tensors.items():
        assert again[key].dtype == tensor.dtype
        bits = again[key].contiguous().view(torch.uint8)
        assert torch.equal(bits, tensor.view(torch.uint8)), key


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
