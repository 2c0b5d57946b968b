"""The header of a BMP, and which BMP files Pillow reads exactly."""

import struct
from typing import BinaryIO

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.pixels import Header

_FILE_HEADER, _OLD_HEADER = 14, 12
_PLAIN, _BIT_FIELDS = 0, 3
_MASKS = 54
"""Where the bit fields are, whatever the length of the header."""


def check_bmp(stream: BinaryIO, size: int) -> Header:
    """Refuse a BMP if Pillow would change a value, or if it is shorter than its header says."""
    stream.seek(0)
    fields = stream.read(_MASKS + 12)
    try:
        offset, header = struct.unpack_from("<II", fields, 10)
        if header == _OLD_HEADER:
            width, height, _, bits = struct.unpack_from("<HHHH", fields, 18)
            coding = stored = colours = 0
        else:
            width, height, _, bits, coding, stored = struct.unpack_from("<IiHHII", fields, 18)
            (colours,) = struct.unpack_from("<I", fields, 46)
    except struct.error:
        raise CnnopsError("is damaged: it ends within its header") from None
    if bits == 16:
        raise CnnopsError(
            "has 5 or 6 bits per channel, which do not spread over 0 to 255 evenly; accepted in a "
            "BMP are 8, or a palette"
        )
    if coding == _BIT_FIELDS and not any(fields[_MASKS:]):
        raise CnnopsError("is damaged: its channels have no bits")
    if coding in (_PLAIN, _BIT_FIELDS):
        due = abs(height) * ((width * bits + 31) // 32 * 4)
        held = max(size - max(offset, _FILE_HEADER + header), 0)
        if 0 < stored < abs(height) * (width * bits // 8):  # the ends of rows may be left out
            held = min(held, stored)
        if held < due:
            raise CnnopsError(f"is damaged: its pixels take {due} bytes, but it has {held}")
    if bits > 8:
        return Header()
    colours = colours or 1 << bits
    if colours > 1 << bits:
        raise CnnopsError(f"is damaged: its palette has {colours} colours for {bits} bits")
    stream.seek(_FILE_HEADER + header)
    palette = stream.read(colours * (3 if header == _OLD_HEADER else 4))
    if coding == _PLAIN and bits != _bits_as_grey(palette, colours, bits):
        raise CnnopsError(
            f"has a palette of greys for {bits} bits, which Pillow takes for another number "
            "of bits; accepted are other formats, such as .png"
        )
    return Header(colours=colours)


def _bits_as_grey(palette: bytes, colours: int, bits: int) -> int:
    """Return the bits per pixel that Pillow reads: it ignores a palette that is grey."""
    entry = len(palette) // colours
    levels = (0, 255) if colours == 2 else range(colours)
    found = (palette[at : at + 3] for at in range(0, len(palette), max(entry, 1)))
    is_grey = all(
        colour == bytes([level]) * 3 for colour, level in zip(found, levels, strict=False)
    )
    return (1 if colours <= 2 else 8) if is_grey else bits
