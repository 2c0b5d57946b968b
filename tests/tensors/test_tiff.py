"""Every way in which a TIFF may store samples: they are read as they are, or refused by name."""

import io
import itertools
import logging
import re
import struct

import numpy as np
import pytest
from PIL import Image
from tiff_bytes import DEFLATE, LZW, PACKBITS, tiff

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import pictures
from cnnops_cli.tensors.formats import Reading

WHITE, BLACK, RGB, PALETTE, MASK, CMYK, YCBCR, LAB = 0, 1, 2, 3, 4, 5, 6, 8
UNSIGNED, SIGNED, FLOATING, UNDEFINED = 1, 2, 3, 4
SHAPE = (17, 19)
ACCEPTED = (
    "; accepted are 8-bit RGB, palettes, and grey of 1, 2, 4, 8, 12, 16 or 32 bits (SampleFormat 1 "
    "to 3, from black), with one unassociated alpha channel or none; or a .npy file"
)
REFUSED = rf"^x\.tif is not read: .+{re.escape(ACCEPTED)}$"


def read(data, header=False):
    return pictures.read(io.BytesIO(data), None, "x.tif", Reading(headers=header))


def refusal(data):
    """The reason for which both readings refuse it."""
    texts = set()
    for header in (False, True):
        with pytest.raises(CnnopsError, match=REFUSED) as raised:
            read(data, header)
        texts.add(str(raised.value))
    (text,) = texts
    return text.removeprefix("x.tif is not read: ").removesuffix(ACCEPTED)


def damage(data, header=None):
    for kind in (False, True) if header is None else (header,):
        with pytest.raises(CnnopsError, match=r"^x\.tif is damaged: .+$") as raised:
            read(data, kind)
    return str(raised.value).removeprefix("x.tif is damaged: ")


def same(got, expected):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def samples(generator, bits, sample_format, count):
    if sample_format == FLOATING:
        return generator.normal(size=(*SHAPE, count)).astype(f"float{bits}")
    if sample_format == SIGNED:
        least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        return generator.integers(least, most, (*SHAPE, count), np.int64, endpoint=True)
    return generator.integers(0, 2**bits - 1, (*SHAPE, count), np.uint64, endpoint=True)


def palette(generator, bits):
    return generator.integers(0, 256, (3, 2**bits))


