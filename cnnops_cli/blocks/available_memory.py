"""The memory that this process may still take, as far as the system tells.

Linux tells what can be had without swapping, and what the control groups of a process may take,
such as those of a container or a batch job. Elsewhere it is the memory of the machine, if that is
known.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress

_MACHINE, _GROUPS = "/proc/meminfo", "/proc/self/cgroup"
_VERSIONS = {
    "": ("/sys/fs/cgroup", "memory.max", "memory.current", ""),
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
}
"""By controller, as `_GROUPS` names it: where the groups are, the files that tell a group's limit
and what it has taken, and how the names in `memory.stat` begin."""
_FILES = ("active_file", "inactive_file")
"""What is taken for files, which can be read again."""


def available_memory() -> int | None:
    """Return the number of bytes, or None if the system does not tell."""
    return min((max(0, room) for room in (*_room_of_machine(), *_rooms_of_groups())), default=None)


def _room_of_machine() -> Iterator[int]:
    found = _numbers(_MACHINE)
    if "MemAvailable" in found:
        yield found["MemAvailable"] << 10
        return
    with suppress(AttributeError, OSError, ValueError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _rooms_of_groups() -> Iterator[int]:
    """Yield what the groups of this process, and those around them, have left of their limits."""
    for controllers, path in re.findall(r"^\d+:([^:]*):/*(.*)$", _text(_GROUPS), re.MULTILINE):
        for controller in _VERSIONS.keys() & controllers.split(","):
            root, limit, taken, prefix = _VERSIONS[controller]
            names = path.split("/")
            for depth in range(len(names) + 1):
                group = "/".join((root, *names[:depth]))
                with suppress(ValueError):  # no such group here, or no limit
                    room = int(_text(f"{group}/{limit}")) - int(_text(f"{group}/{taken}"))
                    found = _numbers(f"{group}/memory.stat")
                    yield room + sum(found.get(prefix + name, 0) for name in _FILES)


def _numbers(path: str) -> dict[str, int]:
    """Return the numbers of a file of lines such as `MemFree:  12 kB` by their names."""
    found = re.findall(r"^(\w+):? +(\d+)", _text(path), re.MULTILINE)
    return {name: int(number) for name, number in found}


def _text(path: str) -> str:
    """Return what a file holds; nothing if it cannot be read."""
    with suppress(OSError):
        with open(path) as file:
            return file.read()
    return ""
