"""What the README shows, runs as written and is there."""

import re
from pathlib import Path

import pytest

from vit_jax.cli import COMMANDS
from vit_jax.presets import PRESETS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("block", [b for b in BLOCKS if "torch" not in b])
def test_the_examples_in_python_run_as_written(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert names["logits"].shape == (8, 10)


def test_every_file_that_is_linked_is_there():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)


def test_every_command_and_preset_that_is_named_exists():
    assert set(re.findall(r"^vit-jax (\w+)|\$ vit-jax (\w+)", README, re.MULTILINE))
    for words in re.findall(r"^(?:\$ )?vit-jax (\w+)", README, re.MULTILINE):
        assert words in COMMANDS
    for name in re.findall(r"--preset (\S+)|preset=\"(\S+)\"", README):
        assert "".join(name) in PRESETS


def test_every_target_of_make_that_is_named_exists():
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert {"demo", "test"} <= set(targets)
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in targets)
