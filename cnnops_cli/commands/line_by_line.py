"""Tensors line by line: each is answered before the next is waited for."""

import gc
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, TextIO

from cnnops_cli.commands.outcome import Outcome
from cnnops_cli.commands.stderr import reason_of, report
from cnnops_cli.commands.stdout import write_stdout
from cnnops_cli.commands.watch import progress_of
from cnnops_cli.errors import CnnopsError
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import NPY, Reading
from cnnops_cli.tensors.pipe import arrivals
from cnnops_cli.tensors.read import INPUT_ARGUMENT, read_json
from cnnops_cli.tensors.tensor import Tensor
from cnnops_cli.tensors.write import bytes_writer, json_writer

_PIECE = 1 << 16
"""What a pipe holds."""


def answer_lines(
    command: str,
    work: Callable[[dict[str, Tensor]], Outcome],
    settings: Settings,
    operands: dict[str, Tensor],
    reading: Reading,
) -> None:
    """Write one line of JSON for every line of standard input; each is a call of its own."""
    if sys.stdin is None:
        raise CnnopsError("standard input is closed; --lines reads it")
    gc.enable()  # a short call needs none, but this may run for days
    stdin, failed, number = sys.stdin.buffer, 0, 0
    watched = settings if _is_seen(sys.stdin, sys.stdout) else settings._replace(quiet=True)
    try:
        with progress_of(watched, command, "lines", _size(stdin)) as progress:
            for number, line in enumerate(_lines(stdin), 1):
                try:
                    outcome = work({"input": _parse(line, reading), **operands})
                    write = json_writer(outcome.output, settings.precision)
                except (CnnopsError, MemoryError) as error:
                    reason = f"line {number}: {reason_of(error)}"
                    if not settings.keep_going:
                        raise CnnopsError(reason) from None
                    failed += 1
                    write = bytes_writer(b"null\n")
                    if progress:
                        progress.clear()
                    report(f"cnnops {command}", reason)
                write_stdout(write)
                if progress:
                    progress.advance(weight=len(line) + 1)
    except BrokenPipeError:  # whoever read the answers does not need to know less of the failures
        if not failed:
            raise
    if failed:
        raise CnnopsError(
            f"{failed} of {number} line{'s' * (number != 1)} failed; null stands in their place"
        )


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield a line as soon as its end is there; an interrupt is heard between two pieces."""
    begun: list[bytes] = []
    try:
        for piece in arrivals(stream, _PIECE):
            first, *others = piece.split(b"\n")
            begun.append(first)
            for following in others:
                line = b"".join(begun)
                begun = [following]
                yield line
    except OSError as error:
        raise CnnopsError(f"standard input cannot be read: {error.strerror}") from error
    if any(begun):
        yield b"".join(begun)


def _parse(line: bytes, reading: Reading) -> Tensor:
    if NPY.begins(line):
        raise CnnopsError("standard input is .npy; --lines takes JSON, one tensor per line")
    if not line.strip():
        raise CnnopsError("INPUT is blank; expected a JSON tensor")
    try:
        return read_json(io.BytesIO(line), INPUT_ARGUMENT, reading)
    except CnnopsError as error:  # of JSON text, whose only line this is
        raise CnnopsError(str(error).replace(" at line 1, column", " at column")) from None


def _is_seen(stdin: TextIO, stdout: TextIO) -> bool:
    """Return whether a progress bar does not disturb: no lines on the terminal, no co-process."""
    is_file = any(_size_of(stream.fileno()) is not None for stream in (stdin, stdout))
    return is_file and not (stdin.isatty() or stdout.isatty())


def _size(stream: BinaryIO) -> int | None:
    """Return how many bytes are still to come, where that is known."""
    size = _size_of(stream.fileno())
    return None if size is None else size - stream.tell()


def _size_of(descriptor: int) -> int | None:
    """Return the size of a file; None of what is not one, or where the system does not say."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
