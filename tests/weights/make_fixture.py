"""Writes tiny.pth, the file of torch.save that test_torch_zip reads without torch.

    python tests/weights/make_fixture.py

It holds what training files hold: wrapped weights in many dtypes and strides, an
optimizer, and the Namespace of the arguments, which torch.load itself refuses.
"""

import argparse
from pathlib import Path

import torch

base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
tensors = {
    "plain": base,
    "transposed": base.T,
    "slice": base[1:, ::2],
    "tied": base,
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "bfloat16": torch.tensor([1.5, -2.0]).bfloat16(),
    "float16": torch.tensor([0.5]).half(),
    "float8": torch.tensor([0.5, 2.0]).to(torch.float8_e4m3fn),
    "uint16": torch.tensor([65535], dtype=torch.uint16),
    "bool": torch.tensor([True, False]),
    "scalar": torch.tensor(3),
    "empty": torch.zeros(0, 4),
    "expanded": torch.tensor([1.0, 2.0]).expand(3, 2),
}
torch.save(
    {
        "model": tensors,
        "args": argparse.Namespace(lr=1e-3, output=Path("out")),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}},
        "epoch": 7,
    },
    Path(__file__).parent / "tiny.pth",
)
