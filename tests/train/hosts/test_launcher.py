import os

import pytest

from vit_jax.errors import InputError
from vit_jax.train.hosts.config import HostsConfig
from vit_jax.train.hosts.launcher import Place, find_place

LAUNCHERS = ("SLURM_", "OMPI_", "KUBERNETES_", "TPU_", "CLOUD_TPU", "JAX_LOCAL_DEVICE")


@pytest.fixture
def no_launcher(monkeypatch):
    for name in [n for n in os.environ if n.startswith(LAUNCHERS)]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_launcher")
def test_auto_without_a_launcher_is_refused():
    with pytest.raises(InputError, match=r"auto found no launcher.*srun \(Slurm\)"):
        find_place(HostsConfig(coordinator="auto"))


@pytest.mark.usefixtures("no_launcher")
def test_auto_finds_slurm(monkeypatch):
    slurm = {"JOB_ID": 70000, "STEP_NODELIST": "node[07-09]", "NTASKS": 3}
    for name, value in (slurm | {"PROCID": 2, "LOCALID": 0}).items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setenv("JAX_COORDINATOR_PORT", "1234")
    place = find_place(HostsConfig(coordinator="auto"))
    assert place == Place("node07:1234", 3, 2, (0,))
    monkeypatch.setenv("JAX_LOCAL_DEVICE_IDS", "0,1")
    assert find_place(HostsConfig(coordinator="auto")).devices is None
