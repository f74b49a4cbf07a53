"""What a user types after `vit-jax data`."""

import json

import numpy as np
import pytest
import tyro
from PIL import Image

from tests.data.made import contents, write_folder
from vit_jax.data.sources import Folder, Tfds
from vit_jax.data_commands import DATA_COMMANDS
from vit_jax.errors import InputError


def run(capsys, name, *args):
    """Returns the exit code and what was printed."""
    command = tyro.cli(DATA_COMMANDS[name], args=[str(arg) for arg in args])
    return command.run(), capsys.readouterr().out


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "files", {"cat": 12, "dog": 12})


def test_check_prints_a_short_table_and_ends_well(capsys, folder):
    code, out = run(capsys, "check", folder)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["split", "images", "broken"]
    assert [line.split()[0] for line in lines[1:3]] == ["train", "test"]
    assert len(lines) == 5


def test_check_ends_with_1_if_something_is_broken(capsys, folder):
    (folder / "cat/003.png").write_bytes(b"no image")
    code, out = run(capsys, "check", folder, "--held-out", "0")
    assert code == 1
    assert f"{folder}/cat/003.png: " in out


def test_check_tells_json_and_draws_a_sheet(capsys, folder, tmp_path):
    code, out = run(
        capsys, "check", folder, "--json", "--picture", tmp_path / "sheet.png"
    )
    assert code == 0
    assert json.loads(out)["ok"]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"


def test_prepare_writes_what_tfds_opens(capsys, folder, tmp_path):
    code, out = run(capsys, "prepare", folder, tmp_path / "data" / "pets")
    train = Folder(folder)
    assert code == 0
    assert f"{len(train)} train, {24 - len(train)} test" in out
    written = Tfds("pets", data_dir=tmp_path / "data")
    assert sorted(contents(written)) == sorted(contents(train))
    code, out = run(
        capsys, "check", "pets", "--data-dir", tmp_path / "data", "--split", "train[:5]"
    )
    assert code == 0
    assert out.splitlines()[1].split()[:2] == ["train[:5]", "5"]
    args = (tmp_path / "data/pets", tmp_path / "part", "--split", "train[:50%]")
    _, out = run(capsys, "prepare", *args)
    assert f"{round(len(train) / 2)} train" in out
    _, out = run(capsys, "prepare", folder, tmp_path / "whole", "--split", "all")
    assert out.endswith(": 24 train\n")


def test_prepare_mends_tfrecord(capsys, folder, tmp_path):
    run(capsys, "prepare", folder, tmp_path / "data" / "pets")
    info = tmp_path / "data/pets/1.0.0/dataset_info.json"
    info.write_text(info.read_text().replace('"array_record"', '"tfrecord"'))
    with pytest.raises(InputError, match=r"there is no file .*tfrecord-00000"):
        run(capsys, "prepare", tmp_path / "data/pets", tmp_path / "new" / "pets")


def test_the_kind_may_be_said(capsys, folder, tmp_path):
    np.savez(
        tmp_path / "odd.bin",
        images=np.zeros((2, 4, 4), np.uint8),
        labels=np.zeros(2, np.int64),
    )
    path = (tmp_path / "odd.bin.npz").rename(tmp_path / "odd.bin")
    code, out = run(capsys, "check", path, "--kind", "arrays")
    assert code == 0
    assert "pixels 2" in out
    assert "1 images are there more than once within a split" in out
    with pytest.raises(InputError, match=r"no \.parquet"):
        run(capsys, "check", folder, "--kind", "parquet")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("check", "{folder}", "--threads", "0"), "--threads 0: give at least 1"),
        (("check", "{folder}", "--split", "dev2"), "has no split 'dev2'"),
        (("check", "{folder}", "--picture", "a.txt"), "--picture a.txt: give .png"),
        (("check", "{folder}/nothing"), "is no collection of images"),
        (("check", "nothing"), "there is no data set nothing in"),
        (("prepare", "{folder}", "{folder}"), "files exists: give another name"),
    ],
)
def test_what_cannot_be_used_is_one_message(capsys, folder, args, told):
    with pytest.raises(InputError, match=told):
        run(capsys, *(arg.format(folder=folder) for arg in args))
