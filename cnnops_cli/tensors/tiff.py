"""The directory of a TIFF, and which TIFF files Pillow reads exactly."""

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors.pixels import Header

_TAGS = (
    _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIP_OFFSETS, _SAMPLES,
    _ROWS_PER_STRIP, _STRIP_COUNTS, _PLANAR, _PREDICTOR, _COLOR_MAP, _TILE_WIDTH, _TILE_LENGTH,
    _TILE_OFFSETS, _TILE_COUNTS, _EXTRA_SAMPLES, _SAMPLE_FORMAT,
) = (
    256, 257, 258, 259, 262, 266, 273, 277,
    278, 279, 284, 317, 320, 322, 323,
    324, 325, 338, 339,
)  # fmt: skip
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""The types of these tags, and their codes in `struct`."""

_WHITE, _BLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_COLOURS = {
    _WHITE: "inverted grey", _BLACK: "grey", _RGB: "RGB", _PALETTE: "a palette",
    4: "a transparency mask", 5: "CMYK", _YCBCR: "YCbCr", 8: "CIELab", 9: "ICCLab", 10: "ITULab",
    32803: "a colour filter array", 32844: "LogL", 32845: "LogLuv", 34892: "linear raw",
}  # fmt: skip
TO_RGB = "which have to be converted to RGB first, as with ImageMagick's -colorspace sRGB"
_UNSIGNED, _SIGNED, _FLOATING, _ALPHA = 1, 2, 3, (2,)
_FORMATS = {
    _UNSIGNED: "unsigned integers", _SIGNED: "signed integers", _FLOATING: "floating point",
    4: "undefined", 5: "complex integers", 6: "complex numbers",
}  # fmt: skip

_READ: dict[tuple[int, int, tuple[int, ...], tuple[int, ...]], str] = {
    **{(colour, _UNSIGNED, (bits,), ()): "uint8"
       for colour in (_WHITE, _BLACK, _PALETTE) for bits in (1, 2, 4, 8)},
    (_BLACK, _UNSIGNED, (12,), ()): "uint16",
    (_BLACK, _UNSIGNED, (16,), ()): "uint16",
    (_BLACK, _UNSIGNED, (32,), ()): "uint32",
    **{(_BLACK, _SIGNED, (bits,), ()): f"int{bits}" for bits in (8, 16, 32)},
    (_BLACK, _FLOATING, (32,), ()): "float32",
    (_BLACK, _UNSIGNED, (8, 8), _ALPHA): "uint8",
    (_PALETTE, _UNSIGNED, (8, 8), _ALPHA): "uint8",
    (_RGB, _UNSIGNED, (8, 8, 8), ()): "uint8",
    (_YCBCR, _UNSIGNED, (8, 8, 8), ()): "uint8",
    (_RGB, _UNSIGNED, (8, 8, 8, 8), ()): "uint8",
    (_RGB, _UNSIGNED, (8, 8, 8, 8), _ALPHA): "uint8",
}  # fmt: skip
"""By colours, sample format, bits and extra samples that are read: the dtype of the result."""
_ACCEPTED = (
    "accepted are 8-bit RGB, palettes, and grey of 1, 2, 4, 8, 12, 16 or 32 bits (SampleFormat 1 "
    "to 3, from black), with one unassociated alpha channel or none; or a .npy file"
)

_NONE, _FAX, _LZW, _JPEG, _PACKBITS = 1, (2, 3, 4), 5, 7, 32773
_DEFLATE, _LZMA, _ZSTD = (8, 32946), 34925, 50000
_PREDICTED = (_LZW, *_DEFLATE, _LZMA, _ZSTD)
_COMPRESSIONS = (_NONE, *_FAX, *_PREDICTED, _JPEG, _PACKBITS)
_MOST_PER_BYTE = {
    **dict.fromkeys(_DEFLATE, 1032),  # 258 bytes, of a code of one bit and a distance of one
    _PACKBITS: 64,  # 128 bytes, of two
    _LZW: 2731,  # at most 4096 bytes, of a code of 12 bits, which shorter codes do not reach
    _ZSTD: 32768,  # a block of 128 KiB, of four bytes
    _LZMA: 8192,  # 273 bytes, of 14 choices of 0.022 bits
}
"""The most bytes that one compressed byte may expand to."""
_BLOCK = 64
"""Samples of a JPEG that are stored together, in at least one bit."""


class _Directory(NamedTuple):
    order: str
    start: int
    end: int
    numbers: dict[int, tuple[int, ...]]

    def one(self, tag: int, otherwise: int | None = None) -> int:
        """Return the value of a tag that has one."""
        numbers = self.numbers.get(tag, () if otherwise is None else (otherwise,))
        if len(numbers) != 1:
            raise CnnopsError(f"is damaged: tag {tag} has {len(numbers)} values instead of one")
        return numbers[0]

    def of_samples(self, tag: int, samples: int) -> tuple[int, ...]:
        """Return the values of a tag, one per sample of a pixel."""
        numbers = self.numbers.get(tag, (1,))
        if len(numbers) not in (1, samples):
            count = len(numbers)
            raise CnnopsError(f"is damaged: tag {tag} has {count} values for {samples} samples")
        return numbers if len(numbers) == samples else numbers * samples


def check_tiff(stream: BinaryIO, size: int) -> Header:
    """Refuse a TIFF if Pillow would change a value, or if it has less data than it says.

    References
    ----------
    TIFF Revision 6.0, Adobe 1992; libtiff 4.7 for BigTIFF and what came later.
    """
    try:
        directory = _read_directory(stream, size)
    except struct.error:
        raise CnnopsError("is damaged: it ends within its directory") from None
    samples = directory.one(_SAMPLES, 1)
    if not 1 <= samples <= 0xFFFF:
        raise CnnopsError(f"is damaged: a pixel has {samples} samples")
    bits = directory.of_samples(_BITS, samples)
    formats = set(directory.of_samples(_SAMPLE_FORMAT, samples))
    extra = directory.numbers.get(_EXTRA_SAMPLES, ())
    for reason in _refusals(directory, formats, bits, extra):
        raise CnnopsError(f"is not read: {reason}; {_ACCEPTED}")
    _check_data(directory, size, bits)
    return Header(_READ[directory.one(_PHOTOMETRIC), formats.pop(), bits, extra])


def _read_directory(stream: BinaryIO, size: int) -> _Directory:
    """Read the integers of the first directory."""
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    (version,) = struct.unpack_from(f"{order}H", head, 2)
    is_big = version == 43
    place = f"{order}Q" if is_big else f"{order}I"
    many = struct.Struct(f"{order}Q" if is_big else f"{order}H")
    entry = struct.Struct(f"{order}HHQ8s" if is_big else f"{order}HHI4s")
    (start,) = struct.unpack_from(place, head, 8 if is_big else 4)
    stream.seek(min(start, size))
    (count,) = many.unpack(stream.read(many.size))
    rows = stream.read(min(count * entry.size, size))
    end = start + many.size + count * entry.size
    if len(rows) < count * entry.size:
        raise struct.error
    numbers: dict[int, tuple[int, ...]] = {}
    for tag, kind, length, field in entry.iter_unpack(rows):
        if tag not in _TAGS:
            continue
        code = _INTEGERS.get(kind)
        if code is None or tag in numbers:
            raise CnnopsError(f"is damaged: tag {tag} is not an integer, or is there twice")
        taken = length * struct.calcsize(f"{order}{code}")
        if taken > len(field):
            stream.seek(min(struct.unpack(place, field)[0], size))
            field = stream.read(min(taken, size))
        numbers[tag] = struct.unpack_from(f"{order}{min(length, size)}{code}", field)
    return _Directory(order, start, end, numbers)


def _refusals(
    directory: _Directory, formats: set[int], bits: tuple[int, ...], extra: tuple[int, ...]
) -> Iterator[str]:
    """Yield what is stored in a way that is not read exactly."""
    if _PHOTOMETRIC not in directory.numbers:
        yield "it does not say what its numbers mean (no PhotometricInterpretation)"
    colour = directory.one(_PHOTOMETRIC)
    compression, fill_order = directory.one(_COMPRESSION, _NONE), directory.one(_FILL_ORDER, 1)
    planar, predictor = directory.one(_PLANAR, 1), directory.one(_PREDICTOR, 1)
    if compression not in _COMPRESSIONS:
        yield f"its Compression is {compression}"
    if colour not in {key[0] for key in _READ} or (colour == _YCBCR and compression != _JPEG):
        kind = _COLOURS.get(colour, f"unknown (PhotometricInterpretation {colour})")
        yield f"its colours are {kind}, {TO_RGB}"
    if 1 in extra:
        yield "its colours are multiplied by alpha (ExtraSamples 1), which division does not undo"
    if extra not in ((), _ALPHA):
        yield f"it has channels besides colour and alpha (ExtraSamples {_listed(extra)})"
    if len(formats) > 1 or (colour, *formats, bits, extra) not in _READ:
        stored = " and ".join(_FORMATS.get(number, f"unknown ({number})") for number in formats)
        yield (
            f"a pixel is {_COLOURS[colour]} in {len(bits)} sample{'s' * (len(bits) > 1)} of "
            f"{_listed(sorted(set(bits)))} bits, {stored}"
        )
    is_bilevel = bits == (1,) and colour in (_WHITE, _BLACK)
    is_plain = bits in ((8,), (8, 8, 8)) and formats == {_UNSIGNED}
    if compression in _FAX and not is_bilevel:
        yield "it has fax compression, but is not black and white"
    if compression == _JPEG and not (is_plain and planar == 1 and colour in (_BLACK, _RGB, _YCBCR)):
        yield "it has JPEG compression, but is not interleaved 8-bit grey or colour"
    if fill_order != 1 and not (is_bilevel and compression in (_NONE, *_FAX)):
        yield f"its FillOrder is {fill_order}, which is read for 1 bit only"
    if planar != 1 and not (planar == 2 and colour == _RGB and len(bits) == 3 + len(extra)):
        yield f"its PlanarConfiguration is {planar}, which is read for RGB only"
    if predictor != 1 and compression not in _PREDICTED:
        yield f"its Predictor is {predictor}, which Compression {compression} does not have"
    if directory.order == ">" and formats == {_UNSIGNED} and bits[0] in (12, 32):
        yield f"it is big-endian, in which unsigned samples of {bits[0]} bits are not read"
    if directory.order == ">" and formats != {_UNSIGNED} and bits[0] > 8 and compression != _NONE:
        yield "it is big-endian and compressed, and Pillow would swap its bytes"
    if colour == _PALETTE and not _has_palette_of_bytes(directory, bits[0]):
        yield "its palette has colours of more than 8 bits, and Pillow keeps only 8"


def _listed(numbers: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, numbers))


def _has_palette_of_bytes(directory: _Directory, bits: int) -> bool:
    """Return whether 8 of the 16 bits of each colour hold all of it."""
    colours = directory.numbers.get(_COLOR_MAP, ())
    count, due = len(colours), 3 << bits
    if count != due:
        raise CnnopsError(f"is damaged: its palette has {count} numbers instead of {due}")
    return all(colour & 0xFF in (0, colour >> 8) for colour in colours)


def _check_data(directory: _Directory, size: int, bits: tuple[int, ...]) -> None:
    """Check that every strip or tile has the bytes of its pixels, all in the file."""
    numbers = directory.numbers
    width, height = directory.one(_WIDTH), directory.one(_LENGTH)
    part, offset_tag, count_tag = "strip", _STRIP_OFFSETS, _STRIP_COUNTS
    across, down = width, min(directory.one(_ROWS_PER_STRIP, height), height)
    if _TILE_OFFSETS in numbers:
        part, offset_tag, count_tag = "tile", _TILE_OFFSETS, _TILE_COUNTS
        across, down = directory.one(_TILE_WIDTH), directory.one(_TILE_LENGTH)
    offsets, counts = numbers.get(offset_tag, ()), numbers.get(count_tag, ())
    if not (width and height and across and down):
        raise CnnopsError(f"is damaged: it has no pixels, or none in a {part}")
    planes = len(bits) if directory.one(_PLANAR, 1) == 2 else 1
    rows, columns = -(-height // down), -(-width // across)
    if part == "tile" and across * sum(bits) // planes % 8:
        raise CnnopsError(f"is damaged: its tiles are {across} wide, not a multiple of 16")
    parts = rows * columns * planes
    if not parts == len(offsets) == len(counts):
        raise CnnopsError(
            f"is damaged: its pixels are in {parts} {part}{'s' * (parts != 1)}, but tags "
            f"{offset_tag} and {count_tag} have {len(offsets)} and {len(counts)} values"
        )
    line = -(-across * sum(bits) // planes // 8)
    last = down if part == "tile" else (height - 1) % down + 1
    compression = directory.one(_COMPRESSION, _NONE)
    most = _most_per_byte(compression, bits, width)
    for i, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
        due = line * (last if i // columns % rows == rows - 1 else down)
        least = -(-due // most)
        if count < least or (compression == _NONE and count not in (due, line * down)):
            taken = f"{'at least ' * (compression != _NONE)}{least}"
            raise CnnopsError(
                f"is damaged: {part} {i} has {count} bytes, but its pixels take {taken}"
            )
        end = offset + count
        if end > size:
            raise CnnopsError(f"is damaged: {part} {i} ends at byte {end}, but the file has {size}")
    places = {(offset, offset + count) for offset, count in zip(offsets, counts, strict=True)}
    places |= {(0, 8), (directory.start, directory.end)}
    if any(end > start for (_, end), (start, _) in pairwise(sorted(places))):
        raise CnnopsError(f"is damaged: its {part}s overlap each other or its directory")


def _most_per_byte(compression: int, bits: tuple[int, ...], width: int) -> int:
    if compression in _FAX:  # a line takes at least one bit
        return 8 * -(-width // 8)
    if compression == _JPEG:
        return 8 * _BLOCK * len(bits)
    return _MOST_PER_BYTE.get(compression, 1)
