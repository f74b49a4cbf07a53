"""Images in one .npz file.

Axes: n images, r rows, c columns, k channels.
"""

import dataclasses
import functools
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt8
from numpy.lib import format as npy
from numpy.typing import NDArray

from vit_jax.data.sources.labels import check_labels
from vit_jax.data.sources.protocol import Example
from vit_jax.data.sources.splits import choose_split
from vit_jax.data.sources.statistics import find_statistics
from vit_jax.errors import InputError
from vit_jax.pixels import Pixels

SMALL = 2**20  # bytes, which are read at once
# (split, images, labels): Keras' mnist.npz, MedMNIST, and the plain words.
KEYS = (
    ("train", "x_train", "y_train"),
    ("validation", "x_val", "y_val"),
    ("test", "x_test", "y_test"),
    ("train", "train_images", "train_labels"),
    ("validation", "val_images", "val_labels"),
    ("test", "test_images", "test_labels"),
    ("train", "images", "labels"),
    ("train", "x", "y"),
)


@dataclasses.dataclass(frozen=True)
class _Opened:
    splits: tuple[str, ...]
    images: UInt8[np.ndarray, "n r c k"]
    labels: Int32[np.ndarray, " n"]
    class_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Arrays:
    """Images of one size in a .npz file: uint8 (n, r, c[, k]), and their labels (n,).

    Keys: x_train and y_train (also _val and _test), train_images and train_labels, or
    images and labels; class_names if there are any. What is stored uncompressed, as
    `numpy.savez` does, stays on the disk until it is asked for.
    """

    path: Path
    split: str = "train"
    statistics: Pixels | None = dataclasses.field(default=None, kw_only=True)
    """Of the pixels; where not given, ImageNet's of three channels, else half."""

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._opened.class_names

    @property
    def pixels(self) -> Pixels:
        channels = self._opened.images.shape[-1]
        return self.statistics or find_statistics(self.path.stem, channels)

    @property
    def splits(self) -> tuple[str, ...]:
        return self._opened.splits

    def __len__(self) -> int:
        return len(self._opened.labels)

    def __getitem__(self, index: int) -> Example:
        opened = self._opened
        return {
            "image": np.asarray(opened.images[index]),
            "label": int(opened.labels[index]),
        }

    def name(self, index: int) -> str:
        """Returns the file, the split and the number of an image in it."""
        return f"{self.path} {self.split}[{index}]"

    @functools.cached_property
    def _opened(self) -> _Opened:
        return _open(self.path, self.split)

    def __getstate__(self) -> dict[str, Any]:
        # Another process opens the file for itself: a copy would take the memory twice.
        return {key: v for key, v in self.__dict__.items() if key != "_opened"}


def _open(path: Path, split: str) -> _Opened:
    if not path.is_file():
        raise InputError(f"there is no file {path}: give the path of a .npz file.")
    try:
        with zipfile.ZipFile(path) as archive:
            return _choose(path, split, archive)
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError) as error:
        raise InputError(
            f"{path} is no whole .npz file ({error}). Fetch it again, or write it anew"
            " with numpy.savez, without objects."
        ) from error


def _choose(path: Path, split: str, archive: zipfile.ZipFile) -> _Opened:
    keys = [name.removesuffix(".npy") for name in archive.namelist()]
    held = {s: (i, y) for s, i, y in reversed(KEYS) if i in keys and y in keys}
    if not held:
        raise InputError(
            f"{path} holds {', '.join(keys) or 'nothing'}. Expected images and labels"
            " by these names, or by x_train, y_train, x_test and y_test."
        )
    splits = tuple(s for s in ("train", "validation", "test") if s in held)
    image_key, label_key = held[choose_split(split, splits, path)]
    images = _check_images(_read(archive, image_key), f"{path}: {image_key}")
    columns = {key: _read(archive, key) for _, key in held.values()}
    given = _read(archive, "class_names") if "class_names" in keys else None
    names = _name_classes(columns, given, path)
    labels = columns[label_key].reshape(-1)
    if len(labels) != len(images):
        raise InputError(
            f"{path}: {image_key} holds {len(images)} images, and {label_key}"
            f" {len(labels)} labels. Expected one label an image."
        )
    checked = check_labels(labels.astype(np.int64), names, f"{path}: {label_key}")
    return _Opened(splits, images, checked, names)


def _name_classes(
    columns: dict[str, NDArray[Any]], given: NDArray[Any] | None, path: Path
) -> tuple[str, ...]:
    """Returns the names of the classes in the labels of all splits."""
    for key, column in columns.items():
        if column.dtype.kind not in "iu" or column.size != len(column):
            raise InputError(
                f"{path}: {key} is {column.dtype} of shape {column.shape}. Expected one"
                " integer an image, the index of its class."
            )
    if given is not None:
        return tuple(str(name) for name in given)
    top = max(
        max(column.reshape(-1).tolist(), default=-1) for column in columns.values()
    )
    return tuple(str(i) for i in range(top + 1))


def _check_images(images: NDArray[Any], where: str) -> UInt8[np.ndarray, "n r c k"]:
    """Returns images with their axis of channels."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise InputError(
            f"{where} is {images.dtype} of shape {images.shape}. Expected uint8 of 0 to"
            " 255, images by rows by columns (by channels)."
        )
    if images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[3] > 4:
        raise InputError(
            f"{where} has the shape {images.shape}, channels first. Expected them last:"
            " save images.transpose(0, 2, 3, 1)."
        )
    return images if images.ndim == 4 else images[..., None]


def _read(archive: zipfile.ZipFile, key: str) -> NDArray[Any]:
    """Returns an array of a .npz file; a view of the file where it is stored so."""
    info = archive.getinfo(f"{key}.npy")
    if info.compress_type == zipfile.ZIP_STORED and info.file_size > SMALL:
        return _map_member(Path(archive.filename or ""), info)
    with archive.open(info) as stream:
        return npy.read_array(stream)


def _map_member(path: Path, info: zipfile.ZipInfo) -> NDArray[Any]:
    """Returns an uncompressed array of a .npz file, read when it is used."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise ValueError(f"the entry {info.filename} is not where it should be")
        # The lengths of name and extra field here may differ from the directory's.
        lengths = (int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
        file.seek(sum(lengths), 1)
        major, _ = npy.read_magic(file)
        read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds objects")
        offset = file.tell()
    order = "F" if fortran else "C"
    return np.memmap(path, dtype, "r", offset, shape, order)
