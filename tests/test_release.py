import json

import pytest

from tests.models import TINY, random_params
from tests.test_checkpoint import cut, data_file, flip
from vit_jax.checkpoint import CheckpointError
from vit_jax.pixels import Pixels
from vit_jax.release import Release, load_release, save_release

RELEASE = Release(
    config=TINY,
    params=random_params(TINY),
    pixels=Pixels((0.3,), (0.4,)),
    class_names=(),
)


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("what", ["params", "model.json"])
def test_a_damaged_release_is_refused(tmp_path, damage, what):
    save_release(tmp_path / "m", RELEASE)
    target = tmp_path / "m" / what
    damage(target if target.is_file() else data_file(target))
    with pytest.raises(CheckpointError, match="is damaged: "):
        load_release(tmp_path / "m")


def test_a_release_replaces_an_older_one_whole(tmp_path):
    save_release(tmp_path / "m", RELEASE)
    save_release(tmp_path / "m", RELEASE)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert load_release(tmp_path / "m").config == TINY
    assert json.loads((tmp_path / "m/model.json").read_text())["config"]["depth"] == 2


def test_what_a_kill_left_does_not_stand_in_the_way(tmp_path):
    for left in (".m.part/params", ".m.old"):
        (tmp_path / left).mkdir(parents=True)
    save_release(tmp_path / "m", RELEASE)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_folder_without_a_model_says_what_was_expected(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no model: expected model\.json"):
        load_release(tmp_path)
