"""The chunks of a PNG, checked before and after it is decoded."""

import zlib
from typing import BinaryIO

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.pixels import Header

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type."""
_GREY, _PALETTE, _COLOURED = 0, 3, (2, 6)
_DEPTHS = (1, 2, 4, 8, 16)
_PASSES = ((8, 0, 8, 0), (8, 4, 8, 0), (4, 0, 8, 4), (4, 2, 4, 0), (2, 0, 4, 2), (2, 1, 2, 0),
           (1, 0, 2, 1))  # fmt: skip
"""Of an interlaced picture: the step and start along rows, then along columns."""
_MOST_PER_BYTE = 1032
"""Deflate may store 258 bytes in two bits: a length code of one bit and a distance code of one."""
_TEXTS, _TURNING = (b"tEXt", b"zTXt", b"iTXt"), (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
"""Chunks of text, and how their text begins if it may hold an orientation."""
_LONGEST_WORD, _PIECE = 32, 1 << 20

_Place = tuple[int, int]
"""Where a chunk's data are, and how long."""


def check_png(stream: BinaryIO, size: int) -> Header:
    """Refuse a PNG if Pillow would change a value, or if it has too little data for its size.

    References
    ----------
    Portable Network Graphics (PNG) Specification, Third Edition, W3C 2025.
    """
    stream.seek(16)
    head = stream.read(13)
    if len(head) < 13 or head[8] not in _DEPTHS or head[9] not in _CHANNELS:
        raise CnnopsError("is damaged: it has no PNG header")
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    depth, colour, is_interlaced = head[8], head[9], bool(head[12])
    before, data, is_told = _read_chunks(stream, size)
    if depth == 16 and (colour != _GREY or b"tRNS" in before):
        kept = "in colour" if colour in _COLOURED else "with alpha"
        raise CnnopsError(
            f"has 16 bits per channel, of which Pillow keeps 8 {kept}; accepted are 8, grey of 16, "
            "or a .npy file"
        )
    if colour == _PALETTE and b"PLTE" not in before:
        raise CnnopsError("is damaged: it has no palette")
    due = _bytes_of_rows(width, height, depth * _CHANNELS[colour], is_interlaced)
    stored = sum(length for _, length in data)
    least = -(-due // _MOST_PER_BYTE)
    if stored < least:
        raise CnnopsError(
            f"is damaged: its {width} x {height} pixels take at least {least} bytes, "
            f"but it has {stored}"
        )
    transparent = colours = None
    if colour == _GREY and b"tRNS" in before:
        most = 2**depth - 1
        stream.seek(before[b"tRNS"][0])
        transparent = (int.from_bytes(stream.read(2), "big") & most) * 255 // most
    if colour == _PALETTE:
        colours = before[b"PLTE"][1] // 3
    return Header(None, colours, data, due, is_interlaced, transparent, is_told)


def _read_chunks(stream: BinaryIO, size: int) -> tuple[dict[bytes, _Place], list[_Place], bool]:
    """Return the places of chunks before the pixels, of the pixels, and whether no turn follows."""
    before: dict[bytes, _Place] = {}
    data: list[_Place] = []
    is_told, kind = True, b""
    stream.seek(8)
    while kind != b"IEND" and len(start := stream.read(8)) == 8:
        length, kind = int.from_bytes(start[:4], "big"), start[4:]
        place = stream.tell()
        if kind == b"IHDR" and kind in before:
            raise CnnopsError("is damaged: it has two headers")
        if kind == b"IDAT":
            data.append((place, min(length, size - place)))
        elif not data:
            before[kind] = place, length
        else:
            is_turning = kind in _TEXTS and stream.read(_LONGEST_WORD).startswith(_TURNING)
            is_told = is_told and kind != b"eXIf" and not is_turning
        stream.seek(place + length + 4)
    return before, data, is_told


def _bytes_of_rows(width: int, height: int, bits: int, is_interlaced: bool) -> int:
    """Return the number of bytes in the rows, each of which has one for its filter."""
    total = 0
    for step, start, down, top in _PASSES if is_interlaced else ((1, 0, 1, 0),):
        columns, rows = -(-(width - start) // step), -(-(height - top) // down)
        if columns > 0:
            total += max(rows, 0) * (1 + -(-columns * bits // 8))
    return total


def check_inflated(stream: BinaryIO, header: Header) -> None:
    """Refuse a PNG whose data end before its last row without an error."""
    inflate, total = zlib.decompressobj(), 0
    for place, length in header.data or ():
        stream.seek(place)
        piece = stream.read(length)
        while piece and not inflate.eof:
            total += len(inflate.decompress(piece, _PIECE))
            piece = inflate.unconsumed_tail
    if total < header.due:
        raise CnnopsError(f"is damaged: its pixels take {header.due} bytes, but it holds {total}")
