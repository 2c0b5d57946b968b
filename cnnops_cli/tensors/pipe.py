"""Streams that are read once, as their bytes arrive: pipes, terminals and standard input."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 1 << 20


class _PatientStream(io.RawIOBase):
    """Waits where the stream it reads from would say that there is nothing yet.

    That a stream does not block is known to every process that shares it, and left as it is.
    """

    def __init__(self, stream: io.BufferedReader, fewest: int) -> None:
        self._stream = stream
        self._fewest = fewest
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view, filled = memoryview(buffer), 0
        # A terminal says only once that its end is reached.
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
    """Read a stream that may not block as one that does.

    It waits for the fewest bytes, unless the end comes first: as many can be peeked at.
    """
    return io.BufferedReader(_PatientStream(cast(io.BufferedReader, stream), fewest))


def pieces(stream: BinaryIO, most: int = _PIECE) -> Iterator[bytes]:
    """Yield what is there, again and again, so that an interrupt is heard in between."""
    while piece := stream.read1(most):  # type: ignore[attr-defined]
        yield piece


def arrivals(stream: BinaryIO, most: int) -> Iterator[bytes]:
    """Yield what is there as soon as it is, whether the stream blocks or not."""
    return pieces(patient(stream), most)


def read_whole(stream: BinaryIO) -> tuple[BinaryIO, int]:
    """Read a stream to its end, and return what can be read from any place, and its size."""
    whole = io.BytesIO()
    for piece in pieces(stream):
        whole.write(piece)
    whole.seek(0)
    # Its buffer is cut to size here, so that reading all of it needs no copy.
    return whole, len(whole.getvalue())
