"""NumPy, where there is enough memory to begin."""

from cnnops_cli.errors import CnnopsError

_ADDRESS_SPACE, _DATA = 84 << 20, 44 << 20
"""Bytes that importing NumPy takes; without them its matrix product aborts the process."""


def import_numpy() -> None:
    """Import NumPy, unless a limit of the process leaves too little memory for it.

    It is imported before the modules that use it: where its hundreds of short calls begin deep in
    the stack, CPython may take memory for a frame and return it at each, which takes 5 ms.
    """
    _check_memory()
    import numpy  # noqa: F401


def _check_memory() -> None:
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    for limit, needed, writable in (
        (resource.RLIMIT_AS, _ADDRESS_SPACE, False),
        (resource.RLIMIT_DATA, _DATA, True),
    ):
        is_limited = resource.getrlimit(limit)[0] != resource.RLIM_INFINITY
        if is_limited and not _is_free(needed, writable):
            raise CnnopsError(
                f"not enough memory: NumPy takes {needed >> 20} MiB, and a limit of this process "
                "(ulimit) leaves less"
            )


def _is_free(size: int, writable: bool) -> bool:
    import mmap

    access = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    try:
        mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, access).close()
    except (OSError, MemoryError):
        return False
    return True
