"""What C libraries write to standard error, caught so that the command can report it."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_STDERR = 2
_MOST_HEARD = 4096


@contextmanager
def hearing_libraries() -> Iterator[None]:
    """Keep what C libraries write off standard error, and raise its first line as OSError.

    Descriptor 2 belongs to the whole process, so nothing else may write there meanwhile; progress
    bars have no thread of their own. What a pipe cannot hold is lost, and blocks nobody. Without
    free descriptors nothing is caught.
    """
    with ExitStack() as undoing:
        pipe = _pipe_instead_of_stderr(undoing)
        failed = None
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:
            failed = error
        said = _first_line(pipe)
        if said:
            raise OSError(said) from failed
        if failed is not None:
            raise failed


def _pipe_instead_of_stderr(undoing: ExitStack) -> int | None:
    """Replace descriptor 2 by a pipe until `undoing` is closed; return the end that is read."""
    try:
        stderr = os.dup(_STDERR)
        undoing.callback(os.close, stderr)
        end, start = os.pipe()
    except OSError:
        return None
    undoing.callback(os.close, end)
    undoing.callback(os.close, start)
    os.set_blocking(start, False)
    os.set_blocking(end, False)
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.flush()
    undoing.callback(os.dup2, stderr, _STDERR)
    os.dup2(start, _STDERR)
    return end


def _first_line(pipe: int | None) -> str:
    if pipe is None:
        return ""
    try:
        return os.read(pipe, _MOST_HEARD).decode(errors="replace").partition("\n")[0].rstrip(".")
    except BlockingIOError:  # it is empty
        return ""