def as_read(values, colours, bits, sample_format, map_of_colours):
    """What examples/README.md promises of stored samples."""
    if colours == PALETTE:
        expanded = np.moveaxis(map_of_colours[:, values[..., 0]], 0, -1)
        return np.concatenate([expanded, values[..., 1:]], -1).astype(np.uint8)
    if sample_format == UNSIGNED and bits <= 8:
        spread = values * (255 // (2**bits - 1))
        return (255 - spread if colours == WHITE else spread).astype(np.uint8)
    if sample_format == UNSIGNED:
        return values.astype(np.uint16 if bits <= 16 else np.uint32)
    return values.astype(f"{'int' if sample_format == SIGNED else 'float'}{bits}")


ALPHA = (2,)
READ = {
    *((colours, UNSIGNED, bits, 1, ()) for colours in (WHITE, BLACK) for bits in (1, 2, 4, 8)),
    *((PALETTE, UNSIGNED, bits, 1, ()) for bits in (1, 2, 4, 8)),
    *((BLACK, UNSIGNED, bits, 1, ()) for bits in (12, 16, 32)),
    *((BLACK, SIGNED, bits, 1, ()) for bits in (8, 16, 32)),
    (BLACK, FLOATING, 32, 1, ()),
    (BLACK, UNSIGNED, 8, 2, ALPHA),
    (PALETTE, UNSIGNED, 8, 2, ALPHA),
    (RGB, UNSIGNED, 8, 3, ()),
    (RGB, UNSIGNED, 8, 4, ()),
    (RGB, UNSIGNED, 8, 4, ALPHA),
}
EXTRAS = [(), (0,), (1,), ALPHA, (999,), (0, 0), (2, 0), (1, 0), (0, 2)]
KINDS = [
    (colours, sample_format, bits, count + len(extra), extra)
    for (colours, count), sample_format, bits, extra in itertools.product(
        [
            (WHITE, 1),
            (BLACK, 1),
            (RGB, 3),
            (PALETTE, 1),
            (MASK, 1),
            (CMYK, 4),
            (YCBCR, 3),
            (LAB, 3),
        ],
        (UNSIGNED, SIGNED, FLOATING),
        (1, 2, 4, 8, 12, 16, 32, 64),
        EXTRAS,
    )
    if not (sample_format == FLOATING and bits < 16)
    and not (sample_format == SIGNED and bits not in (8, 16, 32, 64))
    and not (extra and bits not in (8, 16))
] + [(BLACK, UNSIGNED, 8, 2, ()), (BLACK, UNSIGNED, 8, 5, ()), (RGB, UNSIGNED, 8, 4, ())]


@pytest.mark.parametrize("colours", [WHITE, BLACK, RGB, PALETTE, MASK, CMYK, YCBCR, LAB])
def test_each_kind_is_read_as_stored_or_refused(colours):
    generator = np.random.default_rng(4)
    for kind in (kind for kind in KINDS if kind[0] == colours):
        _, sample_format, bits, count, extra = kind
        values = samples(generator, bits, sample_format, count)
        map_of_colours = palette(generator, min(bits, 8))
        data = tiff(
            values,
            bits=bits,
            sample_format=sample_format,
            photometric=colours,
            extra=extra,
            tags={320: ("H", (map_of_colours * 257).ravel().tolist())},
        )
        if kind in READ:
            whole = read(data)
            expected = as_read(values, colours, bits, sample_format, map_of_colours)
            same(whole, np.moveaxis(expected, -1, 0))
            told = read(data, header=True)
            assert (told.shape, told.dtype) == (whole.shape, whole.dtype)
        else:
            assert refusal(data), kind


LAYOUTS = list(
    itertools.product("<>", (1, 2), (1, DEFLATE, PACKBITS, LZW, 32946), (1, 2), (None, (16, 16)))
)


def always_read(kind, order, fill_order, planar):
    """Which layouts are not left to a choice: what common writers write."""
    is_one_byte = kind[2] <= 8
    return fill_order == 1 and planar == 1 and (order == "<" or is_one_byte)


@pytest.mark.parametrize("kind", sorted(READ), ids=str)
def test_each_layout_is_read_as_stored_or_refused(kind):
    colours, sample_format, bits, count, extra = kind
    generator = np.random.default_rng(5)
    values = samples(generator, bits, sample_format, count)
    map_of_colours = palette(generator, min(bits, 8))
    expected = np.moveaxis(as_read(values, colours, bits, sample_format, map_of_colours), -1, 0)
    for order, fill_order, compression, planar, tile in LAYOUTS:
        data = tiff(
            values,
            bits=bits,
            sample_format=sample_format,
            photometric=colours,
            extra=extra,
            planar=planar,
            order=order,
            fill_order=fill_order,
            compression=compression,
            tile=tile,
            rows_per_strip=5,
            tags={320: ("H", (map_of_colours * 257).ravel().tolist())},
        )
        try:
            same(read(data), expected)
        except CnnopsError:
            assert not always_read(kind, order, fill_order, planar)
            assert refusal(data)
        else:
            assert read(data, header=True).shape == expected.shape


def test_what_signed_bytes_are():
    values = np.array([[-1, -128], [5, 127]])
    same(read(tiff(values, sample_format=SIGNED)), values[np.newaxis].astype(np.int8))


def test_unsigned_32_bits_are_not_signed():
    values = np.array([[0, 2**31], [2**32 - 1, 7]])
    same(read(tiff(values, bits=32)), values[np.newaxis].astype(np.uint32))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"photometric": LAB},
            "its colours are CIELab, which have to be converted to RGB first, as with ImageMagick",
        ),
        (
            {"photometric": MASK},
            "its colours are a transparency mask, which have to be converted to RGB",
        ),
        (
            {"photometric": 99},
            r"its colours are unknown (PhotometricInterpretation 99), which have",
        ),
        ({"tags": {262: None}}, "it does not say what its numbers mean (no PhotometricInterpretat"),
        ({"tags": {339: ("H", [UNDEFINED])}}, "a pixel is grey in 1 sample of 8 bits, undefined"),
        ({"tags": {339: ("H", [9])}}, "a pixel is grey in 1 sample of 8 bits, unknown (9)"),
        ({"bits": 64}, "a pixel is grey in 1 sample of 64 bits, unsigned integers"),
        ({"photometric": WHITE, "bits": 16}, "a pixel is inverted grey in 1 sample of"),
        ({"fill_order": 2}, "its FillOrder is 2, which is read for 1 bit only"),
        ({"planar": 2}, "its PlanarConfiguration is 2, which is read for RGB only"),
        ({"tags": {317: ("H", [2])}}, "its Predictor is 2, which Compression 1 does not have"),
        ({"tags": {259: ("H", [6])}}, "its Compression is 6"),
        ({"tags": {259: ("H", [4])}}, "it has fax compression, but is not black and white"),
        ({"tags": {259: ("H", [7])}, "bits": 16}, "it has JPEG compression, but is not inter"),
        (
            {"tags": {259: ("H", [7])}, "photometric": WHITE},
            "it has JPEG compression, but is not",
        ),
        ({"order": ">", "bits": 32}, "it is big-endian, in which unsigned samples of 32 bits are"),
        ({"order": ">", "bits": 12}, "it is big-endian, in which unsigned samples of 12 bits are"),
        (
            {"order": ">", "bits": 32, "sample_format": SIGNED, "compression": DEFLATE},
            "it is big-endian and compressed, and Pillow would swap its bytes",
        ),
    ],
)
def test_the_reason_names_what_is_not_read(options, reason):
    assert refusal(tiff(np.ones((4, 4), int), **options)).startswith(reason)


