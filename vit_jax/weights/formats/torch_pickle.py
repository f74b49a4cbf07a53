"""Pickles read without running them: opcodes in, inert values out.

Python's unpickler calls what a pickle names, and makes room for what it claims. This
machine calls nothing: what a pickle would have made by calling is a `Made`, which says
by what and of what. Source of the format: CPython's Lib/pickletools.py.
"""

import dataclasses
import pickletools
from collections.abc import Callable
from typing import Any, cast

from vit_jax.weights.formats.arrays import Bytes
from vit_jax.weights.formats.damage import Damage

# Whole training states have a hundred thousand.
MAX_OPCODES = 2**21
MAX_PIECE = 2**26
MAX_LINE = 2**12


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
    """A class or function that a pickle names."""

    module: str
    name: str


@dataclasses.dataclass(slots=True, eq=False)
class Made:
    """What a pickle would have made by a call; nothing was called.

    `state` is what its __setstate__ would have got, `entries` its items with text keys.
    """

    by: Any
    args: tuple[Any, ...]
    state: Any = None
    entries: dict[str, Any] | None = None


class Source:
    """Bytes handed out in small pieces, as pickletools asks for them."""

    def __init__(self, data: Bytes):
        self.data, self.at = data, 0

    def read(self, size: int) -> bytes:
        if size > MAX_PIECE:
            raise Damage(f"its pickle has a value of {size} bytes")
        piece = bytes(self.data[self.at : self.at + size])
        self.at += len(piece)
        return piece

    def readline(self) -> bytes:
        piece = bytes(self.data[self.at : self.at + MAX_LINE])
        line = piece[: piece.find(b"\n") + 1]
        self.at += len(line)
        return line

    def tell(self) -> int:
        return self.at


class Machine:
    """A stack, its marks and a memo.

    `load` makes of a persistent id (a storage's) what stands for it.
    """

    def __init__(self, source: Source, load: Callable[[Any], Any]):
        self.source, self.load = source, load
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.left = MAX_OPCODES

    def run(self) -> Any:
        """Returns the value of the pickle that begins here, and stops at its end."""
        code = b""
        try:
            while code != STOP:
                code = self.source.read(1)
                if code not in OPCODES:
                    raise Damage(f"its pickle has {code!r}, which torch never writes")
                self.spend(1)
                action, read_argument = OPCODES[code]
                action(self, read_argument(self.source))
            return self.stack.pop()
        except Damage:
            raise
        # A stack that is empty, a memo's index that nothing is at, and what
        # pickletools finds: an argument that is cut off or no number.
        except (IndexError, KeyError, ValueError) as error:
            where = f"byte {self.source.tell()}"
            raise Damage(f"its pickle is broken before {where}") from error

    def spend(self, count: int) -> None:
        """Counts what takes time and memory."""
        self.left -= count
        if self.left < 0:
            raise Damage(f"its pickle has over {MAX_OPCODES} values")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def pop_last(self, count: int) -> tuple[Any, ...]:
        values = [self.stack.pop() for _ in range(count)]
        return tuple(reversed(values))

    def mark(self) -> None:
        self.outer.append(self.stack)
        self.stack = []

    def pop_to_mark(self) -> list[Any]:
        values, self.stack = self.stack, self.outer.pop()
        return values

    def drop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_to_mark()

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            cast(list[Any], target).extend(values)
        elif not isinstance(target, Made):
            raise Damage("its pickle appends to what is no list")

    def put(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Made):
            target.entries = {} if target.entries is None else target.entries
            target = target.entries
        if not isinstance(target, dict):
            raise Damage("its pickle sets an item of what is no dict")
        _put(cast(dict[str, Any], target), zip(values[::2], values[1::2], strict=True))

    def call(self, by: Any, args: Any) -> None:
        if not isinstance(args, tuple):
            raise Damage("its pickle calls without a tuple of arguments")
        args = cast(tuple[Any, ...], args)
        make = CONTAINERS.get(by) if isinstance(by, Name) else None
        if make is None:
            self.push(Made(by, args))
            return
        items = args[0] if args else ()
        if not isinstance(items, (list, tuple)):
            raise Damage("its pickle makes a list or dict of something else")
        items = cast(list[Any] | tuple[Any, ...], items)
        self.spend(len(items))
        self.push(make(items))

    def build(self) -> None:
        state = self.pop()
        if isinstance(self.stack[-1], Made):
            self.stack[-1].state = state


