"""What is said on standard error, and in which form."""

import os
import sys

_STDERR = 2
_LONGEST = 2000
"""Letters of a line that can still be found on a screen."""


def report(command: str, text: str) -> None:
    """Write one error line of a command, such as ``cnnops conv``, in plain text."""
    line = printable(" ".join(text.split()))
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"
    tell(f"{command}: error: {line}")


def tell(text: str) -> None:
    """Write to standard error, where it is open."""
    if sys.stderr is not None:
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:  # the status still tells
            abandon(_STDERR)


def printable(text: str) -> str:
    """Show what a terminal would obey instead, as Python writes it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def reason_of(error: Exception) -> str:
    """Say what was wrong, where memory may have been too small."""
    if not isinstance(error, MemoryError):
        return str(error)
    return f"not enough memory: {error}" if str(error) else "not enough memory"


def abandon(descriptor: int) -> None:
    """Let what could not be written go nowhere, so that Python does not try again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
