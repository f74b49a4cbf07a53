"""Weights files with something changed: bits, fields, opcodes, headers, records.

Every mutant is drawn from its own number, so that one that failed can be made again.
"""

import dataclasses
import io
import itertools
import json
import pickle
import pickletools
import random
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from vit_jax.weights.files import write_tensors

HERE = Path(__file__).parent
TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.ones(3, ml_dtypes.bfloat16),
    "c": np.array(7, np.int64),
    "d": np.zeros((0, 4), np.float16),
    "e.bias": np.zeros(300, np.float32),
}
EXTREMES = (0, 1, -1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**40)
EXTREMES += (2**62, 2**63 - 1, 2**64 - 1, -(2**63), 0x4141)
# What a hostile pickle would hold; each is put between two of its opcodes.
HOSTILE = (
    b"cos\nsystem\n(X\x02\0\0\0idtR",
    b"cbuiltins\nexec\n(X\x04\0\0\0x=1\ntR",
    b"r\xff\xff\xff\xff",
    b"r\xff\xff\xff\x7f",
    b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"X\xff\xff\xff\x7f",
    b"\x8b\xff\xff\xff\x7f",
    b")" + b"\x85" * 5000,
    b"(" * 5000,
    b"]" * 5000 + b"a" * 4999,
    b")" + b"2\x86" * 60 + b"}2r\0\0\0\0NN" + b"\x86N\x86",
    b"}" + b"2" * 50 + b"u" * 20,
    b"ctorch._utils\n_rebuild_parameter\n" * 2000 + b"N" + b"\x85R" * 2000,
    b"ccollections\nOrderedDict\n]\x85R",
    b"cnumpy.core.multiarray\n_reconstruct\n(tR",
    b"ctorch._utils\n_rebuild_tensor_v2\n(tR",
    b"ctorch._utils\n_rebuild_tensor_v2\n(X\x01\0\0\0aK\x00)){}tR",
    b"Q",
    b"b",
    b"0",
    b"1",
    b"2",
    b"\x81",
    b"\x92",
    b"\x93",
    b"i\nos\nsystem\n",
    b"P0\n",
    b"\x8a\xff" + b"\x7f" * 255,
    b"G\x7f\xf8\0\0\0\0\0\0",
)
VALUES: tuple[Any, ...] = (None, True, -1, 2**63, 2**64, 1e308, "", "../x", "a\0b")
VALUES += ([], {}, [[]] * 3, [2**32, 2**32], [0, 2**63], "F64", "x" * 5000, "\udcff")
MSGPACK = (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff")
MSGPACK += (b"\xc9\xff\xff\xff\xff\x01", b"\x91" * 3000, b"\x81\xa1a" * 2000, b"\xc1")
MSGPACK += (b"\xc7\0\1", b"\xd4\2\0", b"\xd4\3\xc0", b"\xdc\xff\xff", b"\xd9\xff")


@dataclasses.dataclass(frozen=True)
class Seed:
    """A whole file, its suffix, and what may be done to it beside `change_bytes`."""

    name: str
    suffix: str
    data: bytes
    change: Callable[[bytes, random.Random], bytes]


def make_seeds(folder: Path) -> list[Seed]:
    """Returns a file of each format; `folder` gets the shards that an index names."""
    seeds = [
        Seed(name, path.suffix, path.read_bytes(), change)
        for name, file, change in (
            ("torch.save", "tiny.pth", change_zip),
            ("whole module", "tiny_module.pth", change_zip),
            ("TorchScript", "tiny_script.pt", change_zip),
            ("torch before 1.6", "tiny_legacy.pth", change_pickle),
        )
        for path in [HERE / file]
    ]
    for suffix, change in (
        (".safetensors", change_header),
        (".npz", change_zip),
        (".msgpack", change_msgpack),
    ):
        path = folder / f"shard{suffix}"
        write_tensors(path, TENSORS)
        seeds.append(Seed(suffix, suffix, path.read_bytes(), change))
    packed = io.BytesIO()
    numbers = {k: a for k, a in TENSORS.items() if a.dtype != ml_dtypes.bfloat16}
    np.savez_compressed(packed, **numbers)
    seeds.append(Seed(".npz, compressed", ".npz", packed.getvalue(), change_zip))
    index = json.dumps({"weight_map": dict.fromkeys(TENSORS, "shard.safetensors")})
    seeds.append(Seed("index", ".index.json", index.encode(), change_json))
    return seeds


def mutate(seeds: list[Seed], number: int, *, seed: int = 0) -> tuple[Seed, bytes]:
    """Returns the mutant of a number, and the seed that it was made of."""
    rng = random.Random(f"{seed} {number}")
    chosen = seeds[number % len(seeds)]
    data = chosen.data
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        change = rng.choice((chosen.change, chosen.change, change_bytes))
        if rng.random() < 0.05:
            data = splice(data, rng.choice(seeds).data, rng)
        data = change(data, rng)
    return chosen, data


def splice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Returns the start of one file and the end of another."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]


def change_bytes(data: bytes, rng: random.Random) -> bytes:
    """Returns bytes of which some are flipped, set, cut off, doubled or left out."""
    if not data:
        return rng.randbytes(8)
    at, size = rng.randrange(len(data)), rng.choice((1, 2, 4, 8, 64))
    width = rng.choice((1, 2, 4, 8))
    extreme = (rng.choice(EXTREMES) % 2 ** (8 * width)).to_bytes(
        width, rng.choice(("little", "big"))
    )
    return rng.choice(
        (
            data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :],
            data[:at] + rng.randbytes(1) + data[at + 1 :],
            data[:at] + extreme + data[at + width :],
            data[:at],
            data[at:],
            data[:at] + data[at : at + size] * 2 + data[at + size :],
            data[:at] + data[at + size :],
            data[:at] + rng.randbytes(size) + data[at:],
        )
    )


