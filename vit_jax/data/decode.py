"""Image files in, upright pixels out: uint8, in grey or RGB.

Axes: r rows, c columns, k channels.
"""

import contextlib
import functools
import io
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import PIL
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from vit_jax.errors import InputError

Decoder = Literal["auto", "pil"]
"""auto reads JPEG with simplejpeg and resizes with OpenCV where both are installed."""

MODES = {1: "L", 3: "RGB"}
# Named one by one: of Pillow's other formats, one runs Ghostscript on what it is given.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
# Above this Pillow warns of a decompression bomb. In RGB it is a quarter of a gigabyte.
MAX_PIXELS = 89_478_485
ORIENTATION = 0x0112


class BrokenImageError(InputError):
    """An image that cannot be decoded; its message is the reason alone."""


@runtime_checkable
class Encoded(Protocol):
    """An image of which the size is known before its pixels are."""

    rows: int
    columns: int

    def read(self, channels: int, *, shrink: int = 1) -> UInt8[np.ndarray, "r c k"]:
        """Returns the pixels. They can be read once.

        Args:
          shrink: 2, 4 or 8 lets a JPEG come that much smaller, its rows and columns
            divided and rounded up; other formats come whole.

        Raises:
          BrokenImageError: damaged.
        """
        ...


def open_image(
    image: bytes | UInt8[np.ndarray, "r c k"], decoder: Decoder = "auto"
) -> Encoded:
    """Returns an image file, or pixels, ready to be read.

    Raises:
      BrokenImageError: no image, or one of more than MAX_PIXELS.
    """
    if not isinstance(image, bytes):
        return _Decoded(image)
    fast = fast_packages() if decoder == "auto" else None
    if fast is not None and image[:2] == b"\xff\xd8":
        # Pillow has the last word on what is broken, so that it is the same everywhere.
        with contextlib.suppress(ValueError):
            return _FastJpeg(image, fast)
    return _Pillow(image)


class FastPackages(NamedTuple):
    """The modules behind the fast decoder."""

    simplejpeg: Any
    cv2: Any


@functools.cache
def fast_packages() -> FastPackages | None:
    """Returns simplejpeg and OpenCV, or None where one is missing."""
    try:
        import cv2
        import simplejpeg
    except ImportError:
        return None
    # Batches are made in parallel already; OpenCV's own threads made a resize of an
    # ImageNet crop take a third more time of the processors.
    cv2.setNumThreads(1)
    return FastPackages(simplejpeg, cv2)


def describe_decoder(decoder: Decoder = "auto") -> str:
    """Returns what images to train on are decoded with, for a log."""
    fast = fast_packages() if decoder == "auto" else None
    if fast is not None:
        return (
            f"simplejpeg {fast.simplejpeg.__version__}, OpenCV {fast.cv2.__version__}"
        )
    hint = "; vit_jax[fast-data] is faster" if decoder == "auto" else ""
    return f"Pillow {PIL.__version__}{hint}"


class _Decoded:
    """Pixels that a source holds decoded."""

    def __init__(self, pixels: UInt8[np.ndarray, "r c k"]) -> None:
        self.rows, self.columns, _ = pixels.shape
        self._pixels = pixels

    def read(self, channels: int, *, shrink: int = 1) -> UInt8[np.ndarray, "r c k"]:
        if self._pixels.shape[2] == channels:
            return self._pixels
        image = Image.fromarray(np.squeeze(self._pixels))
        return _to_array(image, channels)