def test_samples_that_differ_are_refused():
    values = np.ones((4, 4, 3), int)
    differing = tiff(values, photometric=RGB, tags={258: ("H", [8, 8, 4])})
    assert refusal(differing) == "a pixel is RGB in 3 samples of 4, 8 bits, unsigned integers"
    differing = tiff(values, photometric=RGB, tags={339: ("H", [1, 1, 2])})
    assert "unsigned integers and signed integers" in refusal(differing)
    one_for_all = {258: ("H", [8]), 339: ("H", [1])}
    same(read(tiff(values, photometric=RGB, tags=one_for_all)), np.ones((3, 4, 4), np.uint8))
    for tag in (258, 339):
        wrong = tiff(values, photometric=RGB, tags={tag: ("H", [8, 8])})
        assert damage(wrong) == f"tag {tag} has 2 values for 3 samples"


def test_channels_that_would_vanish_are_refused():
    for count, extra in ((5, (0, 0)), (5, (2, 0)), (4, (0,))):
        data = tiff(np.ones((4, 4, count), int), photometric=RGB, extra=extra)
        shown = ", ".join(map(str, extra))
        assert refusal(data) == f"it has channels besides colour and alpha (ExtraSamples {shown})"
    for count, colours in ((2, BLACK), (4, RGB)):
        data = tiff(np.ones((4, 4, count), int), photometric=colours, extra=(1,))
        assert refusal(data).startswith("its colours are multiplied by alpha (ExtraSamples 1), w")


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_palettes_are_read_where_their_16_bits_say_no_more_than_8(bits):
    values = np.arange(16).reshape(4, 4) % 2**bits
    for scale, offset in ((257, 0), (256, 0)):
        colours = np.arange(3 << bits) % 256 * scale + offset
        got = read(
            tiff(values, bits=bits, photometric=PALETTE, tags={320: ("H", colours.tolist())})
        )
        same(got, (colours // 256).reshape(3, -1)[:, values].astype(np.uint8))
    colours[-1] = 0x1234
    data = tiff(values, bits=bits, photometric=PALETTE, tags={320: ("H", colours.tolist())})
    assert refusal(data) == "its palette has colours of more than 8 bits, and Pillow keeps only 8"
    short = tiff(values, bits=bits, photometric=PALETTE, tags={320: ("H", [0, 0, 0])})
    assert damage(short) == f"its palette has 3 numbers instead of {3 << bits}"


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16), (32, np.uint32)])
def test_differences_of_neighbours(bits, dtype):
    values = np.random.default_rng(0).integers(0, 2**bits, (*SHAPE, 1))
    differences = np.diff(values, axis=1, prepend=0) % 2**bits
    for order in "<>"[: 1 + (bits <= 16)]:
        options = {"bits": bits, "order": order, "tags": {317: ("H", [2])}}
        for compression in (DEFLATE, LZW):
            got = read(tiff(differences, compression=compression, **options))
            same(got, np.moveaxis(values, -1, 0).astype(dtype))


