"""What a user types after `vit-jax data`."""

import json

import numpy as np
import pytest
import tyro
from PIL import Image

from tests.data.made import contents, image_file, write_folder
from vit_jax.data.benchmark_options import list_threads, list_workers
from vit_jax.data.contact_sheet import CELL, MARGIN
from vit_jax.data.cores import count_cores
from vit_jax.data.sources import Folder, Tfds
from vit_jax.data_commands import DATA_COMMANDS
from vit_jax.errors import InputError
from vit_jax.train.preview import VIEWS


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


def test_the_sheet_is_drawn_as_a_recipe_trains(capsys, folder, tmp_path):
    recipe = tmp_path / "recipe.py"
    recipe.write_text(
        "from vit_jax.train.config import *\n"
        "def get_config():\n"
        "    return TrainConfig(\n"
        "        model=ViTConfig(image_size=16, patch_size=8),\n"
        "        data=DataConfig(crop='random'),\n"
        "        augment=AugmentConfig(flip=True),\n"
        "    )\n"
    )
    told = ("--picture", tmp_path / "sheet.png", "--recipe", recipe)
    code, _ = run(capsys, "check", folder, *told)
    assert code == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (MARGIN + (1 + VIEWS) * CELL, 2 * CELL)
        last = sheet.getpixel((MARGIN + VIEWS * CELL + 40, CELL + 40))
        assert last not in {(255, 0, 0), (255, 255, 255)}


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


BRIEF = ("--seconds", "0.01", "--batch-size", "4", "--num-workers")


def test_benchmark_prints_a_table_and_what_limits_the_loader(capsys, folder):
    args = ("--image-size", "16", "--num-threads", "0", "1", "1", *BRIEF)
    code, out = run(capsys, "benchmark", folder, *args)
    assert code == 0
    lines = out.splitlines()
    train = len(Folder(folder))
    assert lines[0] == f"{train} images, PNG RGB, 6 x 8 (median of a few)"
    assert "batches of 4 images of 16 x 16 x 3" in lines
    table = lines.index("") + 7  # and a line for each setting, named once
    assert [line.split()[:2] for line in lines[table : table + 4]] == [
        ["threads", "processes"],
        ["0", "-"],
        ["1", "-"],
        [],
    ]
    assert lines[-2].startswith("limit: ")
    assert lines[-1].startswith("best for train.py: --data.num-threads ")


@pytest.mark.parametrize(
    ("crop", "shape"),
    [("random", [16, 16, 3]), ("center", [16, 16, 3]), ("none", [6, 8, 3])],
)
def test_benchmark_tells_json_of_any_crop(capsys, folder, crop, shape):
    args = ("--crop", crop, "--image-size", "16", "--num-threads", "0", *BRIEF)
    code, out = run(capsys, "benchmark", folder, "--json", "--split", "all", *args)
    assert code == 0
    told = json.loads(out)
    assert told["image_shape"] == shape
    assert told["num_images"] == 24
    assert [each["num_threads"] for each in told["settings"]] == [0]
    assert told["verdict"]["flags"] == "--data.num-threads 0"


def test_benchmark_takes_grey_images_as_such(capsys):
    args = ("--crop", "center", "--image-size", "12", "--num-threads", "0", *BRIEF)
    _, out = run(capsys, "benchmark", "digits", "--json", *args)
    assert json.loads(out)["image_shape"] == [12, 12, 1]


def test_benchmark_tells_how_to_bring_images_to_one_size(capsys, folder):
    for name in ("cat", "dog"):
        for i in range(6):
            path = folder / name / f"{i:03d}.png"
            path.write_bytes(image_file(i, rows=9, columns=9))
    told = "choose --crop center or --crop random, which bring all to one size"
    with pytest.raises(InputError, match=told):
        run(capsys, "benchmark", folder, "--crop", "none", *BRIEF)


def test_benchmark_names_everything_that_cannot_be_used(capsys, folder):
    args = ("--seconds", "0", "--batch-size", "0", "--num-threads", "-1", "2")
    with pytest.raises(InputError) as error:
        run(capsys, "benchmark", folder, *args, "--num-workers", "0")
    assert str(error.value).splitlines() == [
        "--batch-size 0: give at least 1.",
        "--num-threads -1: give at least 0.",
        "--num-workers 0: give at least 1.",
        "--seconds 0: give more than 0, such as 2.",
    ]


def test_benchmark_looks_at_settings_that_fit_the_machine():
    assert list_threads()[:2] == (0, 1)
    assert list_threads()[-1] == 2 * count_cores()
    assert list_workers() == tuple(sorted({1, count_cores()}))


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("check", "{folder}", "--threads", "0"), "--threads 0: give at least 1"),
        (("check", "{folder}", "--split", "dev2"), "has no split 'dev2'"),
        (("check", "{folder}", "--picture", "a.txt"), "--picture a.txt: give .png"),
        (("check", "{folder}", "--recipe", "a.py"), "add --picture x.png"),
        (
            ("check", "{folder}", "--picture", "a.png", "--recipe", "a.py"),
            "there is no recipe a.py. Recipes here: configs",
        ),
        (("check", "{folder}/nothing"), "is no collection of images"),
        (("check", "nothing"), "there is no data set nothing in"),
        (("prepare", "{folder}", "{folder}"), "files exists: give another name"),
        (("benchmark", "{folder}", "--split", "dev2"), "has no split 'dev2'"),
        (("benchmark", "{folder}", "--seconds", "nan"), "--seconds nan: give more"),
        (("benchmark", "{folder}", "--image-size", "0"), "--image-size 0: give at"),
        (
            ("benchmark", "{folder}", "--num-threads", "--num-workers"),
            "there is nothing to time: give --num-threads 1 2",
        ),
    ],
)
def test_what_cannot_be_used_is_one_message(capsys, folder, args, told):
    with pytest.raises(InputError, match=told):
        run(capsys, *(arg.format(folder=folder) for arg in args))