class _FastJpeg:
    """A JPEG in grey or colour, by simplejpeg."""

    def __init__(self, data: bytes, fast: FastPackages) -> None:
        rows, columns, colours, _ = fast.simplejpeg.decode_jpeg_header(data)
        if colours not in {"YCbCr", "Gray", "RGB"} or rows * columns > MAX_PIXELS:
            raise ValueError(f"{rows} x {columns} pixels in {colours}")
        self._stored = rows, columns
        self._data, self._fast = data, fast
        self._orientation = _jpeg_orientation(data)
        self.rows, self.columns = _upright_size(rows, columns, self._orientation)

    def read(self, channels: int, *, shrink: int = 1) -> UInt8[np.ndarray, "r c k"]:
        rows, columns = self._stored
        try:
            pixels = self._fast.simplejpeg.decode_jpeg(
                self._data,
                colorspace="GRAY" if channels == 1 else "RGB",
                min_height=-(-rows // shrink),
                min_width=-(-columns // shrink),
                min_factor=shrink,
            )
        except ValueError:
            return _Pillow(self._data).read(channels, shrink=shrink)
        return _upright(pixels.reshape(*pixels.shape[:2], channels), self._orientation)


class _Pillow:
    """A file of any format."""

    def __init__(self, data: bytes) -> None:
        with _broken_if_it_fails():
            self._image = Image.open(io.BytesIO(data), formats=FORMATS)
            columns, rows = self._image.size
            _check_size(rows, columns)
            self._orientation = int(self._image.getexif().get(ORIENTATION, 1))
        self.rows, self.columns = _upright_size(rows, columns, self._orientation)

    def read(self, channels: int, *, shrink: int = 1) -> UInt8[np.ndarray, "r c k"]:
        columns, rows = self._image.size
        with _broken_if_it_fails():
            if shrink > 1:
                self._image.draft(None, (columns // shrink, rows // shrink))
            pixels = _to_array(self._image, channels)
        return _upright(pixels, self._orientation)


def _to_array(image: Image.Image, channels: int) -> UInt8[np.ndarray, "r c k"]:
    if channels not in MODES:
        raise InputError(
            f"the model takes {channels} channels, but an image file gives 1 or 3."
        )
    if image.mode.startswith("I"):  # 16 bits, which convert() would clip
        levels = np.round(np.asarray(image) / 257).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(levels)
    elif image.mode == "F":
        raise BrokenImageError("its pixels are floats, whose range nothing tells")
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # the same pixels, without Pillow's warning
    array = np.asarray(image.convert(MODES[channels]))
    return array.reshape(*array.shape[:2], channels)


def _check_size(rows: int, columns: int) -> None:
    if rows * columns > MAX_PIXELS:
        raise BrokenImageError(
            f"its header speaks of {rows} x {columns} pixels, more than {MAX_PIXELS:,}"
        )


def _upright_size(rows: int, columns: int, orientation: int) -> tuple[int, int]:
    return (columns, rows) if 5 <= orientation <= 8 else (rows, columns)


def _upright(
    pixels: UInt8[np.ndarray, "r c k"], orientation: int
) -> UInt8[np.ndarray, "..."]:
    """Returns an image turned and mirrored as its EXIF orientation, 1 to 8, says."""
    if 5 <= orientation <= 8:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _jpeg_orientation(data: bytes) -> int:
    """Returns a JPEG's orientation; nothing is parsed where none can be given."""
    # Up to the first scan, which may be that of a thumbnail in Photoshop's part.
    head = data[: data.find(b"\xff\xda")]
    if not any(mark in head for mark in (b"Exif\0\0", b"tiff:Orientation", b"8BIM")):
        return 1
    with _broken_if_it_fails():
        image = Image.open(io.BytesIO(data), formats=("JPEG",))
        return int(image.getexif().get(ORIENTATION, 1))


@contextlib.contextmanager
def _broken_if_it_fails() -> Iterator[None]:
    try:
        yield
    except (InputError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise BrokenImageError(f"it is not one of {', '.join(FORMATS)}") from error
    except Exception as error:
        # Pillow's readers raise whatever their parsing trips over: OSError, ValueError,
        # SyntaxError, struct.error, EOFError, IndexError, zlib.error.
        raise BrokenImageError(f"{error}" or type(error).__name__) from error
