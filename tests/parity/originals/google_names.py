"""What Google's released files call the arrays of `tests.parity.originals.google`.

Sources: flax's checkpoints.convert_pre_linen, whose way back `released` is;
fix_old_checkpoints in google-research/big_vision, big_vision/models/vit.py;
big_vision/models/proj/image_text/two_towers.py and text_transformer.py.
"""

import re
from collections.abc import Mapping

import numpy as np

Tensors = dict[str, np.ndarray]

# Before linen submodules of a block were counted together, whatever their class.
PRE_LINEN = {
    "MultiHeadDotProductAttention_0": "MultiHeadDotProductAttention_1",
    "LayerNorm_1": "LayerNorm_2",
    "MlpBlock_0": "MlpBlock_3",
}


def released(tensors: Mapping[str, np.ndarray], prefix: str = "") -> Tensors:
    """Returns a file of before linen, as those of vision_transformer are.

    Args:
      prefix: "opt/target/" where the optimizer's state was saved too.
    """

    def rename(key: str) -> str:
        parts = key.split("/")
        if re.fullmatch(r"encoderblock_\d+", parts[1] if len(parts) > 1 else ""):
            parts[2] = PRE_LINEN.get(parts[2], parts[2])
        return prefix + "/".join(parts)

    return {rename(key): value for key, value in tensors.items()}


def positions_in_encoder(tensors: Mapping[str, np.ndarray]) -> Tensors:
    """Returns a big_vision file of before 2022: positions are the encoder's."""
    return {
        "Transformer/pos_embedding" if key == "pos_embedding" else key: value
        for key, value in tensors.items()
    }


def inlined_probe(tensors: Mapping[str, np.ndarray]) -> Tensors:
    """Returns a file of ViT-G's development: the MAP head is the model itself."""
    return {key.removeprefix("MAPHead_0/"): value for key, value in tensors.items()}


def one_tower(tensors: Mapping[str, np.ndarray]) -> Tensors:
    """Returns big_vision's own file of a model."""
    return {f"params/{key}": value for key, value in tensors.items()}


def two_towers(tensors: Mapping[str, np.ndarray], width: int = 8) -> Tensors:
    """Returns a file of SigLIP: the image tower, some of the text tower, and both's."""
    rest = {
        "params/t": np.ones(1, np.float32),
        "params/b": np.zeros(1, np.float32),
        "params/txt/Embed_0/embedding": np.zeros((11, width), np.float32),
        "params/txt/pos_embedding": np.zeros((1, 7, width), np.float32),
        "params/txt/Encoder_0/encoder_norm/scale": np.ones(width, np.float32),
        "params/txt/Encoder_0/encoder_norm/bias": np.zeros(width, np.float32),
        "params/txt/head/kernel": np.zeros((width, width), np.float32),
        "params/txt/head/bias": np.zeros(width, np.float32),
    }
    image = {f"params/img/{key}": value for key, value in tensors.items()}
    return {**image, **rest}
