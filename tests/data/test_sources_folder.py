import os

import numpy as np
import pytest

from tests.data.made import contents, image_file, write_folder
from vit_jax.data.sources import Folder
from vit_jax.data.sources.folder import draw_held_out
from vit_jax.errors import InputError, InputWarning


def names(source):
    return [os.path.relpath(source.name(i), source.path) for i in range(len(source))]


def test_classes_are_the_folders_sorted_and_files_are_what_they_were(tmp_path):
    source = Folder(write_folder(tmp_path, {"dog": 2, "Cat": 1, "ape": 1}), "all")
    assert source.class_names == ("Cat", "ape", "dog")
    assert names(source) == ["Cat/000.png", "ape/000.png", "dog/000.png", "dog/001.png"]
    assert contents(source)[3] == (image_file(1), 2)


@pytest.mark.parametrize(
    ("folders", "asked"),
    [
        (("train", "val"), "validation"),
        (("train", "validation"), "val"),
        (("Training", "Testing"), "test"),
        (("train", "val", "test"), "test"),
    ],
)
def test_folders_of_splits_are_known_by_their_words(tmp_path, folders, asked):
    for i, folder in enumerate(folders):
        write_folder(tmp_path / folder, {"cat": i + 1, "dog": 1})
    assert Folder(tmp_path).splits == tuple(name.lower() for name in folders)
    assert len(Folder(tmp_path, "train")) == 2
    assert len(Folder(tmp_path, asked)) == len(folders) + 1


def test_train_may_be_a_class(tmp_path):
    write_folder(tmp_path, {"train": 20, "bus": 20})
    assert Folder(tmp_path).splits == ("train", "test")
    assert Folder(tmp_path).class_names == ("bus", "train")


def test_the_two_sides_are_everything_once_and_stratified(tmp_path):
    write_folder(tmp_path, {"cat": 60, "dog": 30, "emu": 2, "fox": 1})
    train, test = (Folder(tmp_path, s, held_out=0.2) for s in ("train", "test"))
    both = names(train) + names(test)
    assert sorted(both) == names(Folder(tmp_path, "all"))
    assert set(names(Folder(tmp_path, "val", held_out=0.2))) == set(names(test))
    counts = np.bincount([y for _, y in contents(test)], minlength=4)
    assert 0.1 < counts[0] / 60 < 0.3
    assert counts[2:].tolist() == [1, 0]  # one of two; the only one is to be learnt


def test_a_file_stays_on_its_side_when_others_come(tmp_path):
    write_folder(tmp_path, {"cat": 40})
    before = set(names(Folder(tmp_path, "test")))
    write_folder(tmp_path, {"cat": 90, "dog": 20}, first_seed=100)
    after = set(names(Folder(tmp_path, "test")))
    assert before == {name for name in after if name in set(before)}
    assert not before & set(names(Folder(tmp_path, "train")))


def test_no_class_is_held_out_whole():
    few = [f"cat/{i}.png" for i in range(2)]
    assert draw_held_out(few, 0.999).sum() == 1
    assert draw_held_out(few, 0.001).sum() == 1
    assert not draw_held_out(few, 0.0).any()
    assert not draw_held_out(["cat/0.png"], 0.9).any()
    assert len(draw_held_out([], 0.1)) == 0


def test_nothing_is_held_out_if_nobody_wants_it(tmp_path):
    write_folder(tmp_path, {"cat": 20})
    assert Folder(tmp_path, held_out=0.0).splits == ("train",)
    assert len(Folder(tmp_path, held_out=0.0)) == 20


def test_hidden_files_and_what_is_no_image_are_counted_and_told(tmp_path):
    write_folder(tmp_path, {"cat": 3, ".thumbs": 2, "__MACOSX": 1})
    (tmp_path / "cat" / ".DS_Store").touch()
    (tmp_path / "cat" / "._000.png").touch()
    assert Folder(tmp_path, "all").ignored == 2  # without a word
    (tmp_path / "cat" / "notes.txt").touch()
    source = Folder(tmp_path, "all")
    with pytest.warns(InputWarning, match=r"1 files are left out.*: cat/notes\.txt"):
        assert len(source) == 3
    assert source.ignored == 3
    assert source.class_names == ("cat",)


def test_an_empty_class_stays_a_class_and_is_told(tmp_path):
    write_folder(tmp_path, {"ape": 0, "cat": 2})
    source = Folder(tmp_path, "all")
    with pytest.warns(InputWarning, match="1 class folders have no images: ape"):
        assert source.class_names == ("ape", "cat")
    assert [label for _, label in contents(source)] == [1, 1]


def test_folders_in_classes_and_links_are_followed_but_not_in_circles(tmp_path):
    write_folder(tmp_path / "elsewhere", {"2024": 2})
    write_folder(tmp_path / "data", {"cat": 1})
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "2024" / "up").symlink_to(tmp_path / "elsewhere")
    link = tmp_path / "data" / "cat" / "link.png"
    link.symlink_to(tmp_path / "elsewhere" / "2024" / "001.png")
    source = Folder(tmp_path / "data", "all")
    assert names(source) == [
        "cat/000.png",
        "cat/link.png",
        "dog/2024/000.png",
        "dog/2024/001.png",
    ]
    assert contents(source)[1][0] == image_file(1)


def test_suffixes_are_known_in_capitals(tmp_path):
    write_folder(tmp_path, {"cat": 2}, suffix=".JPEG")
    assert len(Folder(tmp_path, "all")) == 2


def test_a_file_that_went_away_is_an_error_of_that_image(tmp_path):
    source = Folder(write_folder(tmp_path, {"cat": 3}), "all")
    assert len(source) == 3
    (tmp_path / "cat" / "001.png").unlink()
    with pytest.raises(InputError, match=r"cat/001\.png cannot be read"):
        source[1]
    assert source[2]["image"] == image_file(2)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(tmp_path, share):
    with pytest.raises(InputError, match=rf"held_out={share} is no share"):
        Folder(tmp_path, held_out=share)


def test_folders_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        len(Folder(tmp_path / "nothing"))
    with pytest.raises(InputError, match="has no class folders"):
        len(Folder(tmp_path))
    (tmp_path / "cat").mkdir()
    with (
        pytest.raises(InputError, match=r"no images for the split 'train' .* Expected"),
        pytest.warns(InputWarning, match="have no images"),
    ):
        len(Folder(tmp_path))
    write_folder(tmp_path / "b" / "train", {"cat": 1})
    write_folder(tmp_path / "b" / "val", {"cat": 1, "dgo": 1})
    with pytest.raises(InputError, match=r"class 'dgo' .* training images do not have"):
        len(Folder(tmp_path / "b", "val"))
