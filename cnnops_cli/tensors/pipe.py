"""Streams that are read once, as their bytes arrive: pipes, terminals and standard input."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 1 << 20


class _PatientStream(io.RawIOBase):
    """Waits for a non-blocking stream that has nothing yet.

    The stream is left non-blocking, since other processes may share it.
    """

    def __init__(self, stream: io.BufferedReader, fewest: int) -> None:
        self._stream = stream
        self._fewest = fewest
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view, filled = memoryview(buffer), 0
        # A terminal reports its end only once.
        while not self._ended and filled < min(self._fewest, len(view)):
            count = cast("int | None", self._stream.readinto1(view[filled:]))
            if count is None:
                from select import select

                select([self._stream], [], [])
                continue
            self._ended = count == 0
            filled += count
        return filled


def patient(stream: BinaryIO, fewest: int = 1) -> io.BufferedReader:
    """Return a stream, which may be non-blocking, as one that blocks.

    It waits for at least the fewest bytes, unless the end comes first, so that they can be peeked.
    """
    return io.BufferedReader(_PatientStream(cast(io.BufferedReader, stream), fewest))


def pieces(stream: BinaryIO, most: int = _PIECE) -> Iterator[bytes]:
    """Yield what there is, piece by piece, so that an interrupt is handled in between."""
    while piece := stream.read1(most):  # type: ignore[attr-defined]
        yield piece


def arrivals(stream: BinaryIO, most: int) -> Iterator[bytes]:
    """Yield what arrives as soon as it does, whether the stream blocks or not."""
    return pieces(patient(stream), most)


def read_whole(stream: BinaryIO) -> tuple[BinaryIO, int]:
    """Read a stream to its end; return it as one that is seekable, and its size."""
    whole = io.BytesIO()
    for piece in pieces(stream):
        whole.write(piece)
    whole.seek(0)
    # getvalue cuts the buffer to size, so that reading all of it needs no copy.
    return whole, len(whole.getvalue())
