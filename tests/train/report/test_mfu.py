"""Peaks from the table and from a measured product; utilization by hand."""

import dataclasses

import jax
import pytest

from tests.train.recipe import get_config
from vit_jax.config import ViTConfig
from vit_jax.model.params import param_shapes
from vit_jax.train.report.mfu import Utilization, find_utilization
from vit_jax.train.report.peaks import Peak, find_peak, look_up

NAMES = list(param_shapes(ViTConfig()))


@pytest.mark.parametrize(
    ("kind", "bfloat16", "float32"),
    [
        ("TPU v4", 275, 275),
        ("TPU v5 lite", 197, 197),
        ("TPU v5", 459, 459),
        ("TPU v6 lite", 918, 918),
        ("TPU7x", 1153.5, 1153.5),
        ("NVIDIA A100-SXM4-80GB", 312, 156),
        ("NVIDIA A10G", 70, 35),
        ("NVIDIA H100 80GB HBM3", 989.4, 494.7),
        ("NVIDIA H100 PCIe", 756, 378),
        ("NVIDIA H200", 989.4, 494.7),
        ("NVIDIA GB200", 2500, 1250),
        ("NVIDIA L4", 121, 60.5),
        ("NVIDIA L40S", 362, 183),
        ("Tesla T4", 8.1, 8.1),
        ("Tesla V100-SXM2-16GB", 15.7, 15.7),
        ("NVIDIA GeForce RTX 4090", 165.2, 82.6),
    ],
)
def test_known_devices_have_their_peak(kind, bfloat16, float32):
    assert look_up(kind, "bfloat16") == 1e12 * bfloat16
    assert look_up(kind, "float32") == 1e12 * float32


@pytest.mark.parametrize(
    "kind", ["cpu", "TPU v5x", "NVIDIA GeForce RTX 4090 Laptop GPU"]
)
def test_other_devices_have_none(kind):
    assert look_up(kind, "bfloat16") is None


def test_an_unknown_device_is_measured_and_says_so():
    peak = find_peak("float32")
    assert peak.measured
    assert peak.devices == jax.device_count() == 2
    assert 1e8 < peak.flops_per_second < 1e14
    assert str(peak).endswith(f"TFLOP/s of 2 {peak.kind} in float32 (measured)")


def test_a_vit_b_16_at_1000_images_a_second_takes_this_much_of_an_h100(monkeypatch):
    """105.15 GFLOP an image: 35.13 forward, thrice, less 0.23 of the images."""
    peak = Peak(989.4e12, 1, "NVIDIA H100 80GB HBM3", "bfloat16", measured=False)
    monkeypatch.setattr("vit_jax.train.report.mfu.find_peak", lambda dtype: peak)
    config = dataclasses.replace(get_config(), model=ViTConfig(dtype="bfloat16"))
    used = find_utilization(config, NAMES)
    assert used.at(1000) == pytest.approx(1000 * 105.1518e9 / 989.4e12, rel=1e-6)
    assert str(used) == (
        "a training step takes 105.2 GFLOP an image; MFU is of 989 TFLOP/s of 1 NVIDIA"
        " H100 80GB HBM3 in bfloat16"
    )
    sharp = dataclasses.replace(config.optim, sam_rho=0.05)
    twice = find_utilization(dataclasses.replace(config, optim=sharp), NAMES)
    assert twice.flops == 2 * used.flops
    probe = dataclasses.replace(config.optim, freeze=("^(?!head)",))
    probed = find_utilization(dataclasses.replace(config, optim=probe), NAMES)
    assert probed.flops == 35_127_656_448 + 2 * 768 * 1000
    assert Utilization(1, peak).at(989.4e12) == 1
