"""What a benchmark ran on: printed above its table and kept with its results."""

import os
import platform
import time
from datetime import date
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

DISTORTING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that make OpenBLAS run code that was not made for this processor."""

STATISTICS = Path("/proc/stat")
MUCH = 0.15
"""Cores in use by others from which on a figure is not to be trusted."""


@cache
def version(package: str) -> str | None:
    """The version of an installed package, without importing it; None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def facts(*peers: str) -> dict[str, str]:
    """Processor, cores, versions and date, and the versions of the packages on the other side."""
    return {
        "CPU": _processor(),
        "cores": str(_cores()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "BLAS": _blas(),
        "cnnops-cli": version("cnnops-cli") or "not installed",
        **{peer: version(peer) or "not installed" for peer in peers},
        "date": date.today().isoformat(),
    }


def print_header(*peers: str, children: bool = False) -> None:
    """Print the facts, and a warning where the environment distorts what follows.

    With `children`, what is measured are processes that `measured_environment` is given to.
    """
    for name, fact in facts(*peers).items():
        print(f"{name:<12} {fact}")
    for name in DISTORTING:
        if name in os.environ and children:
            print(f"NOTE: {name} is set here and taken from what is measured.")
        elif name in os.environ:
            print(f"*** WARNING: {name} is set. It distorts every figure below; unset it. ***")
    print(flush=True)


def measured_environment() -> dict[str, str]:
    """This process's environment without what distorts.

    Without bytecode files, Python would compile our modules at every start, as no installed
    package has it do.
    """
    distorting = (*DISTORTING, "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if name not in distorting}


class OtherWork:
    """Watch what other processes take of the machine, from when it is made.

    A library that cuts its work into equal parts waits for the slowest: one busy core can make a
    call of 1 ms take 20, and so flatter who is compared with it.
    """

    def __init__(self) -> None:
        self._start = self._now()

    def note(self) -> str:
        """Say so where others took much; nothing where the system does not tell."""
        all_work, own_work, wall = (
            now - start for now, start in zip(self._now(), self._start, strict=True)
        )
        cores = (all_work - own_work) / max(wall, 1e-3)
        return f"disturbed: others used {cores:.1f} cores" if cores > MUCH else ""

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Seconds that all processes, and this one with its children, have worked; and now."""
        wall = time.perf_counter()
        if not STATISTICS.exists():
            return 0.0, 0.0, wall
        fields = [int(field) for field in STATISTICS.read_text().split("\n")[0].split()[1:9]]
        user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = fields
        ticks = user + nice + system + interrupts + soft_interrupts + stolen
        return ticks / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4]), wall


def _processor() -> str:
    model = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        lines = (line.partition(":") for line in listing.read_text().splitlines())
        model = next((value.strip() for key, _, value in lines if "model name" in key), model)
    config = np.show_config(mode="dicts")
    found = (config or {}).get("SIMD Extensions", {}).get("found", [])
    return f"{model} ({found[-1]})" if found else model


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blas() -> str:
    """What does NumPy's matrix products, and for which processor it was made."""
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    if loaded:
        first = loaded[0]
        parts = (first["internal_api"], first["version"], first.get("architecture"))
        return " ".join(part for part in parts if part)
    built_with = (np.show_config(mode="dicts") or {}).get("Build Dependencies", {}).get("blas", {})
    return f"{built_with.get('name', 'unknown')} {built_with.get('version', '')}".strip()
