import dataclasses

import ml_dtypes
import numpy as np
import pytest

import vit_jax
from tests.models import TINY, random_images, random_model, random_params
from vit_jax.errors import InputError, InputWarning
from vit_jax.model.params import bind, param_shapes, unbind
from vit_jax.pixels import Pixels
from vit_jax.release import Release, load_release, save_release
from vit_jax.weights.convert import choose_layout, convert
from vit_jax.weights.faults import ConversionError
from vit_jax.weights.files import read_tensors, write_tensors
from vit_jax.weights.layouts import LAYOUTS, find_layout
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.read import read_release

TOLD = {"num_heads": 2, "norm_eps": 1e-6, "activation": "gelu", "attn_scale": None}
TOLD |= {"pool": "cls", "image_size": 8}


@pytest.fixture
def file(tmp_path):
    """A weights file of the tiny model."""
    path = tmp_path / "tiny.safetensors"
    vit_jax.save(random_model(TINY), path)
    return path


def test_what_is_saved_is_loaded(file):
    model = vit_jax.load(file, **TOLD)
    assert model.config == TINY
    expected = random_params(TINY)
    params = unbind(model)
    assert all(np.array_equal(params[name], expected[name]) for name in expected)
    images = random_images(TINY)
    np.testing.assert_array_equal(model(images), random_model(TINY)(images))


def test_what_weights_do_not_tell_is_warned_of_as_a_guess(tmp_path):
    config = TINY.replace(embed_dim=192, num_heads=3)
    vit_jax.save(random_model(config), tmp_path / "x.safetensors")
    with pytest.warns(InputWarning, match=r"do not tell num_heads=3, norm_eps=1e-06"):
        model = vit_jax.load(tmp_path / "x.safetensors")
    assert model.config == config


def test_heads_that_cannot_be_guessed_are_asked_for(file):
    with pytest.raises(InputError, match=r"give num_heads \(--num-heads\)"):
        vit_jax.load(file)


def test_a_preset_and_overrides_say_it_all(tmp_path):
    config = vit_jax.PRESETS["vit_tiny_patch16_224"].config
    config = config.replace(depth=1, num_classes=3, image_size=32)
    path = tmp_path / "x.safetensors"
    vit_jax.save(random_model(config), path)
    model = vit_jax.load(
        path, preset="vit_tiny_patch16_224", depth=1, num_classes=3, image_size=32
    )
    assert model.config == config


def test_weights_of_another_depth_say_which(file):
    with pytest.raises(ConversionError) as caught:
        vit_jax.load(file, **{**TOLD, "depth": 3})
    assert str(caught.value).splitlines() == [
        f"{file} does not fit the timm layout of this model:",
        "  missing  blocks.2.* (12 tensors each)",
        "The file's shapes say: depth=2 (asked for 3). Ask for these to load it.",
    ]


def test_weights_of_another_preset_say_which(tmp_path):
    config = vit_jax.PRESETS["vit_tiny_patch16_224"].config
    path = tmp_path / "x.safetensors"
    vit_jax.save(random_model(config), path)
    with pytest.raises(
        ConversionError, match="That is vit_tiny_patch16_224 or deit_ti"
    ):
        vit_jax.load(path, preset="vit_small_patch16_224")


# One preset for each layout, and what makes it small.
SMALL = {"image_size": 16, "embed_dim": 32, "depth": 2, "num_heads": 2, "mlp_dim": 64}
OF_A_LAYOUT = {preset.layout: preset.name for preset in vit_jax.PRESETS.values()}


def test_presets_name_layouts_that_are_known():
    assert OF_A_LAYOUT.keys() <= LAYOUTS.keys()


@pytest.mark.parametrize("layout", OF_A_LAYOUT)
@pytest.mark.filterwarnings("ignore:attend_over")
def test_a_preset_loads_what_was_saved_in_its_layout(tmp_path, layout):
    name = OF_A_LAYOUT[layout]
    changes = {**SMALL, "patch_size": 8, "head_dim": None, "num_kv_heads": None}
    config = vit_jax.PRESETS[name].config.replace(**changes)
    params = random_params(config)
    vit_jax.save(bind(config, params), tmp_path / "x.safetensors", layout=layout)
    model = vit_jax.load(tmp_path / "x.safetensors", preset=name, **changes)
    assert model.config == config
    again = unbind(model)
    assert all(np.array_equal(again[name], params[name]) for name in params)

    convert(tmp_path / "x.safetensors", tmp_path / "model", preset=name, **changes)
    convert(tmp_path / "model", tmp_path / "y.safetensors")
    assert (tmp_path / "y.safetensors").read_bytes() == (
        tmp_path / "x.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    "name", ["eva02_base_patch14_448", "vit_pwee_patch16_reg1_gap_256", "test_vit"]
)
def test_a_fine_tuned_model_goes_back_to_the_layout_it_was_published_in(name):
    preset = vit_jax.PRESETS[name]
    tuned = preset.config.replace(num_classes=3, drop_path=0.1, dtype="bfloat16")
    assert choose_layout(tuned) == preset.layout


