import pytest

from vit_jax.manifest import find_damage, read_note, write_manifest

NOTE = {"step": 3, "top1": 0.1}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/data").write_bytes(bytes(range(100)))
    (tmp_path / "empty").write_bytes(b"")
    write_manifest(tmp_path, note=NOTE)
    return tmp_path


def test_a_folder_as_it_was_has_no_damage(folder):
    assert find_damage(folder) is None
    assert read_note(folder) == NOTE
    (folder / "later").write_text("what is added is no damage")
    assert find_damage(folder) is None


def test_every_kind_of_damage_is_named(folder):
    data, raw = folder / "a/b/data", bytes(range(100))
    data.write_bytes(raw[:50])
    assert find_damage(folder) == "a/b/data has 50 bytes and had 100"
    data.write_bytes(raw[:50] + b"x" + raw[51:])
    assert find_damage(folder) == "a/b/data has changed"
    data.unlink()
    assert find_damage(folder) == "a/b/data is missing"


def test_each_file_is_in_one_share(folder):
    (folder / "a/b/data").unlink()
    found = [find_damage(folder, share=(i, 3)) for i in range(3)]
    assert sorted(map(str, found)) == ["None", "None", "a/b/data is missing"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}', '{"empty": [1]}'])
def test_a_damaged_manifest_is_damage(folder, text):
    (folder / "manifest.json").write_text(text)
    assert find_damage(folder) == "manifest.json has changed"
    assert read_note(folder) is None
    (folder / "manifest.json").unlink()
    assert find_damage(folder) == "manifest.json is missing"


def test_every_byte_of_a_manifest_counts(folder):
    path = folder / "manifest.json"
    raw = path.read_bytes()
    for place in range(len(raw)):
        for bit in (1, 4, 32, 128):
            changed = bytes([raw[place] ^ bit])
            path.write_bytes(raw[:place] + changed + raw[place + 1 :])
            assert find_damage(folder) == "manifest.json has changed", (place, bit)
