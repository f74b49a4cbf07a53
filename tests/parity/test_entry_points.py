"""Every ViT that timm has: the shapes of its full size, the numbers of a small one."""

import pytest

from tests.parity.entry_points import check, entry_points
from vit_jax.presets import PRESETS


def test_every_entry_point_has_a_preset():
    assert set(entry_points()) <= PRESETS.keys()


@pytest.mark.parametrize("name", entry_points())
def test_shapes_numbers_and_the_way_back_agree(name):
    result = check(name)
    assert not result.faults
    assert result.ok, str(result.report)
