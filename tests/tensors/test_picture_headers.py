"""What PNG, JPEG, BMP and WebP headers say: values that Pillow would change, and sizes that lie."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import pictures
from cnnops_cli.tensors.formats import Reading


def read(data, header=False):
    return pictures.read(io.BytesIO(data), None, "x", Reading(headers=header))


def refusal(data, readings=(False, True)):
    texts = set()
    for header in readings:
        with pytest.raises(CnnopsError, match=r"^x .+") as raised:
            read(data, header)
        texts.add(str(raised.value))
    (text,) = texts
    return text


def same(data, expected, dtype=np.uint8):
    got, expected = read(data), np.array(expected, dtype)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    told = read(data, header=True)
    assert (told.shape, told.dtype) == (got.shape, got.dtype)


def png(width, height, depth, colour, rows, *chunks, interlaced=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    found = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in found
    )


@pytest.mark.parametrize(
    ("depth", "row", "values"),
    [(1, b"\x50", [0, 1, 0, 1]), (2, b"\x1b", [0, 1, 2, 3]), (4, b"\x05\xaf", [0, 5, 10, 15])],
)
def test_shallow_grey_is_spread_and_its_transparent_value_with_it(depth, row, values):
    grey = np.array(values) * (255 // (2**depth - 1))
    same(png(4, 1, depth, 0, b"\0" + row), [[grey]])
    for value in values:
        transparent = (b"tRNS", struct.pack(">H", value))
        alpha = np.where(np.array(values) == value, 0, 255)
        same(png(4, 1, depth, 0, b"\0" + row, transparent), [[grey], [alpha]])


@pytest.mark.parametrize(
    ("depth", "row"), [(1, b"\x50"), (2, b"\x11"), (4, b"\x01\x01"), (8, b"\0\1\0\1")]
)
def test_palettes_of_a_png_are_colours(depth, row):
    colours = (b"PLTE", bytes([1, 2, 3, 4, 5, 6]))
    expected = [[[1, 4, 1, 4]], [[2, 5, 2, 5]], [[3, 6, 3, 6]]]
    same(png(4, 1, depth, 3, b"\0" + row, colours), expected)
    half = (b"tRNS", b"\x80")
    same(png(4, 1, depth, 3, b"\0" + row, colours, half), [*expected, [[128, 255, 128, 255]]])


def test_a_pixel_without_a_colour_in_the_palette_is_damage():
    data = png(3, 1, 8, 3, b"\0\0\1\2", (b"PLTE", bytes(6)))
    assert refusal(data, [False]) == (
        "x is damaged: a pixel has colour 2, but the last of its palette is 1"
    )
    assert read(png(3, 1, 8, 3, b"\0\0\1\1", (b"PLTE", bytes(6)))).shape == (3, 1, 3)
    assert refusal(png(3, 1, 8, 3, b"\0\0\1\2")) == "x is damaged: it has no palette"


@pytest.mark.parametrize(
    ("colour", "channels", "kept"), [(2, 3, "in colour"), (4, 2, "with alpha"), (6, 4, "in colour")]
)
def test_16_bits_of_several_channels_are_refused(colour, channels, kept):
    assert refusal(png(1, 1, 16, colour, bytes(1 + 2 * channels))) == (
        f"x has 16 bits per channel, of which Pillow keeps 8 {kept}; accepted are 8, grey of 16, "
        "or a .npy file"
    )


def test_16_bits_of_grey_have_no_transparent_value():
    same(png(1, 1, 16, 0, b"\0\1\2"), [[[258]]], np.uint16)
    data = png(1, 1, 16, 0, b"\0\1\2", (b"tRNS", b"\1\2"))
    assert refusal(data).startswith("x has 16 bits per channel, of which Pillow keeps 8 with alpha")


def test_a_png_is_at_most_what_deflate_makes_of_its_bytes():
    rows = bytes(1000 * 1001)
    data = png(1000, 1000, 8, 0, rows)
    assert not read(data).any()
    stored = len(zlib.compress(rows))
    side = int((stored * 1032) ** 0.5)
    assert read(png(side, side, 8, 0, rows), header=True).shape == (1, side, side)
    assert refusal(png(side, side, 8, 0, rows), [False]).startswith("x is damaged: ")
    taller = png(side + 1, side + 1, 8, 0, rows)
    least = -(-(side + 1) * (side + 2) // 1032)
    assert refusal(taller) == (
        f"x is damaged: its {side + 1} x {side + 1} pixels take at least {least} bytes, but it has "
        f"{stored}"
    )


@pytest.mark.parametrize("interlaced", [0, 1])
def test_a_png_whose_data_end_before_its_last_row(interlaced):
    rows = list(adam7(8, 7)) if interlaced else [b"\0" + b"\7" * 8] * 8
    whole = b"".join(rows)
    same(png(8, 8, 8, 0, whole, interlaced=interlaced), np.full((1, 8, 8), 7))
    same(png(8, 8, 8, 0, bytes(len(whole)), interlaced=interlaced), np.zeros((1, 8, 8)))
    for count in range(len(rows)):
        short = png(8, 8, 8, 0, b"".join(rows[:count]), interlaced=interlaced)
        assert refusal(short, [False]).startswith("x is damaged: ")
    half = png(8, 8, 8, 0, b"".join(rows[:4]))
    if not interlaced:
        assert refusal(half, [False]) == "x is damaged: its pixels take 72 bytes, but it holds 36"


def adam7(side, value):
    """The rows of a plane of one value, pass by pass, as the specification has them."""
    for top, left, down, across in (
        (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):  # fmt: skip
        for _ in range(top, side, down):
            yield b"\0" + bytes([value]) * len(range(left, side, across))


def test_two_headers_are_damage():
    header = (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 0, 0, 0, 0))
    assert refusal(png(1, 1, 8, 0, b"\0\1\1", header)) == "x is damaged: it has two headers"


def jpeg(width, height, marker=0xC0, depth=8, factors=(0x11,), size=631):
    """The header of a JPEG, and as many bytes as make `size`."""
    frame = struct.pack(">BHHB", depth, height, width, len(factors))
    frame += b"".join(bytes([i + 1, factor, 0]) for i, factor in enumerate(factors))
    head = (
        b"\xff\xd8\xff\xfe\0\4hi" + bytes([255, marker]) + struct.pack(">H", len(frame) + 2) + frame
    )
    head += b"\xff\xda" + struct.pack(">HB", 6 + 2 * len(factors), len(factors))
    head += b"".join(bytes([i + 1, 0]) for i in range(len(factors))) + b"\0\x3f\0"
    return head + bytes(size - len(head))


@pytest.mark.parametrize(
    ("marker", "factors", "bits"),
    [
        (0xC0, (0x11,), 2 * 125 * 125),
        (0xC1, (0x11,), 2 * 125 * 125),
        (0xC2, (0x11,), 125 * 125),
        (0xC0, (0x22, 0x11, 0x11), 2 * (125 * 125 + 2 * 63 * 63)),
        (0xC2, (0x21, 0x11, 0x11), 125 * 125 + 2 * 63 * 125),
        (0xC0, (0x41, 0x11, 0x11), 2 * (125 * 125 + 2 * 32 * 125)),
    ],
)
def test_a_jpeg_has_a_bit_for_each_code(marker, factors, bits):
    least = -(-bits // 8)
    told = read(jpeg(1000, 1000, marker, factors=factors, size=least), header=True)
    assert told.shape == (len(factors), 1000, 1000)
    assert refusal(jpeg(1000, 1000, marker, factors=factors, size=least - 1)) == (
        f"x is damaged: its 1000 x 1000 pixels take at least {least} bytes, but it has {least - 1}"
    )


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_the_smallest_jpegs_are_above_the_bound(progressive, subsampling):
    for size in ((1, 1), (7, 9), (257, 1031), (2000, 2000)):
        for mode in ("L", "RGB"):
            stream = io.BytesIO()
            options = {"subsampling": subsampling, "progressive": progressive, "optimize": True}
            Image.new(mode, size).save(stream, "JPEG", quality=1, **options)
            assert read(stream.getvalue()).shape == (len(mode), *size[::-1])


def test_the_631_bytes_that_declared_169_million_pixels(monkeypatch):
    monkeypatch.setenv("CNNOPS_MAX_PIXELS", "200000000")
    assert refusal(jpeg(13_000, 13_000)).endswith("take at least 660157 bytes, but it has 631")


def test_a_jpeg_of_12_bits_is_refused():
    reason = "x has 12 bits per channel; accepted in a JPEG are 8"
    assert refusal(jpeg(8, 8, 0xC1, depth=12)) == reason


def bmp(
    bits,
    rows,
    *,
    width=4,
    height=1,
    palette=b"",
    coding=0,
    colours=0,
    stored=0,
    masks=b"",
    header=40,
):
    fields = struct.pack(
        "<IiiHHIIiiII", header, width, height, 1, bits, coding, stored, 0, 0, colours, 0
    )
    start = 14 + len(fields) + len(masks) + len(palette)
    size = start + len(rows)
    return b"BM" + struct.pack("<IHHI", size, 0, 0, start) + fields + masks + palette + rows


BLACK_AND_WHITE = b"\0\0\0\0\xff\xff\xff\0"


def greys(count):
    return b"".join(bytes([grey] * 3 + [0]) for grey in range(count))


def test_palettes_of_a_bmp():
    same(bmp(1, b"\x50\0\0\0", palette=BLACK_AND_WHITE), [[[0, 255, 0, 255]]])
    same(bmp(8, b"\0\3\2\1", palette=greys(256)), [[[0, 3, 2, 1]]])
    same(bmp(8, b"\4\3\0\1", palette=greys(256), coding=1, stored=4), [[[3, 3, 3, 3]]])
    colours = bytes([3, 2, 1, 0, 6, 5, 4, 0])
    expected = [[[1, 4, 1, 4]], [[2, 5, 2, 5]], [[3, 6, 3, 6]]]
    same(bmp(1, b"\x50\0\0\0", palette=colours), expected)
    same(bmp(4, b"\1\1\0\0", palette=colours, colours=2), expected)
    same(bmp(8, b"\0\1\0\1", palette=colours, colours=2), expected)
    reversed_bits = bmp(1, b"\x50\0\0\0", palette=BLACK_AND_WHITE[4:] + BLACK_AND_WHITE[:4])
    same(reversed_bits, [[[255, 0, 255, 0]]] * 3)


@pytest.mark.parametrize(
    ("bits", "palette", "colours"),
    [(4, BLACK_AND_WHITE, 2), (8, BLACK_AND_WHITE, 2), (4, greys(16), 0), (1, greys(1), 1)],
)
def test_palettes_of_which_pillow_forgets_the_bits(bits, palette, colours):
    data = bmp(bits, b"\0\1\1\0", palette=palette, colours=colours)
    if bits == 1:  # which it takes for 1 bit, as it is
        assert refusal(bmp(1, b"\xff\0\0\0", palette=palette, colours=1), [False]).endswith(
            ", but the last of its palette is 0"
        )
    else:
        assert refusal(data) == (
            f"x has a palette of greys for {bits} bits, which Pillow takes for another number of "
            "bits; accepted are other formats, such as .png"
        )


def test_palettes_of_a_bmp_end():
    for palette in (greys(16), greys(17)[4:]):
        data = bmp(8, b"\0\1\2\x10", palette=palette, colours=16)
        assert refusal(data, [False]).startswith("x is damaged: a pixel has colour 16, but the las")
        assert read(bmp(8, b"\0\1\2\x0f", palette=palette, colours=16)).shape[1:] == (1, 4)
    data = bmp(4, b"\0\0\0\0", palette=greys(17), colours=17)
    assert refusal(data) == "x is damaged: its palette has 17 colours for 4 bits"


def test_channels_of_a_bmp():
    same(bmp(24, bytes(range(1, 13))), [[[3, 6, 9, 12]], [[2, 5, 8, 11]], [[1, 4, 7, 10]]])
    same(bmp(32, b"\1\2\3\4", width=1), [[[3]], [[2]], [[1]]])
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    same(
        bmp(32, b"\1\2\3\4", width=1, coding=3, header=56, masks=masks),
        [[[3]], [[2]], [[1]], [[4]]],
    )
    for coding, masks in ((0, b""), (3, struct.pack("<III", 0xF800, 0x7E0, 0x1F))):
        assert refusal(bmp(16, b"\1\2\3\4", width=2, coding=coding, masks=masks)) == (
            "x has 5 or 6 bits per channel, which do not spread over 0 to 255 evenly; accepted in "
            "a BMP are 8, or a palette"
        )
    nothing = bmp(32, b"\1\2\3\4", width=1, coding=3, header=56, masks=bytes(16))[:70]
    assert refusal(nothing).startswith("x is damaged: its ")


def test_a_bmp_is_held_to_its_size():
    rows = bytes(range(24))
    whole = bmp(24, rows, height=2)
    assert read(whole).shape == (3, 2, 4)
    assert refusal(whole[:-1]) == "x is damaged: its pixels take 24 bytes, but it has 23"
    assert refusal(bmp(24, rows, height=2, stored=23)).endswith("take 24 bytes, but it has 23")
    assert read(bmp(24, rows, height=2, stored=24)).shape == (3, 2, 4)
    assert refusal(bmp(24, rows, height=-3)).endswith("take 36 bytes, but it has 24")
    inside = bytearray(whole)
    inside[10] = 20  # where its header still is
    assert read(bytes(inside) + bytes(9)).shape == (3, 2, 4)


@pytest.mark.parametrize("limit", ["89478485", None])
@pytest.mark.parametrize(
    ("width", "height", "is_read"),
    [(9459, 9459, True), (9460, 9460, False), (89_478_486, 1, False)],
)
def test_pixels_are_limited_by_the_header(monkeypatch, limit, width, height, is_read):
    if limit:
        monkeypatch.setenv("CNNOPS_MAX_PIXELS", limit)
    data = png(width, height, 8, 0, b"")[:-20] + bytes(1)
    body = bytes(-(-height * (1 + width) // 1032))
    data = (
        data[: data.index(b"IDAT") - 4] + struct.pack(">I", len(body)) + b"IDAT" + body + bytes(4)
    )
    if is_read:
        assert read(data, header=True).shape == (1, height, width)
    else:
        assert refusal(data) == (
            f"x is too large a picture: {width * height} pixels, of which at most 89478485 are "
            "read; the environment variable CNNOPS_MAX_PIXELS says how many"
        )
    assert Image.MAX_IMAGE_PIXELS == 89_478_485


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_the_limit_is_the_environment_s(monkeypatch, kind):
    stream = io.BytesIO()
    Image.new("RGB", (7, 5)).save(stream, kind)
    for limit in ("35", "0036", "999999999999999999"):
        monkeypatch.setenv("CNNOPS_MAX_PIXELS", limit)
        assert read(stream.getvalue()).shape == (3, 5, 7)
    monkeypatch.setenv("CNNOPS_MAX_PIXELS", "34")
    assert refusal(stream.getvalue()).startswith("x is too large a picture: 35 pixels, of which at")


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1.5", "1e9", "many", " 5", "٣", "1_000", "9" * 5000]
)
def test_a_limit_that_is_not_one(monkeypatch, text):
    monkeypatch.setenv("CNNOPS_MAX_PIXELS", text)
    for header in (False, True):
        with pytest.raises(CnnopsError) as raised:
            read(png(1, 1, 8, 0, b"\0\0"), header)
        assert str(raised.value) == (
            f"CNNOPS_MAX_PIXELS is {text!r}; expected an integer of 1 or more, below 10**18"
        )
