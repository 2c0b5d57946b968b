"""What is taken for available, on systems that tell it in different ways or not at all."""

import os

import pytest

from cnnops_cli.blocks import available_memory as module
from cnnops_cli.blocks.available_memory import available_memory

MACHINE = (
    "MemTotal:       24684092 kB\nMemFree: 12 kB\nMemAvailable:   2048 kB\nHugePages_Total: 0\n"
)
AVAILABLE = 2048 << 10


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Lay the files of a system out; none is there at first."""
    monkeypatch.setattr(module, "_MACHINE", str(tmp_path / "meminfo"))
    monkeypatch.setattr(module, "_GROUPS", str(tmp_path / "cgroup"))
    for controller, (_, *names) in list(module._VERSIONS.items()):
        root = str(tmp_path / f"groups{controller}")
        monkeypatch.setitem(module._VERSIONS, controller, (root, *names))

    def lay(**files):
        for name, text in files.items():
            path = tmp_path.joinpath(*name.split("__"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return lay


def group(folder, limit, taken, files):
    """The files of a group of version 2."""
    names = {"memory.max": limit, "memory.current": taken}
    texts = {f"{folder}__{name}": f"{number}\n" for name, number in names.items()}
    return texts | {f"{folder}__memory.stat": f"anon 3\nactive_file {files - 9}\ninactive_file 9\n"}


def test_what_linux_tells(system):
    system(meminfo=MACHINE)
    assert available_memory() == AVAILABLE


def test_a_system_without_proc_tells_all_that_it_has(system):
    assert available_memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_system_that_tells_nothing(system, monkeypatch):
    monkeypatch.delattr(os, "sysconf")
    assert available_memory() is None


@pytest.mark.parametrize("path", ["/", "/job/step"])
def test_a_group_of_version_2_that_has_less(system, path):
    system(meminfo=MACHINE, cgroup=f"0::{path}\n", **group("groups", 1000, 300, 50))
    assert available_memory() == 750


def test_the_least_of_all_groups_around(system):
    system(
        meminfo=MACHINE,
        cgroup="0::/job/step\n",
        **group("groups__job", 1000, 300, 0),
        **group("groups__job__step", 900, 100, 0),
    )
    assert available_memory() == 709
    system(**group("groups__job__step", 900, 1000, 0))
    assert available_memory() == 0


def test_groups_without_a_limit_and_with_a_larger_one(system):
    unlimited = group("groups", "max", 300, 9)
    larger = group("groups__job", AVAILABLE + 301, 300, 9)
    system(meminfo=MACHINE, cgroup="0::/job\n", **unlimited, **larger)
    assert available_memory() == AVAILABLE


def test_a_group_of_version_1(system):
    system(
        meminfo=MACHINE,
        cgroup="7:cpu,cpuacct:/job\n6:memory:/job:a\n0::/other\n",
        **{
            "groupsmemory__job:a__memory.limit_in_bytes": "1000\n",
            "groupsmemory__job:a__memory.usage_in_bytes": "400\n",
            "groupsmemory__job:a__memory.stat": "active_file 1\ntotal_active_file 30\n",
            "groupsmemory__memory.limit_in_bytes": "9223372036854771712\n",
            "groupsmemory__memory.usage_in_bytes": "500\n",
        },
    )
    assert available_memory() == 630


def test_this_system_tells():
    assert 1 << 20 < available_memory() < 1 << 50
