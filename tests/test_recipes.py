"""Every recipe is a recipe: it runs shrunk, resumes, and says what it is."""

import ast
import dataclasses
import math
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.models import random_params
from tests.published import PUBLISHED
from vit_jax.config import ViTConfig
from vit_jax.data.prepare import prepare
from vit_jax.data.sources import Arrays
from vit_jax.data.sources.find import each_split
from vit_jax.model.params import param_shapes
from vit_jax.pixels import IMAGENET
from vit_jax.release import Release, save_release
from vit_jax.train.config import RunConfig, load_recipe
from vit_jax.train.init_config import REQUIRED
from vit_jax.train.initial import find_start
from vit_jax.train.lengths import Timed, to_steps
from vit_jax.train.loop import train
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.run import open_inputs

CONFIGS = Path(__file__).parent.parent / "configs"
RECIPES = sorted(CONFIGS.glob("*.py"))
each_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


@each_recipe
def test_a_recipe_says_command_data_hardware_time_and_expected_number(path):
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert f"python train.py configs/{path.name}" in text
    for word in ("Data:", "Hardware and time:", "Expected:"):
        assert word in text


# The data sets that recipes name: shape and number of classes; the images are noise.
NAMED = {
    "mnist": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "imagenet2012": ((36, 40, 3), 1000),
    "half": ((32, 32, 3), 5),
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Stands for the data sets that recipes name: forty images in each split."""
    folder = tmp_path_factory.mktemp("tfds")
    rng = np.random.default_rng(0)
    for name, (shape, classes) in NAMED.items():
        arrays = {"class_names": np.array([str(i) for i in range(classes)])}
        for split in ("train", "val" if name == "imagenet2012" else "test"):
            images = rng.integers(256, size=(40, *shape), dtype=np.uint8)
            arrays |= {f"x_{split}": images, f"y_{split}": np.arange(40) % 5}
        np.savez(folder / f"{name}.npz", **arrays)
        prepare(each_split(Arrays(folder / f"{name}.npz")), folder / name)
    return folder


SMALL = {"depth": 1, "embed_dim": 16, "num_heads": 2, "mlp_dim": 16}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Stands for the weights that recipes begin with: what a ViT of them shrinks to."""
    folder = tmp_path_factory.mktemp("weights") / "model"
    model = ViTConfig(image_size=16, patch_size=8, **SMALL)
    release = Release(
        config=model, params=random_params(model), pixels=IMAGENET, class_names=()
    )
    save_release(folder, release)
    return folder


@pytest.fixture
def stand_in(data_dir, weights):
    """Returns what gives a recipe the stand-ins for what it names."""

    def stand_in(config):
        init, data = config.init, config.data
        if init.weights == REQUIRED:
            new_head = init.new_head or data.source != "imagenet2012"
            init = dataclasses.replace(init, weights=str(weights), new_head=new_head)
        is_file = data.source.endswith(".npz")
        source = str(data_dir / data.source) if is_file else data.source
        data = dataclasses.replace(
            data,
            source=source,
            data_dir=data_dir,
            in_memory=data.on_device,
            num_threads=0,
        )
        return dataclasses.replace(config, init=init, data=data)

    return stand_in


def shrink(config):
    """Returns the smallest run that keeps every choice of a recipe, not its numbers."""
    model, data, optim, init = config.model, config.data, config.optim, config.init
    small = SMALL if init.weights is None else {}
    if model.pre_logits:
        small = small | {"pre_logits": 16}
    if model.drop_path:
        small = small | {"drop_path": 0.1}
    if data.resize != "none" and init.weights is None:  # images take any size
        small = small | {"patch_size": 8, "image_size": 16}
    if init.image_size:
        init = dataclasses.replace(init, image_size=16)
    return dataclasses.replace(
        config,
        init=init,
        model=model.replace(**small),
        data=dataclasses.replace(data, batch_size=4, eval_batch_size=20),
        optim=dataclasses.replace(
            optim,
            learning_rate=1e-3,
            final_learning_rate=0,
            weight_decay=min(optim.weight_decay, 0.01),
            warmup_steps=1,
            warmup_epochs=0,
        ),
        run=RunConfig(steps=2, save_every_steps=1, log_every_steps=1),
    )


def find_kinds():
    """Returns a path for each of the runs that recipes shrink to, named by all."""
    kinds = {}
    for path in RECIPES:
        kinds.setdefault(shrink(load_recipe(path)), []).append(path)
    return {"+".join(p.stem for p in paths): paths[0] for paths in kinds.values()}


KINDS = find_kinds()


@pytest.fixture
def quick_compiler():
    """A program that runs twice need not be fast; it is compiled in half the time."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@each_recipe
def test_a_recipes_model_fits_its_images(path, stand_in):
    config = stand_in(load_recipe(path))
    # Its length may be epochs, and there is not even a step of the stand-ins in one.
    optim = dataclasses.replace(config.optim, warmup_steps=0, warmup_epochs=0)
    config = dataclasses.replace(config, run=RunConfig(steps=1), optim=optim)
    open_inputs(find_start(config).config)  # raises where they do not fit


@pytest.mark.usefixtures("quick_compiler")
@pytest.mark.parametrize("path", KINDS.values(), ids=KINDS)
def test_a_recipe_takes_two_steps_shrunk_and_resumes(path, stand_in, tmp_path, capsys):
    """Recipes that differ in their numbers alone are one run; the name has them all."""
    config = stand_in(shrink(load_recipe(path)))
    run = dataclasses.replace(config.run, workdir=tmp_path)
    config = dataclasses.replace(config, run=run)
    train(config)
    for name in ("model", "checkpoints/2"):
        (tmp_path / name).rename(tmp_path / name.replace("/", "-"))
    train(config)
    assert "resumed at step 1/2" in capsys.readouterr().out
    steps = [line["step"] for line in read_metrics(tmp_path) if "train/loss" in line]
    assert steps == [1, 2]


# Images in an epoch; of 99 % as TFDS rounds it.
EPOCHS = {
    ("imagenet2012", "train"): 1_281_167,
    ("imagenet2012", "train[:99%]"): 1_268_355,
    ("cifar10", "train[:98%]"): 49_000,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_is_what_was_published(name):
    """Its numbers are its authors', typed apart from the recipe."""
    path, said = CONFIGS / f"{name}.py", PUBLISHED[name]
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    assert f"arXiv:{said.paper}" in text
    assert f"Expected: {said.accuracy} %" in text
    assert "Not trained here." in text
    config = load_recipe(path)
    images = EPOCHS[config.data.source, config.data.train_split]
    run, optim = to_steps(
        Timed(config.run, config.optim),
        batch_size=config.data.batch_size,
        num_images=images,
    )
    model = config.model
    found = {
        "image_size": config.init.image_size or model.image_size,
        "batch": config.data.batch_size,
        "learning_rate": pytest.approx(optim.learning_rate),
        "weight_decay": pytest.approx(optim.weight_decay),
        "warmup": optim.warmup_steps,
        "steps": run.steps,
        "drop_path": model.drop_path,
    }
    assert found == {field: getattr(said, field) for field in found}
    if said.params:
        # Published at 224 pixels, also where it is trained at fewer.
        shapes = param_shapes(model.replace(image_size=224)).values()
        assert f"{sum(map(math.prod, shapes)) / 1e6:.1f}" == f"{said.params}"


def test_every_recipe_of_a_paper_is_compared_with_it():
    papers = [path for path in RECIPES if "Paper:" in path.read_text()]
    assert {path.stem for path in papers} == set(PUBLISHED)
