"""The training batches on the devices, one after another, without those passed."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jax.sharding import Mesh

from vit_jax.data.pipeline import Batches
from vit_jax.train.mesh import place
from vit_jax.train.open_data import on_device
from vit_jax.train.resident import Resident


class Feed:
    """Batches by number; its state is a position and the numbers that are passed.

    Args:
      resident: what the batches have addresses in; None where they have pixels.
    """

    def __init__(
        self, batches: Batches, mesh: Mesh, resident: Resident | None = None
    ) -> None:
        self.batches, self.mesh, self.resident = batches, mesh, resident
        self.passed: set[int] = set()

    @property
    def number(self) -> int:
        """Of the next batch."""
        number = self.batches.get_state()["next_index"]
        while number in self.passed:
            number += 1
        return number

    def take(self, *, stop: int = 0) -> Any:
        """Returns the next batch on the devices.

        Args:
          stop: the signal that asks this process to stop, 0 for none; it travels with
            the batch, so that all processes learn of it at the same step.
        """
        number = self.number
        if number != self.batches.get_state()["next_index"]:
            self.batches.set_state({"next_index": number})
        batch = on_device(next(self.batches))
        batch["stop"] = np.full(len(batch["label"]), stop, np.int32)
        placed = place(batch, self.mesh)
        return self.resident.fetch(placed) if self.resident else placed

    def get_state(self) -> dict[str, Any]:
        """Returns the position and what was passed until now, for a checkpoint."""
        return {**self.batches.get_state(), "passed": sorted(self.passed)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes to a position."""
        self.passed = set(state["passed"])
        self.batches.set_state({"next_index": state["next_index"]})

    def pass_over(self, numbers: Iterable[int]) -> None:
        """Leaves batches out from now on."""
        self.passed |= set(numbers)
