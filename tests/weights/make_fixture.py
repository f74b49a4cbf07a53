"""Writes the files of torch that the tests here read without torch.

    python tests/weights/make_fixture.py

tiny.pth holds what training files hold: wrapped weights in many dtypes and strides, an
optimizer, and the Namespace of the arguments, which torch.load itself refuses. The
others hold a module: tiny_legacy.pth its state_dict() as torch before 1.6 wrote it,
tiny_module.pth itself, tiny_script.pt as TorchScript.
"""

import argparse
import warnings
import zipfile
from pathlib import Path

import torch

HERE = Path(__file__).parent


class Tiny(torch.nn.Module):
    """Has a parameter, buffers that are kept and not, a child, and what is neither."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([2.0, 3.0]))
        self.register_buffer("kept", torch.tensor([4.0]).half())
        self.register_buffer("passing", torch.tensor([5.0]), persistent=False)
        self.register_parameter("none", None)
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Identity())
        self.tensor, self.number = torch.tensor([6.0]), 7
        with torch.no_grad():
            self.layers[0].weight.copy_(torch.tensor([[8.0, 9.0]]))
            self.layers[0].bias.copy_(torch.tensor([10.0]))

    def forward(self, x):
        return self.layers(x * self.scale) * self.tensor * self.number


def training_state() -> dict[str, object]:
    """Returns what tiny.pth holds."""
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
    return {
        "model": tensors,
        "args": argparse.Namespace(lr=1e-3, output=Path("out")),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}},
        "epoch": 7,
    }


def copy_without_paths(path: Path, copy: Path) -> None:
    """Leaves out what names the folders of the machine that an archive was made on."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for info in source.infolist():
            if not info.filename.endswith(".debug_pkl"):
                target.writestr(info, source.read(info))


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript
    module = Tiny()
    torch.save(training_state(), HERE / "tiny.pth")
    torch.save(module, HERE / "tiny_module.pth")
    torch.jit.save(torch.jit.script(module), "script.pt")
    copy_without_paths(Path("script.pt"), HERE / "tiny_script.pt")
    Path("script.pt").unlink()
    torch.save(
        module.state_dict(),
        HERE / "tiny_legacy.pth",
        _use_new_zipfile_serialization=False,
    )