def _put(target: dict[str, Any], pairs: Any) -> None:
    """Sets the items that have text for a key; hashing others may take for ever."""
    target.update((key, value) for key, value in pairs if type(key) is str)


def _dict(items: list[Any] | tuple[Any, ...]) -> dict[str, Any]:
    lists = [cast(list[Any], p) for p in items if isinstance(p, (list, tuple))]
    found: dict[str, Any] = {}
    _put(found, (pair for pair in lists if len(pair) == 2))
    return found


# A set is a list here: what is in it need not be hashed.
CONTAINERS: dict[Name, Callable[[Any], Any]] = {
    Name("collections", "OrderedDict"): _dict,
    Name("torch", "Size"): tuple,
    Name("builtins", "set"): list,
    Name("__builtin__", "set"): list,
}
LITERALS = (
    "BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT BINUNICODE BINUNICODE8 BINSTRING"
    " BINBYTES BINBYTES8 SHORT_BINUNICODE SHORT_BINSTRING SHORT_BINBYTES"
)


def _global(machine: Machine, argument: str) -> None:
    machine.push(Name(*argument.split(" ", 1)))


def _stack_global(machine: Machine, _: Any) -> None:
    module, name = machine.pop_last(2)
    if not isinstance(module, str) or not isinstance(name, str):
        raise Damage("its pickle names a class by what is no text")
    machine.push(Name(module, name))


def _memoize(machine: Machine, index: int | None) -> None:
    machine.memo[len(machine.memo) if index is None else index] = machine.stack[-1]


ACTIONS: dict[str, Callable[[Machine, Any], Any]] = {
    **dict.fromkeys(LITERALS.split(), Machine.push),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda m, _: None),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_SET": lambda m, _: m.push([]),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "TUPLE1": lambda m, _: m.push(m.pop_last(1)),
    "TUPLE2": lambda m, _: m.push(m.pop_last(2)),
    "TUPLE3": lambda m, _: m.push(m.pop_last(3)),
    "TUPLE": lambda m, _: m.push(tuple(m.pop_to_mark())),
    "LIST": lambda m, _: m.push(m.pop_to_mark()),
    "FROZENSET": lambda m, _: m.push(m.pop_to_mark()),
    "APPEND": lambda m, _: m.extend([m.pop()]),
    "APPENDS": lambda m, _: m.extend(m.pop_to_mark()),
    "ADDITEMS": lambda m, _: m.extend(m.pop_to_mark()),
    "SETITEM": lambda m, _: m.put(list(m.pop_last(2))),
    "SETITEMS": lambda m, _: m.put(m.pop_to_mark()),
    "MARK": lambda m, _: m.mark(),
    "POP": lambda m, _: m.drop(),
    "POP_MARK": lambda m, _: m.pop_to_mark(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), _memoize),
    "BINGET": lambda m, index: m.push(m.memo[index]),
    "LONG_BINGET": lambda m, index: m.push(m.memo[index]),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": lambda m, _: m.call(*m.pop_last(2)),
    "NEWOBJ": lambda m, _: m.call(*m.pop_last(2)),
    "NEWOBJ_EX": lambda m, _: m.call(*m.pop_last(3)[:2]),
    "BINPERSID": lambda m, _: m.push(m.load(m.pop())),
    "BUILD": lambda m, _: m.build(),
}
STOP = b"."
OPCODES: dict[bytes, tuple[Callable[[Machine, Any], Any], Callable[[Any], Any]]] = {
    opcode.code.encode("latin-1"): (
        ACTIONS[opcode.name],
        opcode.arg.reader if opcode.arg else lambda _: None,
    )
    for opcode in pickletools.opcodes
    if opcode.name in ACTIONS
}
