from operator import attrgetter

import pytest

from tests.parity.cases import CASES
from tests.parity.layouts import check


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_file_is_recognised_computes_the_same_and_comes_back(case):
    """Logits and stages within 1e-5, every tensor bit for bit, loaded strictly."""
    result = check(case)
    assert not result.faults