def big_tiff(order):
    values = bytes(range(12))
    tags = {256: 4, 257: 3, 258: 8, 259: 1, 262: 1, 273: 16, 277: 1, 278: 3, 279: 12}
    rows = b"".join(
        struct.pack(f"{order}HHQ", tag, 3, 1) + struct.pack(f"{order}H6x", number)
        for tag, number in tags.items()
    )
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HHHQ", 43, 8, 0, 28)
    return start + values + struct.pack(f"{order}Q", len(tags)) + rows + bytes(8)


def test_big_tiff():
    same(read(big_tiff("<")), np.arange(12, dtype=np.uint8).reshape(1, 3, 4))
    for header in (False, True):
        with pytest.raises(
            CnnopsError, match=r"^x\.tif is a TIFF of a kind that Pillow does not r"
        ):
            read(big_tiff(">"), header)


EIGHT = np.arange(64).reshape(8, 8)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({279: ("I", [30])}, "strip 0 has 30 bytes, but its pixels take 64"),
        ({279: ("I", [63])}, "strip 0 has 63 bytes, but its pixels take 64"),
        ({279: ("I", [65])}, "strip 0 has 65 bytes, but its pixels take 64"),
        ({279: None}, "its pixels are in 1 strip, but tags 273 and 279 have 1 and 0 values"),
        ({273: None}, "its pixels are in 1 strip, but tags 273 and 279 have 0 and 1 values"),
        ({278: ("I", [4])}, "its pixels are in 2 strips, but tags 273 and 279 have 1 and 1 values"),
        ({278: ("I", [0])}, "it has no pixels, or none in a strip"),
        ({257: ("I", [0])}, "it has no pixels, or none in a strip"),
        ({273: ("I", [9])}, "its strips overlap each other or its directory"),
        ({273: ("I", [0])}, "its strips overlap each other or its directory"),
        ({273: ("I", [4000])}, "strip 0 ends at byte 4064, but the file has "),
        ({256: ("I", [9])}, "strip 0 has 64 bytes, but its pixels take 72"),
        ({256: None}, "tag 256 has 0 values instead of one"),
        ({259: ("H", [1, 1])}, "tag 259 has 2 values instead of one"),
        ({277: ("H", [0])}, "a pixel has 0 samples"),
    ],
)
def test_uncompressed_pixels_are_as_many_as_the_directory_says(tags, reason):
    same(read(tiff(EIGHT)), EIGHT[np.newaxis].astype(np.uint8))
    assert damage(tiff(EIGHT, tags=tags)).startswith(reason)


def test_a_last_strip_may_be_as_long_as_the_others():
    data = tiff(np.pad(EIGHT, ((0, 2), (0, 0))), rows_per_strip=5, tags={257: ("I", [8])})
    same(read(data), EIGHT[np.newaxis].astype(np.uint8))
    wide = {279: ("I", [48, 40])}
    assert damage(tiff(EIGHT, rows_per_strip=5, tags=wide)).startswith("strip 0 has 48 bytes")