def test_a_model_that_nobody_published_gets_the_first_layout_with_a_place_for_all():
    assert choose_layout(TINY.replace(layer_scale=0.1)) == "timm"
    assert choose_layout(TINY.replace(num_branches=2)) == "timm_18x2"
    with pytest.raises(ConversionError, match="no layout has a place for all"):
        choose_layout(TINY.replace(num_branches=3))


def test_a_layout_without_a_place_for_a_parameter_is_refused(tmp_path):
    model = random_model(TINY.replace(pre_logits=4))
    with pytest.raises(ConversionError, match=r"homeless pre_logits\.kernel"):
        vit_jax.save(model, tmp_path / "x.safetensors", layout="timm")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "eva02_tiny_patch14_224",
        "vit_tiny_patch16_dinov3_qkvb",
        "vit_pe_core_tiny_patch16_384",
    ],
)
def test_a_file_of_a_published_model_is_known_by_its_shapes(tmp_path, name):
    preset = vit_jax.PRESETS[name]
    config = preset.config.replace(num_classes=3)
    shapes = param_shapes(config)
    params = {n: np.zeros(shape, np.float16) for n, shape in shapes.items()}
    tensors = make_plan(find_layout(preset.layout), config).to_theirs(params)
    write_tensors(tmp_path / "x.safetensors", tensors)
    with pytest.warns(InputWarning, match=f"guesses, as {name} has it"):
        assert vit_jax.load(tmp_path / "x.safetensors").config == config
    with pytest.raises(ConversionError, match=f"That is {name}"):
        vit_jax.load(tmp_path / "x.safetensors", preset="vit_tiny_patch16_224")


def test_a_model_of_one_channel_has_pixels_of_one(file):
    assert len(read_release(file, **TOLD).pixels.mean) == 1


def test_a_folder_of_something_else_is_not_replaced(tmp_path, file):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letters.txt").write_text("dear")
    with pytest.raises(InputError, match=r"home exists and holds letters\.txt"):
        convert(file, tmp_path / "home", **TOLD)
    assert (tmp_path / "home/letters.txt").read_text() == "dear"


def test_a_field_that_is_none_is_refused_with_the_nearest(file):
    with pytest.raises(InputError, match="Perhaps you meant num_heads"):
        vit_jax.load(file, **TOLD, num_head=2)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_model_is_saved_rounded_only_when_asked(tmp_path, dtype):
    path = tmp_path / "x.safetensors"
    vit_jax.save(random_model(TINY), path, dtype=dtype)
    assert {str(a.dtype) for a in read_tensors(path).values()} == {dtype}
    assert unbind(vit_jax.load(path, **TOLD))["norm.scale"].dtype == np.float32


def test_convert_keeps_every_dtype_bit_for_bit(tmp_path):
    tensors = make_plan(TIMM, TINY).to_theirs(random_params(TINY))
    tensors = {k: a.astype(ml_dtypes.bfloat16) for k, a in tensors.items()}
    first, last = tmp_path / "a.safetensors", tmp_path / "c.safetensors"
    write_tensors(first, tensors)
    convert(first, tmp_path / "b", **TOLD)
    convert(tmp_path / "b", last)
    assert last.read_bytes() == first.read_bytes()


def test_a_release_carries_what_its_user_needs(tmp_path):
    release = Release(
        config=TINY,
        params=random_params(TINY),
        pixels=Pixels((0.3,), (0.4,)),
        class_names=tuple("0123456789"),
    )
    save_release(tmp_path / "model", release)
    again = load_release(tmp_path / "model")
    assert dataclasses.replace(again, params=release.params) == release
    assert all(np.array_equal(again.params[n], release.params[n]) for n in again.params)
    model = vit_jax.load(tmp_path / "model", attention="xla")
    assert model.config == TINY.replace(attention="xla")
    with pytest.raises(InputError, match="depth 2 -> 3: the model gets other"):
        vit_jax.load(tmp_path / "model", depth=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layout": "tim"}, "no layout 'tim'. Perhaps you meant timm"),
        ({"dtype": "int8"}, "dtype='int8'; expected one of"),
    ],
)
def test_unknown_layouts_and_dtypes_are_refused(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        vit_jax.save(random_model(TINY), tmp_path / "x.safetensors", **arguments)
    assert not list(tmp_path.iterdir())
