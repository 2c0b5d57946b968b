"""TIFF files byte by byte, from the specification (TIFF 6.0), without any library of pictures."""

import struct
import zlib

import numpy as np

REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
DEFLATE, PACKBITS, LZW = 8, 32773, 5
_CODES = {1: "BHIQ", 2: "bhiq", 3: "?efd"}


def tiff(
    values,
    *,
    bits=8,
    sample_format=None,
    photometric=1,
    extra=(),
    planar=1,
    order="<",
    fill_order=1,
    compression=1,
    rows_per_strip=None,
    tile=None,
    tags=None,
    before=b"",
    after=b"",
):
    """Write an (H, W, S) array of samples; `tags` replaces or, by None, leaves out what is written.

    `before` goes in front of the pixels, `after` behind all.
    """
    values = np.atleast_3d(np.asarray(values))
    height, width, samples = values.shape
    down, across = tile or (rows_per_strip or height, width)
    parts = []
    for planes in np.split(values, samples, 2) if planar == 2 else [values]:
        for top in range(0, height, down):
            for left in range(0, width, across):
                part = planes[top : top + down, left : left + across]
                if tile:
                    grown = (down - part.shape[0], across - part.shape[1])
                    part = np.pad(part, ((0, grown[0]), (0, grown[1]), (0, 0)))
                data = b"".join(packed(row, bits, sample_format or 1, order) for row in part)
                data = data.translate(REVERSED) if fill_order == 2 else data
                parts.append(compressed(data, compression))
    found = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * samples),
        259: ("H", [compression]),
        262: ("H", [photometric]),
        266: ("H", [fill_order]),
        277: ("H", [samples]),
        284: ("H", [planar]),
    }
    start = 8 + len(before)
    places = [start + sum(map(len, parts[:i])) for i in range(len(parts))]
    lengths = list(map(len, parts))
    if tile:
        found |= {322: ("I", [across]), 323: ("I", [down])}
        found |= {324: ("I", places), 325: ("I", lengths)}
    else:
        found |= {273: ("I", places), 278: ("I", [down]), 279: ("I", lengths)}
    if sample_format is not None:
        found[339] = ("H", [sample_format] * samples)
    if extra:
        found[338] = ("H", list(extra))
    found |= tags or {}
    entries = {tag: entry for tag, entry in found.items() if entry}
    return _with_directory(before + b"".join(parts), entries, order) + after


def _with_directory(body, entries, order):
    body += b"\0" * (len(body) % 2)
    directory = 8 + len(body)
    rows, far = [], b""
    far_start = directory + 2 + 12 * len(entries) + 4
    for tag, (kind, numbers) in sorted(entries.items()):
        data = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        row = struct.pack(f"{order}HHI", tag, {"B": 1, "H": 3, "I": 4}[kind], len(numbers))
        if len(data) > 4:
            rows.append(row + struct.pack(f"{order}I", far_start + len(far)))
            far += data + b"\0" * (len(data) % 2)
        else:
            rows.append(row + data.ljust(4, b"\0"))
    mark = b"II" if order == "<" else b"MM"
    start = mark + struct.pack(f"{order}HI", 42, directory)
    count = struct.pack(f"{order}H", len(rows))
    return start + body + count + b"".join(rows) + bytes(4) + far


def packed(row, bits, sample_format, order):
    """The bytes of one row: whole bytes in the file's order, others one bit after the other."""
    numbers = row.ravel().tolist()
    if bits % 8 == 0:
        code = _CODES[sample_format][(8, 16, 32, 64).index(bits)]
        return struct.pack(f"{order}{len(numbers)}{code}", *numbers)
    text = "".join(f"{number:0{bits}b}" for number in numbers)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def compressed(data, compression):
    if compression in (DEFLATE, 32946):
        return zlib.compress(data)
    if compression == PACKBITS:
        runs = [data[at : at + 128] for at in range(0, len(data), 128)]
        return b"".join(bytes([len(run) - 1]) + run for run in runs)
    if compression == LZW:  # codes of 9 bits: the table is cleared before they grow
        codes = []
        for at, byte in enumerate(data):
            codes += [256, byte] if at % 200 == 0 else [byte]
        text = "".join(f"{code:09b}" for code in [*codes, 257])
        text += "0" * (-len(text) % 8)
        return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    return data
