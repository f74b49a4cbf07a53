import hashlib
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.data.photographs import Photographs
from vit_jax.data.order import Shard
from vit_jax.data.pipeline import eval_batches, train_batches
from vit_jax.data.sources import Digits
from vit_jax.data.transforms import EvalCrop, TrainCrop
from vit_jax.errors import InputError

ROOT = Path(__file__).parent.parent.parent
PHOTOS = Photographs(50)
CROP = TrainCrop(40)  # a batch is large enough to go through shared memory


def take(count, *, seed=0, num_threads=0, position=None, batch_size=100, **options):
    batches = train_batches(
        options.pop("source", Digits("test")),
        batch_size=batch_size,
        seed=seed,
        num_threads=num_threads,
        **options,
    )
    try:
        if position is not None:
            batches.set_state(position)
        return [next(batches) for _ in range(count)], batches.get_state()
    finally:
        batches.close()


def pixels(batches):
    return np.concatenate([batch["image"] for batch in batches])


def digest(batches):
    """Returns a hash of (index, label, pixels) for each batch."""
    return [
        hashlib.sha256(
            batch["index"].tobytes()
            + batch["label"].tobytes()
            + batch["image"].tobytes()
        ).hexdigest()
        for batch in batches
    ]


def test_an_epoch_holds_every_image_once_and_each_has_its_own_order():
    batches, _ = take(18)  # 1,800 images: five epochs of 360
    images = pixels(batches).reshape(5, 360, 64)
    source = Digits("test")
    every = sorted(source[i]["image"].tobytes() for i in range(360))
    for epoch in images:
        assert sorted(image.tobytes() for image in epoch) == every
    assert not np.array_equal(images[0], images[1])


@pytest.fixture(scope="module")
def stream():
    """Hashes of 10 batches of 16 of 50 photographs: over the ends of three epochs."""
    batches, _ = take(10, source=PHOTOS, transform=CROP, batch_size=16)
    found = digest(batches)
    assert len(set(found)) == 10
    return found


