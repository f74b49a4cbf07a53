"""A run that begins with weights: what it takes, refuses, keeps and remembers."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest

import vit_jax
from tests.models import TINY, random_model, random_params
from tests.train.recipe import get_config
from vit_jax.cli import main
from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.evaluate import check_fits
from vit_jax.model.params import unbind
from vit_jax.pixels import Pixels
from vit_jax.release import Release, load_release, save_release
from vit_jax.train.init_config import REQUIRED, InitConfig
from vit_jax.train.initial import find_start, read_initial
from vit_jax.train.loop import HASHES, train
from vit_jax.train.run import make_run_mesh
from vit_jax.train.step import init_state
from vit_jax.train.step_lines import read_lines
from vit_jax.train.workdir import open_workdir, read_config

PIXELS = Pixels((0.3,), (0.4,))
TOLD = {"num_heads": 2, "norm_eps": 1e-6, "pool": "cls", "activation": "gelu"}


def with_init(folder, *, model=None, **init):
    """Returns a recipe's config that begins with weights."""
    config = get_config()
    run = dataclasses.replace(
        config.run, workdir=folder, steps=2, save_every_steps=1, log_every_steps=1
    )
    optim = dataclasses.replace(config.optim, warmup_steps=1, ema_decay=0.9)
    data = dataclasses.replace(config.data, resize="squash")
    return dataclasses.replace(
        config,
        init=InitConfig(**init),
        model=model or ViTConfig(drop_path=0.1),
        data=data,
        optim=optim,
        run=run,
    )


def write_release(folder, *, classes=10, seed=0):
    config = TINY.replace(num_classes=classes, dropout=0.5)
    params = random_params(config, seed)
    release = Release(config=config, params=params, pixels=PIXELS, class_names=())
    save_release(folder, release)
    return params


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Weights under timm's names."""
    path = tmp_path_factory.mktemp("weights") / "timm.safetensors"
    vit_jax.save(random_model(TINY), path, layout="timm")
    return path


def equal(a, b):
    assert a.keys() == b.keys()
    return all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.filterwarnings("ignore:.*weights do not tell attn_scale")
@pytest.mark.parametrize(
    "sizes",
    [{}, {"image_size": 16, "resample": "timm"}],
    ids=["same size", "resampled"],
)
def test_a_run_begins_with_what_load_gives_bit_for_bit(file, tmp_path, sizes):
    loaded = unbind(vit_jax.load(file, **TOLD, **sizes))
    start = find_start(with_init(tmp_path, weights=str(file), **TOLD, **sizes))
    mesh = make_run_mesh(start.config)
    state = jax.device_get(init_state(start.config, mesh, start.params))
    assert equal(state.params, loaded)
    assert equal(state.ema, loaded)
    assert equal(read_initial(start.config), loaded)
    # The architecture is the file's; what only training needs is the recipe's.
    wanted = TINY.replace(drop_path=0.1, image_size=sizes.get("image_size", 8))
    assert start.config.model == wanted


def test_a_head_is_replaced_only_when_asked(tmp_path):
    params = write_release(tmp_path / "w", classes=7)
    given = {"weights": str(tmp_path / "w")}
    with pytest.raises(InputError, match=r"of 7 .* 10 classes.*--init\.new-head"):
        find_start(with_init(tmp_path / "run", **given))
    start = find_start(with_init(tmp_path / "run", **given, new_head=True))
    assert start.config.model.num_classes == 10
    assert start.params is not None
    heads = {name: start.params.pop(name) for name in ("head.kernel", "head.bias")}
    assert heads["head.kernel"].shape == (16, 10)
    assert not any(head.any() for head in heads.values())
    assert equal(start.params, {n: a for n, a in params.items() if n not in heads})
    assert "the head of zeros" in start.told
    assert not (tmp_path / "run").exists()


