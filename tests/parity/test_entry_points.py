"""Every ViT that timm has: the shapes of its full size, the numbers of a small one."""

import pytest

from tests.parity.entry_points import (
    check,
    entry_points,
    full_size_faults,
    pixel_faults,
    wiring,
)
from vit_jax.presets import PRESETS

NAMES = entry_points()
# Models that differ in their sizes alone are the same where they are shrunk; all of
# them are computed by `python -m benchmarks.sweep`.
ONE_OF_EACH = {wiring(PRESETS[name]): name for name in reversed(NAMES)}
COMPUTED = sorted(ONE_OF_EACH.values())


def test_every_entry_point_has_a_preset():
    assert set(NAMES) <= PRESETS.keys()


@pytest.mark.parametrize("name", COMPUTED)
def test_shapes_numbers_and_the_way_back_agree(name):
    result = check(name)
    assert not result.faults
    assert result.ok, str(result.report)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(COMPUTED)))
def test_all_shapes_of_the_full_size_are_accounted_for(name):
    assert not full_size_faults(PRESETS[name])
    assert not pixel_faults(PRESETS[name])
