"""Models as transformers 4 saved them from flax, with what they gave.

Source: huggingface/transformers 4.57.6, models/{vit,beit,dinov2,clip}/
modeling_flax_*.py, run itself: `make_flax_fixtures` wrote the files. transformers 5 has
no flax. A tree's paths are the torch names with slashes, `kernel` (inputs first, an
image's rows, columns, channels before outputs), `scale` and `embedding` for `weight`;
a block's number is a string of its own.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from flax.serialization import msgpack_restore
from flax.traverse_util import flatten_dict

FIXTURES = Path(__file__).parent / "fixtures"

NAMES = (
    "vit",
    "vit_classifier",
    "beit",
    "beit_classifier",
    "beit_positions",
    "dinov2",
    "dinov2_classifier",
    "clip_vision",
    "clip",
)


@dataclasses.dataclass(frozen=True, eq=False)
class FlaxFile:
    """A folder that save_pretrained of a flax class wrote.

    Attributes:
      config: of config.json; `flax_class` is the class, which the real one lacks.
      tensors: by their paths, with slashes.
      images: channels last.
      outputs: last_hidden_state, pooler_output, logits or image_embeds, as the class
        gives, and hidden_states.N, of which 0 is what enters the first block.
    """

    folder: Path
    config: dict[str, Any]
    tensors: dict[str, np.ndarray]
    images: np.ndarray
    outputs: dict[str, np.ndarray]


def read(name: str) -> FlaxFile:
    """Returns one of NAMES."""
    folder = FIXTURES / f"flax_{name}"
    config = json.loads((folder / "config.json").read_text())
    tree = msgpack_restore((folder / "flax_model.msgpack").read_bytes())
    with np.load(folder / "outputs.npz") as file:
        outputs = dict(file)
    images = outputs.pop("images")
    return FlaxFile(folder, config, flatten_dict(tree, sep="/"), images, outputs)


def as_torch(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the same by the names and axes of transformers 4's torch files."""
    found = {}
    for path, value in tensors.items():
        name = path.replace("/", ".")
        if name.endswith(".kernel"):
            axes = (3, 2, 0, 1) if value.ndim == 4 else (1, 0)
            value = value.transpose(axes)
        for ending in (".kernel", ".scale", ".embedding"):
            name = name.removesuffix(ending) + ".weight" * name.endswith(ending)
        found[name] = np.array(value, order="C")  # a scalar stays one
    return found
