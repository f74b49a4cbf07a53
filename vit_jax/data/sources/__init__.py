"""Image sources: random access to (image, label), with names and pixel statistics."""

from vit_jax.data.sources.arrays import Arrays
from vit_jax.data.sources.digits import Digits
from vit_jax.data.sources.folder import Folder
from vit_jax.data.sources.parquet import Parquet
from vit_jax.data.sources.protocol import Example, ImageSource
from vit_jax.data.sources.tfds import Tfds
from vit_jax.data.sources.webdataset import WebDataset

__all__ = [
    "Arrays",
    "Digits",
    "Example",
    "Folder",
    "ImageSource",
    "Parquet",
    "Tfds",
    "WebDataset",
]
