import sys

import pytest

from tests.data.made import contents, image_file, write_arrow, write_parquet
from vit_jax.data.sources import Parquet
from vit_jax.data.sources.splits import group_by_split
from vit_jax.errors import InputError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def test_rows_are_found_in_any_order_across_files_and_groups(tmp_path):
    write_parquet(tmp_path / "data/train-00000-of-00002.parquet", [0, 1, 1])
    second = tmp_path / "data/train-00001-of-00002.parquet"
    write_parquet(second, [1, 0, 0, 1], first_seed=3)
    source = Parquet(tmp_path)
    expected = [(image_file(i), y) for i, y in enumerate([0, 1, 1, 1, 0, 0, 1])]
    assert contents(source) == expected
    assert [source[i]["image"] for i in (6, 0, 4)] == [
        expected[i][0] for i in (6, 0, 4)
    ]
    assert source.class_names == ("cat", "dog")
    assert source.group_starts.tolist() == [0, 2, 3, 5]
    assert source.name(2).endswith("train-00000-of-00002.parquet[2]")
    assert source.name(6).endswith("train-00001-of-00002.parquet[3]")


@pytest.mark.parametrize("stream", [True, False])
def test_arrow_files_of_both_kinds_are_read(tmp_path, stream):
    write_arrow(tmp_path / "data-00000-of-00001.arrow", [0, 1, 1], stream=stream)
    assert contents(Parquet(tmp_path)) == [
        (image_file(i), y) for i, y in enumerate([0, 1, 1])
    ]


def test_splits_are_told_by_names_of_files_or_folders(tmp_path):
    paths = [
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/validation-00000-of-00001.parquet",
        "data/extra-00000-of-00001.parquet",
    ]
    groups = group_by_split([tmp_path / p for p in paths], tmp_path)
    assert {k: len(v) for k, v in groups.items()} == {
        "train": 2,
        "validation": 1,
        "extra": 1,
    }
    assert list(group_by_split([tmp_path / "val/0.tar"], tmp_path)) == ["validation"]
    assert list(group_by_split([tmp_path / "latest-0.tar"], tmp_path)) == ["train"]


@pytest.mark.parametrize(
    ("labels", "class_names", "found"),
    [
        ([0, 2, 1], ("0", "1", "2", "3"), [0, 2, 1]),
        (["dog", "cat", "dog"], ("ape", "cat", "dog"), [2, 1, 2]),
    ],
)
def test_classes_without_names_are_those_of_all_splits(
    tmp_path, labels, class_names, found
):
    write_parquet(tmp_path / "train.parquet", labels, names=None)
    other = [3] if isinstance(labels[0], int) else ["ape"]
    write_parquet(tmp_path / "test.parquet", other, names=None)
    source = Parquet(tmp_path)
    assert source.class_names == class_names
    assert [label for _, label in contents(source)] == found


def test_plain_bytes_and_files_beside_are_images_too(tmp_path):
    (tmp_path / "a.png").write_bytes(image_file(7))
    beside = {"bytes": None, "path": "a.png"}
    for column, expected in (([image_file(0)], 0), ([beside], 7)):
        table = pyarrow.table({"img": column, "label": [0]})
        parquet.write_table(table, tmp_path / "train.parquet")
        assert Parquet(tmp_path / "train.parquet")[0]["image"] == image_file(expected)


def test_an_image_without_content_is_an_error_of_that_image(tmp_path):
    cells = [{"bytes": image_file(0), "path": None}, {"bytes": None, "path": None}]
    parquet.write_table(
        pyarrow.table({"image": cells, "label": [0, 0]}), tmp_path / "a.parquet"
    )
    source = Parquet(tmp_path)
    assert source[0]["image"] == image_file(0)
    with pytest.raises(InputError, match=r"a\.parquet\[1\] has no image"):
        source[1]


def test_one_of_several_labels_is_named(tmp_path):
    table = pyarrow.table({"img": [b"x"], "fine_label": [5], "coarse_label": [1]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"fine_label, coarse_label .* label_key"):
        len(Parquet(tmp_path))
    assert Parquet(tmp_path, label_key="fine_label")[0]["label"] == 5


def test_labels_out_of_range_and_missing_ones_are_refused(tmp_path):
    write_parquet(tmp_path / "a.parquet", [0, 2])
    with pytest.raises(InputError, match=r"label 2 of image 1 .* 2 classes"):
        len(Parquet(tmp_path))
    write_parquet(tmp_path / "a.parquet", [0, None])
    with pytest.raises(InputError, match="1 rows without a label"):
        len(Parquet(tmp_path))


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_a_damaged_file_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    (write_parquet if suffix == "parquet" else write_arrow)(path, [0, 1])
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=rf"a\.{suffix} is damaged"):
        len(Parquet(tmp_path))


def test_a_folder_without_such_files_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no \.parquet or \.arrow files"):
        len(Parquet(tmp_path))


def test_without_pyarrow_it_is_said_what_to_install(tmp_path, monkeypatch):
    write_parquet(tmp_path / "a.parquet", [0])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'vit_jax\[parquet\]'"):
        len(Parquet(tmp_path))