@pytest.mark.parametrize(
    "options",
    [{"num_threads": 1}, {"num_threads": 4}, {"num_workers": 1}, {"num_workers": 2}],
    ids=str,
)
def test_the_stream_is_the_same_whoever_makes_it(stream, options):
    batches, _ = take(10, source=PHOTOS, transform=CROP, batch_size=16, **options)
    assert digest(batches) == stream


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_stream_is_the_same_for_any_number_of_hosts(stream, count):
    parts = [
        take(
            10,
            source=PHOTOS,
            transform=CROP,
            batch_size=16,
            num_threads=i % 3,
            shard=Shard(i, count),
        )[0]
        for i in range(count)
    ]
    joined = [
        {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
        for batches in zip(*parts, strict=True)
    ]
    assert digest(joined) == stream


@pytest.mark.parametrize(
    "options", [{}, {"num_threads": 3}, {"num_workers": 2}], ids=str
)
def test_a_run_goes_on_at_any_batch(stream, options):
    options = {"source": PHOTOS, "transform": CROP, "batch_size": 16, **options}
    count = 1 if "num_workers" in options else 3  # their start is what takes long here
    for at in np.random.default_rng().integers(1, 10, count).tolist():
        _, position = take(at, **options)
        assert position == {"next_index": at}
        rest, _ = take(10 - at, **options, position=position)
        assert digest(rest) == stream[at:]


@pytest.mark.parametrize("options", [{"num_threads": 2}, {"num_workers": 2}], ids=str)
def test_going_back_drops_what_was_read_ahead(stream, options):
    batches = train_batches(
        PHOTOS,
        batch_size=16,
        seed=0,
        transform=CROP,
        **{"num_threads": 0, **options},
    )
    first = [next(batches) for _ in range(5)]
    batches.set_state({"next_index": 2})
    assert digest(first) == stream[:5]
    assert digest([next(batches) for _ in range(5)]) == stream[2:7]
    batches.close()


def test_an_epoch_crops_an_image_anew_and_another_seed_is_another_stream(stream):
    batches, _ = take(8, source=PHOTOS, transform=CROP, batch_size=25)
    for index in range(3):
        crops = {
            batch["image"][row].tobytes()
            for batch in batches
            for row in np.flatnonzero(batch["index"] == index)
        }
        assert len(crops) == 4
    other, _ = take(10, source=PHOTOS, transform=CROP, batch_size=16, seed=1)
    assert not set(digest(other)) & set(stream)


def test_a_batch_may_be_larger_than_the_collection():
    batches, _ = take(1, batch_size=1000)
    index = batches[0]["index"]
    assert sorted(index[:360]) == sorted(index[360:720]) == list(range(360))


@pytest.mark.parametrize("batch_size", [1, 7, 100, 360, 512])
def test_evaluation_gives_every_image_once_whatever_the_batch_size(batch_size):
    batches = list(eval_batches(Digits("test"), batch_size=batch_size))
    assert {len(batch["label"]) for batch in batches} == {batch_size}
    images = np.concatenate([batch["image"][batch["real"]] for batch in batches])
    source = Digits("test")
    assert np.array_equal(images, np.stack([source[i]["image"] for i in range(360)]))


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("options", [{}, {"num_threads": 2}], ids=str)
def test_evaluation_over_hosts_gives_every_image_once(count, options):
    """Also where the last batch is empty on some: 50 images in batches of 16."""
    source = Photographs(50)
    shards = [
        list(
            eval_batches(
                source,
                batch_size=16,
                transform=EvalCrop(16),
                shard=Shard(i, count),
                **options,
            )
        )
        for i in range(count)
    ]
    assert {len(shard) for shard in shards} == {4}
    joined = [
        {key: np.concatenate([b[key] for b in parts]) for key in parts[0]}
        for parts in zip(*shards, strict=True)
    ]
    labels = np.concatenate([batch["label"][batch["real"]] for batch in joined])
    assert labels.tolist() == list(range(50))
    filled = np.concatenate([batch["image"][~batch["real"]] for batch in joined])
    assert len(filled) == 14
    assert not filled.any()


@pytest.mark.parametrize("options", [{"num_threads": 2}, {"num_workers": 1}], ids=str)
def test_an_error_comes_where_its_batch_would_have(options):
    batches = train_batches(
        Odd(50), batch_size=10, seed=0, transform=None, **{"num_threads": 0, **options}
    )
    here = train_batches(PHOTOS, batch_size=10, seed=0, num_threads=0)
    whole = 0
    while 30 not in next(here)["index"]:
        assert 30 not in next(batches)["index"]
        whole += 1
    assert whole > 0
    with pytest.raises(InputError, match=r"photos/30\.jpg is \(60, 45, 3\)"):
        next(batches)
    assert batches.get_state() == {"next_index": whole}
    batches.close()


class Odd(Photographs):
    """Of which one image has another size."""

    def __getitem__(self, index):
        size = (45, 60) if index == 30 else (60, 45)
        return Photographs(self.length, size=size)[index]


def test_what_cannot_be_batched_is_refused():
    with pytest.raises(InputError, match="15 does not divide over 2 processes"):
        take(1, batch_size=15, shard=Shard(0, 2))
    with pytest.raises(InputError, match="has no images"):
        take(1, source=Photographs(0))
    with pytest.raises(InputError, match="max_broken=2"):
        take(1, max_broken=2.0)


def run(code, **options):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        **options,
    )


def test_the_pipeline_needs_neither_jax_nor_tensorflow():
    done = run(
        """
        import sys, pkgutil, importlib, vit_jax.data
        for module in pkgutil.iter_modules(vit_jax.data.__path__, "vit_jax.data."):
            importlib.import_module(module.name)
        heavy = {"jax", "flax", "torch", "tensorflow", "cv2"} & set(sys.modules)
        sys.exit(", ".join(heavy) or 0)
        """
    )
    assert done.returncode == 0, done.stderr


def test_workers_end_with_the_program_that_started_them(tmp_path):
    """Also where it is killed: the marker that each holds open is let go."""
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, signal
            from vit_jax.data.pipeline import train_batches
            from vit_jax.data.sources import Digits

            if __name__ == "__main__":
                batches = train_batches(
                    Digits("test"), batch_size=8, seed=0, num_threads=0, num_workers=2
                )
                next(batches)
                print("made", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    # communicate() returns when the last process that has its output open has ended.
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.stdout == "made\n", done.stderr


def test_a_script_without_its_guard_is_told(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(
            """
            from vit_jax.data.pipeline import train_batches
            from vit_jax.data.sources import Digits
            next(train_batches(
                Digits("test"), batch_size=8, seed=0, num_threads=0, num_workers=1
            ))
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "if __name__ == '__main__'" in done.stderr.splitlines()[-1]
