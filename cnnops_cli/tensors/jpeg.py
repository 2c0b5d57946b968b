"""The header of a JPEG, and the fewest bytes that its pixels take."""

import io
import struct
from typing import BinaryIO

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.pixels import Header

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers of frames, which have the size and the coding."""
_SIDE = 8
"""The number of rows and of columns in a block."""
_ALONE, _SCAN, _END = {0x01, *range(0xD0, 0xD9)}, 0xDA, 0xD9
"""Markers: those without a length, of the pixels, and of the end."""
_BITS_OF_BLOCK = {0xC0: 2, 0xC1: 2, 0xC2: 1, 0xC3: 1}
"""The fewest, by the kind of frame. A Huffman code has at least one bit: sequential blocks have one
for the mean and at least one for the rest; progressive blocks have one for the mean, and may share
the others; lossless blocks have one per sample. Arithmetic coding, the other kinds, has no such
bound."""


def check_jpeg(stream: BinaryIO, size: int) -> Header:
    """Refuse a JPEG if Pillow would change a value, or if it is shorter than any of its size.

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
            _check_frame(marker, stream.read(max(rest, 0)), size)
            break
        stream.seek(max(rest, 0), io.SEEK_CUR)
    return Header()


def _next_marker(stream: BinaryIO) -> int | None:
    """Read the next marker, which may follow bytes of 255 and stray bytes."""
    before = byte = stream.read(1)
    while byte and not (before == b"\xff" and byte not in (b"\xff", b"\0")):
        before, byte = byte, stream.read(1)
    return byte[0] if byte else None


def _check_frame(marker: int, frame: bytes, size: int) -> None:
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise CnnopsError("is damaged: it ends within its header")
    depth, height, width, channels = struct.unpack_from(">BHHB", frame)
    if depth != 8:
        raise CnnopsError(f"has {depth} bits per channel; accepted in a JPEG are 8")
    factors = [divmod(frame[7 + 3 * i], 16) for i in range(channels)]
    across = max((h for h, _ in factors), default=1) or 1
    down = max((v for _, v in factors), default=1) or 1
    blocks = sum(-(-width * h // across // _SIDE) * -(-height * v // down // _SIDE)
                 for h, v in factors)  # fmt: skip
    least = -(-blocks * _BITS_OF_BLOCK.get(marker, 0) // 8)
    if size < least:
        pixels = f"{width} x {height} pixels"
        raise CnnopsError(
            f"is damaged: its {pixels} take at least {least} bytes, but it has {size}"
        )
