import pytest

from vit_jax.manifest import find_damage, write_manifest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/data").write_bytes(bytes(range(100)))
    (tmp_path / "empty").write_bytes(b"")
    write_manifest(tmp_path)
    return tmp_path


def test_a_folder_as_it_was_has_no_damage(folder):
    assert find_damage(folder) is None
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


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', '{"empty": [1]}'])
def test_a_damaged_manifest_is_damage(folder, text):
    (folder / "manifest.json").write_text(text)
    assert find_damage(folder) == "manifest.json has changed"
    (folder / "manifest.json").unlink()
    assert find_damage(folder) == "manifest.json is missing"
