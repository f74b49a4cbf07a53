"""The machine that reads pickles: what it makes, and what it refuses to make."""

import collections
import pickle
import tracemalloc

import numpy as np
import pytest

from vit_jax.weights.formats import torch_modules, torch_pickle
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.torch_modules import Builder
from vit_jax.weights.formats.torch_pickle import Machine, Made, Name, Source
from vit_jax.weights.formats.torch_tensors import Views


def run(data):
    return Machine(Source(np.frombuffer(data, np.uint8)), lambda pid: pid).run()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": [2.5, None, True, -1, 2**40, 10**30], "c": ("x", ())},
        {"text" * 100: "ü" * 300, "shared": [{}] * 2, "five": (1, 2, 3, 4, 5)},
        [*range(2000)],
    ],
    ids=["values", "long", "many"],
)
def test_plain_values_come_back(protocol, value):
    assert run(pickle.dumps(value, protocol)) == value


def test_bytes_come_back():
    value = [b"", b"y", b"z" * 300]
    assert all(run(pickle.dumps(value, protocol)) == value for protocol in (3, 4))


def test_containers_that_torch_uses_come_back():
    value = {"a": collections.OrderedDict(b=1), "c": {"d"}}
    for protocol in (2, 4):
        assert run(pickle.dumps(value, protocol)) == {"a": {"b": 1}, "c": ["d"]}


def test_all_else_is_inert():
    class_, call = b"c__main__\nModel\n", b"cos\nsystem\nX\1\0\0\0x\x85R"
    made = run(b"\x80\2" + class_ + b")\x81}X\1\0\0\0aK\1sb.")
    assert (made.by, made.state) == (Name("__main__", "Model"), {"a": 1})
    made = run(b"\x80\2" + call + b".")
    assert (made.by, made.args) == (Name("os", "system"), ("x",))


def test_items_of_a_dict_of_another_class_are_kept():
    made = run(pickle.dumps(collections.defaultdict(list, a=1, b=2), 2))
    assert made.entries == {"a": 1, "b": 2}


def test_only_items_with_text_for_a_key_are_kept():
    """A tuple of tuples, doubled sixty times, would take for ever to hash."""
    doubled = b")" + b"2\x86" * 60
    assert run(b"}(" + doubled + b"K\1X\1\0\0\0aK\2K\3K\4u.") == {"a": 2}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "broken|never writes"),
        (b"}", "never writes"),
        (b".", "broken"),
        (b"h\1.", "broken"),
        (b"b.", "broken"),
        (b"t.", "broken"),
        (b"NNs.", "broken"),
        (b"NNNs.", "no dict"),
        (b"NNa.", "no list"),
        (b"}(NNNu.", "broken"),
        (b"X\xff\xff\xff\x7fabc.", "a value of 2147483647 bytes"),
        (b"\x8d" + b"\xff" * 8 + b".", "bytes|broken"),
        (b"\x96" + b"\xff" * 7 + b"\x7f.", "never writes"),
        (b"\x8b\xff\xff\xff\x7f.", "a value of 2147483647 bytes"),
        (b"X\1\0\0\0\xff.", "broken"),
        (b"c" + b"a" * 5000 + b"\nb\n.", "broken"),
        (b"cos\nsystem\nNR.", "without a tuple"),
        (b"NN\x93.", "no text"),
        (b"ccollections\nOrderedDict\nK\1\x85R.", "of something else"),
        (b"i\nos\nsystem\n.", "never writes"),
        (b"P0\n.", "never writes"),
        (b"S'\\d'\n.", "never writes"),
    ],
)
def test_what_is_no_pickle_of_torch_is_refused(data, message):
    with pytest.raises(Damage, match=message):
        run(data)


@pytest.mark.parametrize("opcode", [b"r\xff\xff\xff\xff", b"r\xff\xff\xff\x7f"])
def test_a_huge_index_of_the_memo_takes_no_memory(opcode):
    tracemalloc.start()
    assert run(b"N" + opcode + b".") is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_pickle_of_too_many_values_is_refused(monkeypatch):
    monkeypatch.setattr(torch_pickle, "MAX_OPCODES", 5000)
    with pytest.raises(Damage, match="over 5000 values"):
        run(b"N" * 5000 + b".")
    # A list of a thousand, copied for each twenty bytes of the pickle.
    copy = b"c__builtin__\nset\nh\0\x85R"
    with pytest.raises(Damage, match="over 5000 values"):
        run(b"]q\0(" + b"N" * 1000 + b"e" + copy * 5 + b".")


def test_a_deep_value_is_no_matter_and_a_deep_dict_is_refused():
    assert run(b")" + b"\x85" * 10_000 + b".")
    deep = run(b"}" + b"X\1\0\0\0a}" * 5000 + b"s" * 5000 + b".")
    with pytest.raises(Damage, match="over 100 levels"):
        build(deep)


def build(value):
    return Builder(Views(lambda _: np.empty(0, np.uint8), 0)).build(value)


def test_a_dict_in_itself_or_in_a_million_places_is_refused(monkeypatch):
    monkeypatch.setattr(torch_modules, "MAX_VISITS", 1000)
    itself = run(b"}q\0X\1\0\0\0ah\0s.")
    with pytest.raises(Damage, match="over 100 levels"):
        build(itself)
    doubled = b"}" + b"".join(b"q\0}(X\1\0\0\0ah\0X\1\0\0\0bh\0u" for _ in range(40))
    with pytest.raises(Damage, match="1000 values"):
        build(run(doubled + b"."))


def module(**state):
    empty = {"_parameters": {}, "_buffers": {}, "_modules": {}}
    return Made(Name("m", "M"), (), {**empty, **state})


def test_a_module_of_odd_parts_is_its_tensors_only():
    odd = module(_modules={"a": None, "b": 1, "c": module()}, _buffers={"d": None})
    assert build({"x": odd}) == {"x": {}}
    odd = module(_non_persistent_buffers_set=7, _parameters={"a": 1})
    assert build(odd) == {}
    itself = module()
    itself.state["_modules"]["a"] = itself
    with pytest.raises(Damage, match="over 100 levels"):
        build(itself)


def test_a_parameter_of_a_parameter_and_so_on_is_refused():
    wrapped = run(
        b"}X\1\0\0\0a"
        + b"ctorch._utils\n_rebuild_parameter\n" * 5000
        + b"ctorch._utils\n_rebuild_tensor\n)R"
        + b"\x85R" * 5000
        + b"s."
    )
    with pytest.raises(Damage, match="a is wrapped more than 4 times"):
        build(wrapped)


def test_long_keys_one_in_another_take_little_memory():
    """Their paths would take gigabytes."""
    key = b"X\0\0\4\0" + b"k" * 2**18 + b"q\0"
    deep = run(b"}" + key + b"}" + b"h\0}" * 90 + b"s" * 91 + b".")
    tracemalloc.start()
    with pytest.raises(Damage, match="1048576 values"):
        build(deep)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**27
