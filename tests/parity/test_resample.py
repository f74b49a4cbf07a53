"""Every resampling gives what its publisher's own code gives."""

import importlib
import math
from collections.abc import Callable
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import scipy.ndimage
import torch
from timm.layers import (
    resample_abs_pos_embed,
    resample_patch_embed,
    resize_rel_pos_bias_table,
)
from torch.nn.functional import interpolate

from vit_jax.weights.resample import (
    RESAMPLINGS,
    Grid,
    resample_patches,
    resample_positions,
    resample_relative_bias,
)

# Of the largest value: rounding is 4e-6 at most, any other kernel 1e-2 at least.
BAR = 1e-5
SQUARE = [((14, 14), (24, 24)), ((14, 14), (7, 7)), ((16, 16), (32, 32))]
SQUARE += [((37, 37), (16, 16)), ((7, 7), (37, 37))]
FROM_SQUARE = [*SQUARE, ((16, 16), (10, 22)), ((8, 8), (4, 16)), ((6, 6), (6, 9))]
ANY = [*FROM_SQUARE, ((7, 5), (14, 3)), ((5, 8), (10, 8)), ((3, 4), (1, 1))]
ANY += [((1, 1), (3, 2)), ((12, 8), (8, 12))]


def check(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Fails where two tables differ by more than the bar."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= BAR * np.abs(theirs).max()


def random_table(rows: int, width: int = 12, seed: int = 0) -> np.ndarray:
    """Returns rows of no order."""
    return np.random.default_rng(seed).standard_normal((rows, width), np.float32)


def by_torch(table: np.ndarray, old: Grid, new: Grid, **options) -> np.ndarray:
    """Returns what torch's interpolate makes of a table."""
    image = torch.from_numpy(table).reshape(1, *old, -1).permute(0, 3, 1, 2)
    if "scale_factor" not in options:
        options["size"] = new
    image = interpolate(image, mode="bicubic", **options)
    assert image.shape[2:] == new
    return image.permute(0, 2, 3, 1).reshape(new[0] * new[1], -1).numpy()


def timm(table: np.ndarray, old: Grid, new: Grid, **options) -> np.ndarray:
    tokens = torch.from_numpy(table)[None]
    theirs = resample_abs_pos_embed(tokens, list(new), list(old), 0, **options)
    return theirs[0].numpy()


def timm_npz(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    return timm(table, old, new, interpolation="bilinear", antialias=False)


def dino(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    side = math.sqrt(len(table))
    scale = tuple((size + 0.1) / side for size in new)
    return by_torch(table, old, new, scale_factor=scale)


def dinov2_reg(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    return by_torch(table, old, new, antialias=True)


def google(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    zoom = (new[0] / old[0], new[1] / old[1], 1)
    grid = scipy.ndimage.zoom(table.reshape(*old, -1), zoom, order=1)
    return grid.reshape(-1, 12)


def flexivit(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    grid = jax.image.resize(table.reshape(*old, -1), (*new, 12), "linear")
    return np.asarray(grid).reshape(-1, 12)


def open_clip(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    resize = pytest.importorskip("open_clip.model").resize_pos_embed
    key = "visual.positional_embedding"
    state = {key: torch.from_numpy(np.concatenate([table[:1], table]))}
    resize(state, SimpleNamespace(visual=SimpleNamespace(grid_size=new)))
    return state[key][1:].numpy()


def torchvision(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    module = importlib.import_module("torchvision.models.vision_transformer")
    key = "encoder.pos_embedding"
    state = {key: torch.from_numpy(np.concatenate([table[:1], table]))[None]}
    return module.interpolate_embeddings(new[0], 1, state)[key][0, 1:].numpy()


def siglip2(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    pytest.importorskip("transformers")
    module = importlib.import_module("transformers.models.siglip2.modeling_siglip2")
    resize = module.Siglip2VisionEmbeddings.resize_positional_embeddings
    grid = torch.from_numpy(table).reshape(*old, -1)
    return resize(grid, torch.tensor([new]), new[0] * new[1])[0].numpy()


def embeddings(name: str, config: str, prefix: int = 1) -> Callable:
    """Returns a table resampled by a module of transformers."""

    def resample(table: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
        transformers = pytest.importorskip("transformers")
        settings = {"image_size": 2 * old[0], "patch_size": 2, "hidden_size": 12}
        if config == "BeitConfig":
            settings["use_absolute_position_embeddings"] = True
        config_class = getattr(transformers, config)
        package = config_class.__module__.rsplit(".", 1)
        module = package[1].replace("configuration", "modeling")
        kind = getattr(importlib.import_module(f"{package[0]}.{module}"), name)
        reference = kind(config_class(**settings))
        rows = torch.from_numpy(np.concatenate([table[:prefix], table]))
        with torch.no_grad():
            if hasattr(reference, "position_embedding"):
                reference.position_embedding.weight.copy_(rows)
            else:
                reference.position_embeddings.data = rows[None]
            tokens = torch.zeros(1, prefix + new[0] * new[1], table.shape[1])
            theirs = reference.interpolate_pos_encoding(tokens, 2 * new[0], 2 * new[1])
        return theirs[0, prefix:].numpy()

    return resample


def each(pairs: list[tuple[Grid, Grid]], *sources: tuple[str, Callable, str]) -> list:
    """Returns a case for each source and pair of grids."""
    return [
        pytest.param(kernel, source, old, new, id=f"{name}-{old}-{new}")
        for kernel, source, name in sources
        for old, new in pairs
    ]


HUGGINGFACE = [
    ("ViTEmbeddings", "ViTConfig"),
    ("DeiTEmbeddings", "DeiTConfig", 2),
    ("ViTMAEEmbeddings", "ViTMAEConfig"),
    ("BeitEmbeddings", "BeitConfig"),
    ("Dinov2Embeddings", "Dinov2Config"),
    ("CLIPVisionEmbeddings", "CLIPVisionConfig"),
    ("SiglipVisionEmbeddings", "SiglipVisionConfig", 0),
    ("IJepaEmbeddings", "IJepaConfig", 0),
]
REGISTERS = ("Dinov2WithRegistersEmbeddings", "Dinov2WithRegistersConfig")
CASES = [
    *each(
        ANY,
        ("timm", timm, "timm"),
        ("timm_npz", timm_npz, "timm_npz"),
        ("dinov2_reg", dinov2_reg, "dinov2_reg"),
        ("huggingface", by_torch, "torch"),
        ("google", google, "google"),
        ("siglip2", siglip2, "siglip2"),
        ("siglip2", flexivit, "flexivit"),
    ),
    *each(
        FROM_SQUARE,
        ("dino", dino, "dino"),
        *(("huggingface", embeddings(*names), names[0]) for names in HUGGINGFACE),
        ("timm", embeddings(*REGISTERS), REGISTERS[0]),
    ),
    *each(
        SQUARE,
        ("torchvision", torchvision, "torchvision"),
        ("timm", open_clip, "open_clip"),
    ),
]


@pytest.mark.parametrize(("kernel", "source", "old", "new"), CASES)
def test_positions_are_those_of_the_source(kernel, source, old, new):
    table = random_table(old[0] * old[1])
    check(resample_positions(table, old, new, kernel), source(table, old, new))


def test_every_resampling_has_a_source():
    assert {case.values[0] for case in CASES} == RESAMPLINGS.keys()


def test_the_zeros_that_scipy_leaves_at_the_border_are_not_copied():
    """16 / 30 * 30 is past the last row by rounding, which is zeros for scipy."""
    table = random_table(16 * 16)
    ours = resample_positions(table, (16, 16), (30, 30), "google").reshape(30, 30, -1)
    theirs = google(table, (16, 16), (30, 30)).reshape(30, 30, -1)
    check(ours[:-1, :-1], theirs[:-1, :-1])
    np.testing.assert_allclose(ours[-1, -1], table[-1], rtol=1e-6)


PATCHES = [
    ((16, 16), (14, 14)),
    ((14, 14), (16, 16)),
    ((32, 32), (8, 8)),
    ((16, 16), (8, 20)),
    ((6, 4), (5, 9)),
    ((4, 6), (4, 3)),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("old", "new"), PATCHES)
@pytest.mark.parametrize("kernel", ["timm", "google", "timm_npz"])
def test_patch_kernels_are_timm_s(kernel, old, new, channels):
    bilinear = {"interpolation": "bilinear", "antialias": False}
    options = {} if kernel == "timm" else bilinear
    values = random_table(old[0] * old[1] * channels)
    theirs = torch.from_numpy(values).reshape(*old, channels, -1).permute(3, 2, 0, 1)
    theirs = resample_patch_embed(theirs, list(new), **options)
    theirs = theirs.permute(2, 3, 1, 0).reshape(-1, values.shape[1]).numpy()
    check(resample_patches(values, old, new, kernel), theirs)


# timm indexes a tensor by a list of tensors, and searches in one that is a view.
@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.filterwarnings(r"ignore:torch.searchsorted\(\)")
@pytest.mark.parametrize(("old", "new"), ANY)
def test_relative_biases_are_timm_s(old, new):
    table = random_table((2 * old[0] - 1) * (2 * old[1] - 1) + 3)
    rows = (2 * new[0] - 1) * (2 * new[1] - 1) + 3
    theirs = resize_rel_pos_bias_table(torch.from_numpy(table), new, (rows, 12), old)
    check(resample_relative_bias(table, old, new), theirs.numpy())


@pytest.mark.parametrize(("old", "new"), FROM_SQUARE)
def test_relative_biases_are_those_of_transformers(old, new):
    transformers = pytest.importorskip("transformers")
    module = importlib.import_module("transformers.models.beit.modeling_beit")
    settings = {"image_size": old[0], "patch_size": 1, "num_attention_heads": 12}
    reference = module.BeitRelativePositionBias(
        transformers.BeitConfig(**settings, hidden_size=12)
    )
    table = random_table((2 * old[0] - 1) * (2 * old[1] - 1) + 3)
    reference.relative_position_bias_table.data = torch.from_numpy(table)
    with torch.no_grad():
        theirs = reference(new)[0].permute(1, 2, 0).reshape(-1, 12).numpy()
    index = reference.generate_relative_position_index(new).reshape(-1).numpy()
    ours = resample_relative_bias(table, old, new, "huggingface")
    check(ours[index], theirs)
