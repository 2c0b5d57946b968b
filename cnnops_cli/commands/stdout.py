"""Standard output: what goes there, and how it is written."""

import io
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, cast

from cnnops_cli.errors import CnnopsError
from cnnops_cli.parsers import takes_any_format
from cnnops_cli.settings import Settings

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from cnnops_cli.tensors.write import Writer


def is_written(settings: Settings) -> bool:
    """Return whether anything goes to standard output; with --output, a format asks for it."""
    if settings.explain or settings.dry_run:
        return True
    if _is_the_place(settings):
        return True
    return settings.format != "auto" and not takes_any_format(settings.output)


def _is_the_place(settings: Settings) -> bool:
    """Return whether the result goes to standard output without a format that asks for it."""
    return settings.output == "-" or (settings.output is None and settings.expect is None)


def is_for_people(settings: Settings) -> bool:
    """Return whether what goes to standard output is text to read, and not JSON."""
    if settings.format != "auto":
        return settings.format == "table"
    return sys.stdout is not None and sys.stdout.isatty() and not settings.quiet


def is_viewed(settings: Settings) -> bool:
    """Return whether standard output, or a device in its place, gets a view."""
    return (settings.format != "auto" or _is_the_place(settings)) and is_for_people(settings)


class _Unbuffered(io.RawIOBase):
    """Standard output without a buffer, so that nothing is left to fail when the process ends."""

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of it, where a write may take only a part."""
        view = memoryview(data)
        size = len(view)
        while view:
            view = view[_write_some(sys.stdout.fileno(), view) :]
        return size


def _write_some(descriptor: int, data: memoryview) -> int:
    """Write what fits, and wait where nothing does: a pipe may have been made non-blocking."""
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        from select import select

        select([], [descriptor], [])
        return 0


def write_stdout(write: "Writer") -> None:
    """Write to standard output at once; BrokenPipeError is raised as it is."""
    if sys.stdout is None:
        raise CnnopsError("standard output is closed")
    try:
        write(cast(BinaryIO, _Unbuffered()))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CnnopsError(f"cannot write standard output: {error.strerror}") from error


def write_text(text: str) -> None:
    """Write text to standard output, as `write_stdout` does."""
    encoding = sys.stdout and sys.stdout.encoding
    data = text.encode(encoding or "utf-8", errors="replace")
    write_stdout(lambda stream: _write_all(stream, data))


def _write_all(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)