def test_a_probe_keeps_all_else_and_its_run_goes_on_without_the_weights(
    tmp_path, capsys
):
    params = write_release(tmp_path / "w", classes=7)
    weights, run = str(tmp_path / "w"), tmp_path / "run"
    config = with_init(run, weights=weights, new_head=True)
    frozen = dataclasses.replace(config.optim, freeze=(r"^(?!head)",))
    config = dataclasses.replace(config, optim=frozen)
    train(config)
    out = capsys.readouterr().out
    assert out.count("begins with") == 1
    assert "mean 0.3, deviation 0.4" in out
    release = load_release(run)
    changed = [n for n in params if not np.array_equal(params[n], release.params[n])]
    assert set(changed) == {"head.kernel", "head.bias"}
    assert release.pixels == PIXELS
    assert release.class_names == tuple("0123456789")
    # What was found out stands in the folder's config, and nowhere else is needed.
    kept = read_config(run)
    assert kept.model == TINY.replace(drop_path=0.1) == release.config
    assert kept.init.pixel_mean == (0.3,)

    end = read_lines(run / HASHES)[-1]
    shutil.rmtree(weights)
    for name in ("model", "checkpoints/2"):
        shutil.rmtree(run / name)
    train(config)
    assert "resumed at step 1/2" in capsys.readouterr().out
    assert read_lines(run / HASHES)[-1] == end
    with pytest.raises(InputError, match=r"init\.weights: '.*/w' and 'other'"):
        train(dataclasses.replace(config, init=InitConfig(weights="other")))


def test_a_run_that_has_saved_nothing_does_not_begin_with_other_weights(tmp_path):
    write_release(tmp_path / "w")
    config = with_init(tmp_path / "run", weights=str(tmp_path / "w"))
    first = find_start(config)
    open_workdir(first.config)
    again = find_start(config)
    assert (again.config, again.params) == (first.config, None)
    assert first.params
    assert equal(read_initial(again.config), first.params)
    write_release(tmp_path / "w", seed=1)
    with pytest.raises(InputError, match=r"sha256 is .* Bring the old weights back"):
        read_initial(again.config)


def test_pixels_that_are_asked_for_count(tmp_path):
    write_release(tmp_path / "w")
    asked = {"pixel_mean": (0.1,), "pixel_std": (0.2,)}
    start = find_start(with_init(tmp_path / "r", weights=str(tmp_path / "w"), **asked))
    assert start.config.init.pixel_mean == (0.1,)
    assert "mean 0.1, deviation 0.2" in start.told


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ({"weights": "nothing.safetensors"}, "there is no .*nothing"),
        ({"weights": REQUIRED}, "name them with --init FILE"),
        ({"new_head": True}, r"init\.new_head.*there are none. Name them with --init"),
        ({"weights": "W", "image_size": 16}, r"\(--init\.resample timm\)"),
        ({"weights": "W", "num_classes": 4}, r"\(--init\.new-head\)"),
        ({"weights": "W", "num_classes": 4, "new_head": True}, "num-classes out"),
        ({"weights": "W", "sha256": "0"}, "sha256 is .*, expected 0"),
        (
            {"weights": "W", "pixel_mean": (0.1,) * 3, "pixel_std": (1.0,) * 3},
            "have 3 values, and the model has 1 channels",
        ),
        ({"pixel_mean": (0.5,)}, r"init\.pixel_mean and pixel_std belong together"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_with_the_flag_that_mends_it(tmp_path, init, message):
    write_release(tmp_path / "w")
    if init.get("weights") == "W":
        init = {**init, "weights": str(tmp_path / "w")}
    with pytest.raises(InputError, match=message):
        find_start(with_init(tmp_path / "run", **init))


def test_a_recipe_of_another_architecture_is_refused_and_of_the_same_is_not(tmp_path):
    write_release(tmp_path / "w")
    weights = str(tmp_path / "w")
    same = with_init(tmp_path / "run", weights=weights, model=TINY)
    assert find_start(same).config.model == TINY
    other = with_init(tmp_path / "run", weights=weights, model=TINY.replace(depth=6))
    with pytest.raises(InputError, match=r"asks for depth=6 \(2\): with --init"):
        find_start(other)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model.depth", "12"], "--model.depth: with --init the model is"),
        (["--model.image-size=32"], "--init.image-size with --init.resample timm"),
        (["--init.image-size", "16"], "(--init.resample timm)"),
    ],
    ids=str,
)
def test_flags_that_cannot_be_obeyed_end_with_exit_code_2(
    tmp_path, capsys, flags, message
):
    """A depth of 12 is the default, and refused all the same: it was asked for."""
    write_release(tmp_path / "w")
    given = ["--init", str(tmp_path / "w"), "--run.workdir", str(tmp_path / "run")]
    assert main(["train", "configs/finetune.py", *given, *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_sizes_that_do_not_fit_the_data_name_the_fields_of_init():
    from vit_jax.data.sources import Digits

    with pytest.raises(InputError, match=r"set init\.image_size, init\.in_channels"):
        check_fits(TINY.replace(image_size=16), Digits("test"), sizes="init")