def test_strips_may_be_shared_but_not_overlap():
    rows = np.tile(EIGHT[:4], (2, 1))
    shared = tiff(rows[:4], rows_per_strip=4, tags={257: ("I", [8]), 273: ("I", [8, 8]),
                                                     279: ("I", [32, 32])})  # fmt: skip
    same(read(shared), rows[np.newaxis].astype(np.uint8))
    crossed = tiff(EIGHT, rows_per_strip=4, tags={273: ("I", [8, 9])})
    assert damage(crossed) == "its strips overlap each other or its directory"


def test_tiles_are_held_to_their_size():
    data = tiff(EIGHT, tile=(16, 16), tags={325: ("I", [255])})
    assert damage(data) == "tile 0 has 255 bytes, but its pixels take 256"
    odd = tiff(EIGHT % 2, bits=1, tile=(16, 12))
    assert damage(odd) == "its tiles are 12 wide, not a multiple of 16"
    for tag in (322, 323):
        assert damage(tiff(EIGHT, tile=(16, 16), tags={tag: ("I", [0])})).endswith("none in a tile")


def test_a_cut_file_is_refused_by_its_directory():
    first = b"\0" * 100
    data = tiff(EIGHT, before=first)
    with_data_last = data + bytes(range(64))
    moved = tiff(EIGHT, tags={273: ("I", [len(data)])}, before=first)
    assert len(moved) == len(data)
    same(read(moved + with_data_last[len(data) :]), EIGHT[np.newaxis].astype(np.uint8))
    for cut in (1, 63, 64):
        assert damage((moved + bytes(64))[:-cut]).startswith("strip 0 ends at byte")
    for size in (3, 9, len(data) - 20):
        with pytest.raises(CnnopsError, match=r"^x\.tif is (damaged: |no PNG)"):
            read(data[:size])