def change_zip(data: bytes, rng: random.Random) -> bytes:
    """Returns an archive of which one record is another, all checksums right."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            records = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # a mutant of a mutant may be anything
        return change_bytes(data, rng)
    whole = io.BytesIO()
    methods = (zipfile.ZIP_STORED,) * 6 + (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
    pickles = [name for name in records if name.endswith("data.pkl")]
    chosen = rng.choice(pickles if pickles and rng.random() < 0.7 else [*records, ""])
    archive = zipfile.ZipFile(whole, "w", rng.choice(methods))
    with archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # names twice are meant
        for name, record in records.items():
            if name == chosen:
                record = change_record(name, record, rng)
                name = rng.choice((name,) * 9 + ("x/data.pkl", "../../x", name[::-1]))
            archive.writestr(zipfile.ZipInfo(name), record)
    return whole.getvalue()


def change_record(name: str, record: bytes, rng: random.Random) -> bytes:
    """Returns what a record may be changed into, by what its name says it is."""
    if name.endswith(".pkl"):
        return change_pickle(record, rng)
    if name.endswith(".npy") and rng.random() < 0.7:
        number = re.sub(rb"\d+", lambda _: b"%d" % rng.choice(EXTREMES), record[:118])
        types = (b"'|O'", b"'<f8'", b"'>f4'", b"'|V2'", b"'<U9'", b"[('a','<f4')]")
        kind = re.sub(rb"'[<|]\w+'", rng.choice(types), record[:118])
        return rng.choice((number, kind)) + record[118:]
    if name.endswith(".npy") and rng.random() < 0.1:
        return b"\x93NUMPY\1\0\xf0\x2a" + b"-" * 11000
    return change_bytes(record, rng)


def change_pickle(data: bytes, rng: random.Random) -> bytes:
    """Returns a pickle, or several and what follows, with other opcodes."""
    pieces, rest = split_opcodes(data)
    if len(pieces) < 2:
        return change_bytes(data, rng)
    at, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
    match rng.randrange(7):
        case 0:
            del pieces[at]
        case 1:
            pieces.insert(at, pieces[other])
        case 2:
            pieces[at], pieces[other] = pieces[other], pieces[at]
        case 3:
            code = rng.choice(pickletools.opcodes).code.encode("latin-1")
            pieces[at] = code + pieces[at][1:]
        case 4:
            pieces.insert(at, rng.choice(HOSTILE))
        case 5:
            pieces[at] = number_opcode(rng)
        case _:
            pieces[at] = change_bytes(pieces[at], rng)
    return b"".join(pieces) + rest


def number_opcode(rng: random.Random) -> bytes:
    """Returns the opcode of a number that is rarely a size."""
    return pickle.dumps(rng.choice((*EXTREMES, 0.5, None, "x", 10**30)), 2)[2:-1]


def split_opcodes(data: bytes) -> tuple[list[bytes], bytes]:
    """Returns the opcodes of the pickles that some bytes begin with, and the rest."""
    starts, stream = [0], io.BytesIO(data)
    try:
        while True:
            for _, _, at in pickletools.genops(stream):
                starts.append(at or 0)
            starts.append(stream.tell())
    except Exception:  # no more pickles
        pieces = [data[a:b] for a, b in itertools.pairwise(starts) if a < b]
        return pieces, data[starts[-1] :]


def change_header(data: bytes, rng: random.Random) -> bytes:
    """Returns a file of safetensors with another header, of the length it says."""
    size = int.from_bytes(data[:8], "little")
    header = change_json(data[8 : 8 + size], rng)
    size = len(header) if rng.random() < 0.95 else rng.choice(EXTREMES) % 2**64
    return struct.pack("<Q", size) + header + data[8 + size :]


def change_json(data: bytes, rng: random.Random) -> bytes:
    """Returns JSON with another value somewhere, or another key."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return change_bytes(data, rng)
    if rng.random() < 0.02:
        return b"[" * 100_000
    if not isinstance(tree, dict) or not tree:
        return json.dumps(rng.choice(VALUES)).encode()
    inner: Any = tree
    while True:
        places = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        place = rng.choice(places)
        if not isinstance(inner[place], dict | list) or not inner[place]:
            break
        if rng.random() < 0.3:
            break
        inner = inner[place]
    inner[place] = rng.choice((*VALUES, *EXTREMES))
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    text = text.replace('"b"', '"a.weight"') if rng.random() < 0.05 else text
    return text.encode("utf-8", "surrogatepass")


def change_msgpack(data: bytes, rng: random.Random) -> bytes:
    """Returns msgpack with some value that claims to be something else."""
    at = rng.randrange(len(data) + 1)
    hostile = rng.choice(MSGPACK)
    return data[:at] + hostile + data[at + rng.choice((0, 1, len(hostile))) :]
