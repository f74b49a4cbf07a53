"""A zip file's records, mapped: what torch.save and numpy.savez write.

Stricter than the format: records neither overlap nor share a name, and their sizes are
held against the file's before anything is allocated. Source of the format: PKWARE's
APPNOTE.TXT, sections 4.3.7 and 4.4.
"""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from vit_jax.weights.formats.arrays import Bytes, map_file
from vit_jax.weights.formats.damage import Damage

LOCAL_HEADER = struct.Struct("<4s4xH16xHH")
ENCRYPTED = 0x1
# Weights are noise: deflate makes them a tenth smaller, never a hundredth as large.
MAX_RATIO = 64
SLACK = 2**26


class Archive:
    """A zip file, its records by name."""

    def __init__(self, path: Path):
        self.data = map_file(path)
        try:
            with zipfile.ZipFile(path) as archive:
                infos, end = archive.infolist(), archive.start_dir
        # Each is what zipfile lets through of some field that was changed.
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            struct.error,
            ValueError,
            OverflowError,
            OSError,
        ) as error:
            raise Damage(f"its zip directory cannot be read ({error})") from error
        self.infos = {info.filename: info for info in infos}
        if len(self.infos) < len(infos):
            raise Damage("two records of its zip directory have the same name")
        if sum(info.file_size for info in infos) > MAX_RATIO * len(self.data) + SLACK:
            raise Damage("its records claim to be far larger than the file")
        self.starts = self._find_starts(end)
        self.checked: dict[str, Bytes] = {}

    def read(self, name: str) -> Bytes:
        """Returns a record's bytes, of which the checksum is right.

        A record that is stored as it is (all of torch's tensors are) is a view of the
        mapped file.
        """
        if name not in self.checked:
            self.checked[name] = self._read(name)
        return self.checked[name]

    def _read(self, name: str) -> Bytes:
        if name not in self.infos:
            raise Damage(f"its zip directory has no record {name!r}")
        info, start = self.infos[name], self.starts[name]
        data = self.data[start : start + info.compress_size]
        if info.compress_type == zipfile.ZIP_DEFLATED:
            data = _inflate(data, name, info.file_size)
        # torch.serialization.set_crc32_options(False) leaves zeros.
        if info.CRC and zlib.crc32(data.data) != info.CRC:
            raise Damage(f"its record {name!r} does not have the checksum it had")
        return data

    def _find_starts(self, end: int) -> dict[str, int]:
        """Returns where each record's bytes begin; `end` is where the directory does.

        Of records that overlap, each is small, and all together fill a disk.
        """
        starts: dict[str, int] = {}
        free = 0
        for info in sorted(self.infos.values(), key=lambda info: info.header_offset):
            at = info.header_offset
            if at < free or at + LOCAL_HEADER.size > end:
                raise Damage(f"its record {info.filename!r} is not where it should be")
            header = bytes(self.data[at : at + LOCAL_HEADER.size])
            magic, method, name_size, extra_size = LOCAL_HEADER.unpack(header)
            start = at + LOCAL_HEADER.size + name_size + extra_size
            free = start + info.compress_size
            if magic != b"PK\3\4" or method != info.compress_type or free > end:
                raise Damage(f"its record {info.filename!r} is not as its directory is")
            _check_method(info)
            starts[info.filename] = start
        return starts


def _check_method(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & ENCRYPTED:
        raise Damage(f"its record {info.filename!r} is encrypted")
    stored = info.compress_type == zipfile.ZIP_STORED
    if not stored and info.compress_type != zipfile.ZIP_DEFLATED:
        raise Damage(f"its record {info.filename!r} is compressed in an unusual way")
    if stored and info.compress_size != info.file_size:
        raise Damage(f"its record {info.filename!r} has two sizes")


def _inflate(data: Bytes, name: str, size: int) -> Bytes:
    """Returns what was deflated; never more than the size that was promised."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # One more than promised, to notice more; 0 would be no limit at all.
        whole = stream.decompress(data.data, size + 1)
    except zlib.error as error:
        raise Damage(f"its record {name!r} cannot be inflated ({error})") from error
    if len(whole) != size or not stream.eof:
        raise Damage(f"its record {name!r} does not inflate to the size it had")
    return np.frombuffer(whole, np.uint8)
