import dataclasses
import json

from PIL import Image

from tests.train.recipe import get_config
from vit_jax.evaluate import Evaluation
from vit_jax.train.report import Report, draw_curves, read_metrics


def config_in(folder):
    config = get_config()
    return dataclasses.replace(
        config, run=dataclasses.replace(config.run, workdir=folder)
    )


def write(folder, steps, start=0):
    with Report(config_in(folder), start=start) as report:
        for step in steps:
            report.write_train(step, {"train/loss": 1 / step})
            report.write_eval(step, Evaluation(360, step / 100, 0.5))


def test_metrics_are_one_object_a_line(tmp_path):
    write(tmp_path, [4, 8])
    lines = [
        json.loads(s) for s in (tmp_path / "metrics.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in lines] == [4, 4, 8, 8]
    assert lines[0]["train/loss"] == 0.25
    assert lines[0]["train/images_per_second"] > 0
    assert lines[3]["eval/top1"] == 0.08


def test_what_a_resume_does_again_stands_there_once(tmp_path):
    write(tmp_path, [4, 8, 12])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 16, "train/lo')  # a kill in the middle of a line
    write(tmp_path, [12, 16], start=8)
    steps = [line["step"] for line in read_metrics(tmp_path)]
    assert steps == [4, 4, 8, 8, 12, 12, 16, 16]


def test_the_curves_are_a_picture(tmp_path):
    write(tmp_path, [4, 8, 12])
    with Image.open(draw_curves(tmp_path)) as picture:
        assert picture.size == (1080, 420)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 10


def test_progress_is_told_in_lines_where_there_is_no_terminal(tmp_path, capsys):
    write(tmp_path, [4])
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("step 4/24  loss 0.2500  ")
    assert told[0].endswith(" left")
    assert told[1] == "step 4/24  held-out accuracy 4.00 %  loss 0.5000"
