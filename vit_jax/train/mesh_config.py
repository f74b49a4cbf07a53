"""MeshConfig: how parameters and batches are spread over the devices."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshConfig:
    """All devices as a mesh (data, fsdp); a batch is split over both axes.

    Nothing here changes what is trained, but for the rounding of sums.
    """

    fsdp: int = 1
    """Devices that share each parameter, its optimizer state and average among them
    (arXiv:1910.02054, stage 3); 1 keeps all of it on every device."""
    shard_rows: tuple[tuple[str, int], ...] = ()
    """(pattern, axis to split): the first pattern found in a parameter's name counts;
    -1 keeps it whole. Else the longest axis that divides is split, of parameters of at
    least 1024 numbers. Every row must match a parameter."""
