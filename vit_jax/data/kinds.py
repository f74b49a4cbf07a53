"""The kinds of collections of images, by name; imports nothing heavy."""

from typing import Literal

Kind = Literal["arrays", "digits", "folder", "parquet", "tfds", "webdataset"]
