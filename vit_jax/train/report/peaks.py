"""How many FLOPs a second devices can compute in matrix products, at most."""

import dataclasses
import functools
import re
import time

import jax
import jax.numpy as jnp
import numpy as np

# (pattern in jax.Device.device_kind, TFLOP/s in bfloat16, in float32): dense, of what
# JAX counts as one device, which is half a chip of TPU v2, v3 and 7x. float32 is what
# JAX multiplies it in unless told otherwise (jax.lax.Precision.DEFAULT): bfloat16 on
# TPU, TensorFloat-32 on NVIDIA GPUs from Ampere on, float32 on those before, which
# have no bfloat16 units either. The first pattern that is found counts.
# Sources: cloud.google.com/tpu/docs/system-architecture-tpu-vm and its page for each
# version; NVIDIA's data sheets and architecture white papers, halved where they count
# sparse products, with float32 sums for GeForce and RTX.
PEAKS = (
    (r"^TPU v2", 23.0, 23.0),
    (r"^TPU v3", 61.5, 61.5),
    (r"^TPU v4$", 275.0, 275.0),
    (r"^TPU v5( lite|e)", 197.0, 197.0),
    (r"^TPU v5p?$", 459.0, 459.0),
    (r"^TPU v6( lite|e)", 918.0, 918.0),
    (r"^TPU ?v?7x?$", 1153.5, 1153.5),
    (r"GB200", 2500.0, 1250.0),
    (r"B200", 2250.0, 1125.0),
    (r"H200 NVL", 835.5, 417.5),
    (r"GH200|H200", 989.4, 494.7),
    (r"H100 NVL", 835.5, 417.5),
    (r"H100 PCIe", 756.0, 378.0),
    (r"H100", 989.4, 494.7),
    (r"A100", 312.0, 156.0),
    (r"A10G", 70.0, 35.0),
    (r"A10$", 125.0, 62.5),
    (r"L40S", 362.0, 183.0),
    (r"L4$", 121.0, 60.5),
    (r"V100-PCIE", 14.0, 14.0),
    (r"V100", 15.7, 15.7),
    (r"T4$", 8.1, 8.1),
    (r"RTX A6000", 154.8, 77.4),
    (r"RTX 5090$", 209.5, 104.8),
    (r"RTX 4090$", 165.2, 82.6),
    (r"RTX 3090$", 71.0, 35.6),
)


@dataclasses.dataclass(frozen=True)
class Peak:
    """What all devices of a run can compute together."""

    flops_per_second: float
    devices: int
    kind: str
    dtype: str
    measured: bool
    """Whether it comes from a matrix product, since no table has such a device."""

    def __str__(self) -> str:
        how = " (measured)" if self.measured else ""
        tera = self.flops_per_second / 1e12
        shown = f"{tera:,.0f}" if tera >= 100 else f"{tera:.2g}"
        return f"{shown} TFLOP/s of {self.devices} {self.kind} in {self.dtype}{how}"


def find_peak(dtype: str) -> Peak:
    """Returns the peak of all devices of all processes, in products of a dtype.

    Args:
      dtype: float32 or bfloat16.
    """
    kind, count = jax.local_devices()[0].device_kind, jax.device_count()
    known = look_up(kind, dtype)
    if known is not None:
        return Peak(known * count, count, kind, dtype, measured=False)
    each = measure_product(dtype) / jax.local_device_count()
    return Peak(each * count, count, kind, dtype, measured=True)


def look_up(kind: str, dtype: str) -> float | None:
    """Returns the FLOP/s of one device of a kind; None where the table has none."""
    for pattern, bfloat16, float32 in PEAKS:
        if re.search(pattern, kind):
            return 1e12 * (bfloat16 if dtype == "bfloat16" else float32)
    return None


@functools.cache
def measure_product(dtype: str) -> float:
    """Returns the FLOP/s of this process's devices, each with a product of its own.

    The fastest of some counts. It takes about 0.2 s, once a process.
    """
    devices = jax.local_devices()
    size = 768 if devices[0].platform == "cpu" else 4096
    mesh = jax.sharding.Mesh(np.array(devices), "each")
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("each"))
    ones = jax.device_put(np.ones((len(devices), size, size), dtype), split)
    multiply = jax.jit(jnp.matmul)
    jax.block_until_ready(multiply(ones, ones))
    seconds: list[float] = []
    for _ in range(5):
        since = time.perf_counter()
        jax.block_until_ready(multiply(ones, ones))
        seconds.append(time.perf_counter() - since)
    return 2 * size**3 * len(devices) / min(seconds)
