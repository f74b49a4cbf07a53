import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
def test_the_conversion_example_runs_as_written(tmp_path, monkeypatch, capsys):
    (block,) = [block for block in BLOCKS if "torch" in block]
    lines = [line for line in block.splitlines() if line and "import" not in line]
    assert len(lines) <= 10
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["stage", "rel.", "L2", "rel.", "max", "max"]
    assert [line.split()[0] for line in told[1:4]] == ["patches", "embed", "blocks.0"]
    assert told[-1] == "equal (tolerance 1e-05)"
