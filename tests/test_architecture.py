"""The house: imports go down only, files stay small, the door opens at once."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "vit_jax").rglob("*.py"))
HEAVY = {"torch", "tensorflow", "tensorflow_datasets", "tensorboard", "matplotlib"}

# Long because the world is.
TABLES = {"vit_jax.published"}

# A module may import modules of its own row and of the rows above it here.
ROWS = [
    [
        "errors",
        "config",
        "architecture",
        "architecture_rules",
        "flops",
        "manifest",
        "pixels",
        "published",
        "records",
    ],
    ["presets", "model", "data"],
    ["weights", "agree", "arrays", "checkpoint", "checkpoint_folder", "release"],
    ["evaluate"],
    ["train", "predict"],
    [
        "commands",
        "data_commands",
        "parity_command",
        "process",
        "run_commands",
        "weights_commands",
    ],
    ["cli"],
]
ROW = {room: row for row, rooms in enumerate(ROWS) for room in rooms}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def module_imports(path: Path) -> set[str]:
    """Returns what a file imports when it is imported itself."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def rooms(path: Path) -> set[str]:
    """Returns the rooms of ours that a file imports from."""
    imports = module_imports(path)
    return {name.split(".")[1] for name in imports if name.startswith("vit_jax.")}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down_only(path):
    name = name_of(path)
    if name == "vit_jax":
        return
    own = name.split(".")[1]
    for room in rooms(path):
        assert ROW[room] <= ROW[own], f"{name} imports {room}, which is above it"
    assert own == "cli" or "cli" not in rooms(path)


def test_a_room_of_row_one_imports_no_other_room_of_its_row():
    for path in FILES:
        name = name_of(path)
        own = name.split(".")[1] if "." in name else ""
        if own in ROWS[1]:
            assert not (rooms(path) & set(ROWS[1])) - {own}, name


def test_layouts_are_tables_over_the_engine():
    for path in (ROOT / "vit_jax/weights/layouts").glob("[a-z]*.py"):
        tables = {f"vit_jax.weights.layouts.{p.stem}" for p in path.parent.glob("*.py")}
        allowed = {"vit_jax.weights.layout", "vit_jax.weights.extras"}
        assert module_imports(path) - tables <= {*allowed, "dataclasses", "typing"}
    for engine in ("layout", "extras", "mapping"):
        imports = module_imports(ROOT / f"vit_jax/weights/{engine}.py")
        assert not any("layouts" in name for name in imports)


def test_there_is_no_cycle_of_imports():
    graph = {name_of(path): module_imports(path) for path in FILES}
    graph = {name: {i for i in graph[name] if i in graph} for name in graph}
    while graph:
        leaves = [name for name, imports in graph.items() if not imports]
        assert leaves, f"a cycle among {sorted(graph)}"
        graph = {n: i - set(leaves) for n, i in graph.items() if n not in leaves}


def test_data_knows_no_jax():
    for path in (ROOT / "vit_jax/data").rglob("*.py"):
        tops = {name.split(".")[0] for name in module_imports(path)}
        assert not tops & {"jax", "flax", "optax", "orbax"}, path


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_heavy_packages_are_imported_where_they_are_needed(path):
    assert not {name.split(".")[0] for name in module_imports(path)} & HEAVY


@pytest.mark.parametrize("name", ["vit", "block", "attention"])
def test_the_model_the_block_and_the_attention_fit_on_two_screens(name):
    lines = (ROOT / "vit_jax/model" / f"{name}.py").read_text().splitlines()
    assert len(lines) <= 120


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_fits_in_a_head(path):
    lines = len(path.read_text().splitlines())
    assert lines <= 250 or name_of(path) in TABLES
    assert path.stem not in {"utils", "util", "common", "helpers", "helper", "misc"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.body[0].lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"


def test_help_and_data_need_no_jax():
    code = (
        "import sys, vit_jax.cli, vit_jax.train.config, vit_jax.data.transforms;"
        "assert vit_jax.cli.main(['--help']) == 0;"
        "heavy = {'jax', 'flax', 'torch', 'tensorflow'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
