"""`vit-jax parity --train-steps`: our training beside torch's."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from tests.parity.references import randomise, tensors_of
from vit_jax.cli import main
from vit_jax.config import ViTConfig
from vit_jax.pixels import half
from vit_jax.train.config import DataConfig, OptimConfig, RunConfig, TrainConfig
from vit_jax.train.proof.ours import train_ours
from vit_jax.train.proof.prove import compare
from vit_jax.train.proof.theirs import TorchTraining
from vit_jax.train.proof.training import DigitBatches
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan

MODEL = ViTConfig(
    image_size=16,
    patch_size=8,
    num_classes=10,
    embed_dim=32,
    depth=2,
    num_heads=2,
    mlp_dim=128,
)
CONFIG = TrainConfig(
    model=MODEL,
    data=DataConfig(batch_size=16),
    optim=OptimConfig(warmup_steps=10),
    run=RunConfig(steps=100),
)
PLAN = make_plan(find_layout("timm"), MODEL)
BATCHES = DigitBatches(MODEL, batch_size=16, seed=0)
BUILD = """
import torch
from tests.parity.test_training import build
def tiny(): return build()
def frozen():
    model = build()
    model.pos_embed.requires_grad_(False)
    return model
def dropping(): return build(proj_drop_rate=0.1)
def headless(): return build(num_classes=0)
"""


def build(**options) -> torch.nn.Module:
    options = {
        "img_size": 16,
        "patch_size": 8,
        "embed_dim": 32,
        "depth": 2,
        "num_heads": 2,
        "num_classes": 10,
        **options,
    }
    return randomise(VisionTransformer(**options), seed=1, gain=1.0)


PARAMS = {name: x.copy() for name, x in PLAN.to_ours(tensors_of(build())).items()}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Two threads of torch wait for each other where the machine has other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def ours():
    """Our training, 100 steps of AdamW, and its learning rates."""
    return train_ours(CONFIG, half(3), PARAMS, BATCHES)


def compare_with(ours, steps=100, **settings):
    """Returns the report on torch's training with other settings than ours."""
    ours, rates = ours
    ours = dataclasses.replace(ours, losses=ours.losses[:steps])
    optim = dataclasses.replace(CONFIG.optim, **settings)
    theirs = TorchTraining(build(), PLAN, half(3), optim)
    wide = theirs.in_float64()
    both = [training.train(BATCHES, rates[:steps]) for training in (theirs, wide)]
    return compare(CONFIG, PARAMS, ours, *both, tolerance=1e-5)


def test_a_hundred_steps_of_adamw_equal_torchs(ours):
    report = compare_with(ours)
    assert report.ok, report
    assert report.losses[-1].ours < 0.9 * report.losses[0].ours  # it does learn
    assert max(x.error for x in report.losses[:20]) <= 1e-5
    assert max(x.error for x in report.losses) <= 1e-3
    assert report.all_gradients.error <= 1e-5
    # A bias of k changes nothing: its gradient is rounding alone.
    rounded = [x.name for x in report.gradients if x.by_rounding(1e-5)]
    assert rounded == [f"blocks.{i}.attn.k.bias" for i in range(2)]
    others = [x.error for x in report.gradients if x.name not in rounded]
    assert max(others) <= 1e-5
    assert max(x.error for x in report.update) <= 1e-5
    assert report.update_share > 0.9


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"beta2": 0.99}, "loss of step "),
        ({"beta1": 0.89}, "loss of step "),
        ({"eps": 1e-6}, "first update of embed."),
        ({"decay_rows": ((".*", 1.0),)}, "first update of embed."),
        ({"clip_norm": 0.5, "name": "sgd"}, "first update of embed."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_setting_that_differs_is_named_where_it_shows_first(ours, settings, first):
    if "name" in settings:
        settings = {**settings, "weight_decay": 0.0}
    report = compare_with(ours, steps=12, **settings)
    assert not report.ok
    assert report.first_difference.startswith(first)
    assert f"first difference: {first}" in str(report)


def test_a_learning_rate_that_differs_is_named_at_the_step_it_shows(ours):
    training, rates = ours
    theirs = TorchTraining(build(), PLAN, half(3), CONFIG.optim)
    wide = theirs.in_float64()
    wrong = [rates[0], rates[1], *(1.01 * rate for rate in rates[2:6])]
    both = [side.train(BATCHES, wrong) for side in (theirs, wide)]
    training = dataclasses.replace(training, losses=training.losses[:6])
    report = compare(CONFIG, PARAMS, training, *both, tolerance=1e-5)
    # The third update is the first with another rate; the fourth loss sees it.
    assert report.first_difference.startswith("loss of step 4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tiny model's weights, and a file that builds modules."""
    folder = tmp_path_factory.mktemp("training")
    torch.save(build().state_dict(), folder / "tiny.pth")
    torch.save(build(num_classes=0).state_dict(), folder / "headless.pth")
    (folder / "build.py").write_text(BUILD)
    return folder


def run(capsys, folder, name, *args, file="tiny"):
    reference = ["--reference", f"{folder}/build.py:{name}", "--num-heads", 2]
    sizes = ["--norm-eps", "1e-6", "--activation", "gelu", "--pool", "cls"]
    given = [folder / f"{file}.pth", *reference, *sizes, *args]
    code = main(["parity", *map(str, given)])
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("optimizer", "module"), [("sgd", "frozen"), ("lamb", "tiny"), ("lion", "tiny")]
)
def test_the_command_proves_other_optimizers(
    capsys, folder, tmp_path, optimizer, module
):
    options = ["--train-steps", 10, "--batch-size", 16, "--optimizer", optimizer]
    picture = tmp_path / "training.png"
    more = ["--json", "--picture", picture]
    code, out, _ = run(capsys, folder, module, *options, *more)
    report = json.loads(out)
    assert code == 0, report["first_difference"]
    assert max(x["error"] for x in report["losses"]) <= 1e-5
    assert report["all_gradients"]["error"] <= 1e-5
    assert report["all_updates"]["error"] <= 1e-5
    assert report["params"]["error"] <= 1e-3
    frozen = {x["name"] for x in report["gradients"]} ^ PLAN.shapes.keys()
    assert frozen == ({"embed.pos_embed"} if module == "frozen" else set())
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_digits_are_those_of_the_step_and_the_models_size():
    one, again, other = BATCHES[3], BATCHES[3], BATCHES[4]
    assert one["image"].shape == (16, 16, 16, 3)
    assert one["image"].dtype == np.uint8
    np.testing.assert_array_equal(one["image"], again["image"])
    assert not np.array_equal(one["image"], other["image"])
    two = DigitBatches(MODEL.replace(num_classes=2), batch_size=16, seed=0)[3]
    np.testing.assert_array_equal(two["label"], one["label"] % 2)


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        ("dropping", ["--train-steps", 1], "draws random numbers in training mode"),
        ("headless", ["--train-steps", 1], "the model has 0 classes"),
        ("tiny", ["--train-steps", 0], "--train-steps 0: give at least 1"),
        ("tiny", ["--train-steps", 1, "--batch-size", 0], "--batch-size 0"),
        ("tiny", ["--train-steps", 1, "--learning-rate", 0], "--learning-rate 0.0"),
        ("tiny", ["--train-steps", 1, "--images", 2], "takes --batch-size instead"),
        (
            "tiny",
            ["--optimizer", "sgd"],
            "--optimizer: of training; give --train-steps",
        ),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_message(
    capsys, folder, module, options, message
):
    file = "headless" if module == "headless" else "tiny"
    code, out, err = run(capsys, folder, module, *options, file=file)
    assert code == 2
    assert message in err
    assert not out
