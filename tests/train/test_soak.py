"""A short run of benchmarks/soak.py, whose long one counts memory too."""

import pytest

from benchmarks.soak import soak


@pytest.mark.slow
def test_a_run_holds_no_more_threads_descriptors_and_arrays_at_its_end(tmp_path):
    first, *_, last = soak(tmp_path, steps=120, every=20)[1:]
    # One a save would be 8; TensorStore's pool starts a thread late.
    assert last.threads <= first.threads + 2
    assert last.descriptors <= first.descriptors
    assert last.arrays <= first.arrays
