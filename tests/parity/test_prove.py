"""`vit-jax parity`: a file beside a torch module that loads the same file."""

import json

import pytest
import timm
import torch

import vit_jax
from tests.parity.references import randomise
from vit_jax.cli import main

BUILD = """
import timm
def small(): return timm.create_model("test_vit", depth=2)
def number(): return 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of timm's smallest ViT, random, and a file that builds modules."""
    folder = tmp_path_factory.mktemp("parity")
    model = randomise(timm.create_model("test_vit"), seed=0)
    torch.save(model.state_dict(), folder / "test_vit.pth")
    small = randomise(timm.create_model("test_vit", depth=2), seed=0).half()
    torch.save(small.state_dict(), folder / "small.pth")
    (folder / "build.py").write_text(BUILD)
    return folder


def run(capsys, *args):
    code = main(["parity", *map(str, args)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_file_equals_timms_model_of_its_name(capsys, folder):
    code, out, _ = run(capsys, folder / "test_vit.pth", "--reference", "timm:test_vit")
    assert code == 0
    assert out.splitlines()[0].split() == ["stage", "rel.", "L2", "rel.", "max", "max"]
    assert [line.split()[0] for line in out.splitlines()[1:4]] == [
        "patches",
        "embed",
        "blocks.0",
    ]
    assert out.splitlines()[-1] == "equal (tolerance 1e-05)"


def test_half_precision_weights_equal_what_a_function_builds(capsys, folder, tmp_path):
    picture = tmp_path / "parity.png"
    args = [folder / "small.pth", "--reference", f"{folder}/build.py:small"]
    with pytest.raises(ValueError, match="does not fit the timm layout"):
        vit_jax.load(folder / "small.pth", preset="test_vit")
    code, out, err = run(capsys, *args, "--num-heads", 2, "--picture", picture)
    assert code == 0, out
    assert "note:" in err
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_difference_is_named_and_is_exit_code_1(capsys, folder):
    code, out, _ = run(
        capsys,
        folder / "test_vit.pth",
        *("--reference", "timm:test_vit", "--norm-eps", "1e-5", "--json"),
    )
    report = json.loads(out)
    assert code == 1
    assert report["first_difference"] == "blocks.0"
    assert report["cause"].startswith("norm_eps=1e-06 makes every stage agree")
    assert report["stages"][-1]["stage"] == "logits"


def test_a_folder_of_ours_is_compared_too(capsys, folder, tmp_path):
    source = folder / "test_vit.pth"
    assert (
        main(["convert", str(source), f"{tmp_path}/model", "--preset", "test_vit"]) == 0
    )
    capsys.readouterr()
    code, out, _ = run(capsys, tmp_path / "model", "--reference", "timm:test_vit")
    assert code == 0, out


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("test_vit", "expected timm:NAME, hf:FOLDER"),
        ("timm:test_vi", "Perhaps you meant test_vit"),
        ("nowhere.py:small", "there is no Python file nowhere.py"),
        ("build.py:smal", "has no function 'smal'. Perhaps you meant small"),
        ("build.py:number", "gives a int: expected a function that returns a torch"),
        ("build.py:small", "unused   blocks.{2..5}.* (12 tensors each)"),
    ],
)
def test_a_reference_that_cannot_be_used_is_told_in_one_message(
    capsys, folder, monkeypatch, reference, message
):
    monkeypatch.chdir(folder)
    args = ["test_vit.pth", "--preset", "test_vit", "--reference", reference]
    code, out, err = run(capsys, *args)
    assert code == 2
    assert message in err
    assert not out
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--images", "0"], "--images 0: give at least 1"),
        (["--tolerance", "0"], "--tolerance 0.0: give more than 0"),
        (["--picture", "a.txt"], "--picture a.txt: give .png"),
    ],
)
def test_an_option_that_cannot_be_obeyed_is_refused(capsys, folder, option, message):
    source = folder / "test_vit.pth"
    code, _, err = run(capsys, source, "--reference", "timm:test_vit", *option)
    assert code == 2
    assert message in err
