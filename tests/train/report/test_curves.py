import threading

import pytest
from PIL import Image

from vit_jax.train.report import curves
from vit_jax.train.report.curves import Redrawing, draw_curves
from vit_jax.train.step_lines import add_line


@pytest.fixture
def folder(tmp_path):
    """A folder with the metrics of some steps."""
    for step in (4, 8, 12):
        line = {"train/loss": 1 / step, "train/top1": step / 20, "eval/top1": step / 15}
        norms = {"eval/loss": 0.5, "train/learning_rate": 1e-3, "train/grad_norm": step}
        add_line(tmp_path / "metrics.jsonl", {"step": step, **line, **norms})
    return tmp_path


def test_the_curves_are_a_picture(folder):
    with Image.open(draw_curves(folder)) as picture:
        assert picture.size == (1080, 600)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 10


def test_a_run_without_a_line_has_an_empty_picture(tmp_path):
    with Image.open(draw_curves(tmp_path)) as picture:
        assert picture.size == (1080, 600)


def test_the_caller_does_not_wait_and_a_picture_is_whole_at_any_time(
    folder, monkeypatch
):
    began, goes_on, drawn = threading.Event(), threading.Event(), []

    def draw(workdir):
        began.set()
        assert goes_on.wait(60)
        drawn.append(draw_curves(workdir))

    monkeypatch.setattr(curves, "draw_curves", draw)
    redrawing = Redrawing(folder, every_seconds=0)
    redrawing.draw()
    assert began.wait(60)
    redrawing.draw()  # one is being drawn: this asks for nothing
    assert not (folder / "curves.png").exists()
    goes_on.set()
    redrawing.close()
    assert drawn == [folder / "curves.png"]
    assert {path.name for path in folder.iterdir()} == {"metrics.jsonl", "curves.png"}
    redrawing.draw()
    redrawing.close()
    assert len(drawn) == 2


def test_it_is_drawn_once_a_minute_at_most(folder):
    redrawing = Redrawing(folder)
    redrawing.draw()
    redrawing.close()
    assert not (folder / "curves.png").exists()
    redrawing.last -= 61
    redrawing.draw()
    redrawing.close()
    assert (folder / "curves.png").exists()
