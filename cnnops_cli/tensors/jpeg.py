"""What the header of a JPEG says, and how many bytes its pixels take at least."""

import io
import struct
from typing import BinaryIO

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.pixels import Header

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers of what tells the size and the coding."""
_SIDE = 8
"""Rows and columns of a block."""
_ALONE, _SCAN, _END = {0x01, *range(0xD0, 0xD9)}, 0xDA, 0xD9
"""Markers without a length, that of the pixels, and that of the end."""
_BITS_OF_BLOCK = {0xC0: 2, 0xC1: 2, 0xC2: 1, 0xC3: 1}
"""At least, by the kind of frame, for every code of Huffman's has a bit: in sequential ones a block
has one code for its mean and one or more for the rest; in progressive ones, where a code may say
that 32767 blocks have no more, one for its mean; in lossless ones each sample has one. Arithmetic
coding, the other kinds, has no such bound."""


def check_jpeg(stream: BinaryIO, size: int, name: str) -> Header:
    """Refuse a JPEG of which Pillow would change a value, or shorter than any of its size is.

    References
    ----------
    ITU-T Recommendation T.81, sections A.1 (blocks), B.2 (markers), F.1.2 and G.1.2 (codes).
    """
    stream.seek(2)
    while (marker := _next_marker(stream)) not in (None, _SCAN, _END):
        if marker in _ALONE:
            continue
        rest = int.from_bytes(stream.read(2), "big") - 2
        if marker in _FRAMES:
            _check_frame(marker, stream.read(max(rest, 0)), size, name)
            break
        stream.seek(max(rest, 0), io.SEEK_CUR)
    return Header()


def _next_marker(stream: BinaryIO) -> int | None:
    """Read the next marker, before which there may be bytes of 255, and strays."""
    before = byte = stream.read(1)
    while byte and not (before == b"\xff" and byte not in (b"\xff", b"\0")):
        before, byte = byte, stream.read(1)
    return byte[0] if byte else None


def _check_frame(marker: int, frame: bytes, size: int, name: str) -> None:
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise CnnopsError(f"{name} is damaged: it ends within its header")
    depth, height, width, channels = struct.unpack_from(">BHHB", frame)
    if depth != 8:
        raise CnnopsError(f"{name} has {depth} bits per channel; accepted in a JPEG are 8")
    factors = [divmod(frame[7 + 3 * i], 16) for i in range(channels)]
    across = max((h for h, _ in factors), default=1) or 1
    down = max((v for _, v in factors), default=1) or 1
    blocks = sum(-(-width * h // across // _SIDE) * -(-height * v // down // _SIDE)
                 for h, v in factors)  # fmt: skip
    least = -(-blocks * _BITS_OF_BLOCK.get(marker, 0) // 8)
    if size < least:
        raise CnnopsError(
            f"{name} is damaged: its {width} x {height} pixels take at least {least} bytes, but "
            f"it has {size}"
        )
