"""Files of one JSON object a line, each with its `step`."""

import json
from pathlib import Path
from typing import Any


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Returns the lines of a file; one that a kill cut off is left out."""
    lines: list[dict[str, Any]] = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break  # only the last line can be cut: each is flushed whole
    return lines


def drop_lines(path: Path, *, after: int) -> None:
    """Leaves out the lines of later steps: those steps are taken again."""
    lines = [line for line in read_lines(path) if line["step"] <= after]
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(line) + "\n" for line in lines))
    part.replace(path)


def add_line(path: Path, line: dict[str, Any]) -> None:
    """Writes a line at the end."""
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
