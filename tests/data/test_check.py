import json

import numpy as np
import pytest
from PIL import Image

from tests.data.made import image_file, write_folder
from vit_jax.data.check import check
from vit_jax.data.check_report import Sizes
from vit_jax.data.contact_sheet import CELL, MARGIN, choose_images, draw_sheet
from vit_jax.data.sources import Digits, Folder
from vit_jax.data.sources.find import each_split
from vit_jax.errors import InputError


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "train", {"cat": 4, "dog": 3})
    write_folder(tmp_path / "test", {"cat": 1, "dog": 2}, first_seed=50)
    return tmp_path


def look(folder, **options):
    return check(each_split(Folder(folder)), **options)


def test_a_whole_source_is_counted_by_class_size_and_format(folder):
    (folder / "train/cat/000.png").write_bytes(
        image_file(90, "JPEG", rows=40, columns=20)
    )
    report = look(folder)
    assert report.ok
    assert report.duplicates == ()
    train = report.splits["train"]
    assert (train.images, train.per_class, train.broken) == (7, (4, 3), ())
    assert (train.rows, train.columns) == (Sizes(6, 6, 40), Sizes(8, 8, 20))
    assert train.formats == {"PNG RGB": 6, "JPEG RGB": 1}
    assert report.splits["test"].per_class == (1, 2)
    assert train.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "content", [b"", b"no image", image_file(1)[:100], image_file(1, "JPEG")[:200]]
)
def test_a_broken_image_is_named_and_the_others_are_counted(folder, content):
    (folder / "train/dog/001.png").write_bytes(content)
    report = look(folder)
    assert not report.ok
    ((name, fault),) = report.splits["train"].broken
    assert name == str(folder / "train/dog/001.png")
    assert fault
    assert sum(report.splits["train"].formats.values()) == 6
    assert "1 broken images:\n" in str(report)
    assert str(folder / "train/dog/001.png") in str(report)


def test_images_that_are_there_twice_are_named_within_and_across_splits(folder):
    (folder / "train/dog/000.png").write_bytes(image_file(0))  # as train/cat/000
    (folder / "test/cat/000.png").write_bytes(image_file(1))  # as train/cat/001
    report = look(folder)
    assert report.ok
    within, across = report.duplicates
    assert within.splits == ("train", "train")
    assert not within.labels_agree
    assert [name.split("/", 0)[0] for name in across.names] == [
        str(folder / "train/cat/001.png"),
        str(folder / "test/cat/000.png"),
    ]
    assert across.labels_agree
    assert "1 images are there more than once in several splits:" in str(report)
    assert "1 images are there more than once within a split:" in str(report)
    assert "1 of them have different labels" in str(report)


def test_the_report_is_the_same_for_any_number_of_threads(folder):
    (folder / "train/dog/001.png").write_bytes(b"")
    reports = [look(folder, num_threads=n).to_fields() for n in (1, 5)]
    assert reports[0] == reports[1]
    assert json.loads(json.dumps(reports[0])) == reports[0]
    assert reports[0]["splits"]["train"]["per_class"] == {"cat": 4, "dog": 3}


def test_pixels_are_checked_too():
    report = check({"test": Digits("test")})
    assert report.splits["test"].formats == {"pixels": 360}
    assert report.splits["test"].rows == Sizes(8, 8, 8)


def test_the_sheet_shows_a_row_for_each_class_and_marks_what_is_broken(folder):
    (folder / "train/dog/001.png").write_bytes(b"")
    source = Folder(folder)
    labels = look(folder).splits["train"].labels
    draw_sheet(folder / "sheet.png", source, labels, per_class=3)
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.size == (MARGIN + 3 * CELL, 2 * CELL)
        assert sheet.getpixel((MARGIN + CELL + 40, CELL + 40)) == (255, 0, 0)
        assert sheet.getpixel((MARGIN + 40, 40)) not in {(255, 0, 0), (255, 255, 255)}


def test_the_sheet_is_spread_over_images_and_classes():
    labels = np.repeat(np.arange(100, dtype=np.int32), 10)
    labels[0] = -1
    chosen = choose_images(labels, 4)
    assert len(chosen) == 20
    assert {0, 99} < set(chosen)
    assert chosen[99] == [990, 993, 996, 999]
    assert all(labels[i] == label for label, row in chosen.items() for i in row)


def test_a_sheet_that_cannot_be_written_is_told(tmp_path):
    labels = np.zeros(360, np.int32)
    with pytest.raises(InputError, match=r"give a \.png in a folder that exists"):
        draw_sheet(tmp_path / "none" / "x.png", Digits("test"), labels)