@pytest.mark.parametrize(
    ("compression", "most"),
    [(DEFLATE, 1032), (32946, 1032), (PACKBITS, 64), (LZW, 2731), (50000, 32768), (34925, 8192)],
)
def test_compressed_pixels_are_at_most_what_their_coding_allows(compression, most):
    side = 1024
    least = -(-side * side // most)
    tags = {256: ("I", [side]), 257: ("I", [side]), 278: ("I", [side]), 259: ("H", [compression])}
    data = tiff(EIGHT, tags={**tags, 279: ("I", [least - 1])}, after=bytes(least))
    reason = f"strip 0 has {least - 1} bytes, but its pixels take at least {least}"
    assert damage(data) == reason
    enough = {**tags, 273: ("I", [1000]), 279: ("I", [least])}
    data = tiff(EIGHT, tags=enough, after=bytes(1000 + least))
    assert read(data, header=True).shape == (1, side, side)
    assert "takes" not in damage(data, header=False)


def test_fax_and_jpeg_need_a_bit_a_line_and_a_block():
    tags = {256: ("I", [64]), 257: ("I", [800]), 278: ("I", [800]), 259: ("H", [4])}
    for count, is_enough in ((99, False), (100, True)):
        data = tiff(EIGHT, bits=8, tags={**tags, 258: ("H", [1]), 273: ("I", [1000]),
                                         279: ("I", [count])}, after=bytes(1000))  # fmt: skip
        if is_enough:
            assert read(data, header=True).shape == (1, 800, 64)
        else:
            assert damage(data) == "strip 0 has 99 bytes, but its pixels take at least 100"
    tags = {**tags, 256: ("I", [512]), 259: ("H", [7]), 273: ("I", [1000]), 279: ("I", [799])}
    data = tiff(EIGHT, tags=tags, after=bytes(2000))
    assert damage(data) == "strip 0 has 799 bytes, but its pixels take at least 800"


@pytest.mark.parametrize("compression", [DEFLATE, LZW, PACKBITS])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_compressed_pixels_that_end_early_are_damage(compression, tile):
    short = tiff(EIGHT[:6], compression=compression, tile=tile,
                 tags={257: ("I", [8]), 278: ("I", [8])})  # fmt: skip
    if tile is None:
        damage(short, header=False)
    else:  # a tile is whole whatever the height
        assert read(short).shape == (1, 8, 8)


def test_a_tag_twice_or_of_another_type_is_damage():
    data = bytearray(tiff(EIGHT))
    start = struct.unpack_from("<I", data, 4)[0] + 2
    changed = data.copy()
    changed[start + 12 : start + 14] = changed[start : start + 2]
    assert damage(bytes(changed)) == "tag 256 is not an integer, or is there twice"
    changed = data.copy()
    changed[start + 2] = 5
    assert damage(bytes(changed)) == "tag 256 is not an integer, or is there twice"


@pytest.mark.parametrize("coding", ["group3", "group4", "tiff_ccitt"])
def test_fax(coding):
    plane = np.random.default_rng(6).integers(0, 2, (40, 64)).astype(bool)
    stream = io.BytesIO()
    Image.fromarray(plane).save(stream, "TIFF", compression=coding)
    same(read(stream.getvalue()), plane[np.newaxis].astype(np.uint8) * 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_in_a_tiff_is_near(channels):
    values = np.full((32, 32, channels), [[[200, 100, 50][:channels]]], np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values[..., 0] if channels == 1 else values).save(
        stream, "TIFF", compression="jpeg", quality=95
    )
    got = read(stream.getvalue())
    assert (got.shape, got.dtype) == ((channels, 32, 32), np.uint8)
    assert np.abs(got.astype(int) - np.moveaxis(values, -1, 0)).max() <= 3
    stored = tiff(values, photometric=YCBCR) if channels == 3 else None
    if stored:
        assert refusal(stored).startswith(
            "its colours are YCbCr, which have to be converted to RGB first"
        )


@pytest.mark.parametrize(
    "coding",
    [
        "tiff_lzw",
        "packbits",
        "tiff_adobe_deflate",
        "tiff_deflate",
        "zstd",
        "lzma",
        "jpeg",
        "group4",
    ],
)
@pytest.mark.parametrize("order", [1, 0])
def test_no_bound_is_above_what_codings_reach(coding, order):
    plane = np.full((2000, 2000), order, bool if coding == "group4" else np.uint8)
    stream = io.BytesIO()
    try:
        Image.fromarray(plane).save(stream, "TIFF", compression=coding, strip_size=1 << 30)
    except (OSError, TypeError):
        pytest.skip(f"this Pillow has no {coding}")
    scale = 255 if plane.dtype == bool else 1
    got = read(stream.getvalue())
    assert (got.shape, got.min(), got.max()) == ((1, 2000, 2000), order * scale, order * scale)


def test_more_samples_than_pillow_knows_are_refused_in_silence(capfd):
    data = tiff(np.ones((4, 4, 7), int), photometric=RGB, extra=(0, 0, 0, 0))
    assert refusal(data) == "it has channels besides colour and alpha (ExtraSamples 0, 0, 0, 0)"
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("PIL").handlers


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("bits", "sample_format"), [(8, SIGNED), (16, UNSIGNED), (32, UNSIGNED)])
def test_samples_are_turned_as_they_are(orientation, bits, sample_format):
    values = samples(np.random.default_rng(3), bits, sample_format, 1)
    expected = as_read(values, BLACK, bits, sample_format, None)[..., 0]
    upright = {
        1: expected, 2: expected[:, ::-1], 3: expected[::-1, ::-1], 4: expected[::-1],
        5: expected.T, 6: expected.T[:, ::-1], 7: expected.T[::-1, ::-1], 8: expected.T[::-1],
    }[orientation]  # fmt: skip
    data = tiff(values, bits=bits, sample_format=sample_format, tags={274: ("H", [orientation])})
    same(read(data), upright[np.newaxis])
    told = read(data, header=True)
    assert (told.shape, told.dtype) == ((1, *upright.shape), upright.dtype)
