"""The flags that tests give XLA, in this process and in those that they start."""


def xla_flags(*, devices: int) -> str:
    """Returns flags for so many CPU devices, and for a compiler in haste.

    Most programs of tests run once or for a few steps.
    """
    return (
        f"--xla_force_host_platform_device_count={devices}"
        " --xla_backend_optimization_level=0"
        " --xla_llvm_disable_expensive_passes=true"
    )
