import pytest

from vit_jax.train.hosts.config import HostsConfig, find_faults, parse_address


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"count": 2}, "hosts.count=2 without hosts.coordinator"),
        ({"index": 0}, "hosts.index=0 without hosts.coordinator"),
        ({"coordinator": "auto", "index": 1}, "auto finds out what hosts.index=1 says"),
        ({"coordinator": "node1", "count": 2, "index": 0}, "HOST:PORT"),
        ({"coordinator": "node1:0", "count": 2, "index": 0}, "a port from 1 to 65535"),
        ({"coordinator": "::1:80", "count": 2, "index": 0}, "HOST:PORT"),
        ({"coordinator": "a:1", "index": 0}, "say how many processes"),
        ({"coordinator": "a:1", "count": 2}, "hosts.index=-1; of 2 processes"),
        ({"coordinator": "a:1", "count": 2, "index": 2}, "from 0 to 1"),
        ({"timeout_seconds": 0}, "hosts.timeout_seconds=0"),
        ({"lost_after_seconds": 2}, "a sign of life comes every second"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(fields, fault):
    (found,) = find_faults(HostsConfig(**fields))
    assert fault in found


@pytest.mark.parametrize(
    "fields",
    [{}, {"coordinator": "auto"}, {"coordinator": "[::1]:80", "count": 2, "index": 1}],
)
def test_what_can_be_obeyed_has_no_fault(fields):
    assert not list(find_faults(HostsConfig(**fields)))


def test_an_address_has_a_host_and_a_port():
    assert parse_address("node-1.cluster:1234") == ("node-1.cluster", 1234)
    assert parse_address("[fe80::1]:80") == ("fe80::1", 80)
