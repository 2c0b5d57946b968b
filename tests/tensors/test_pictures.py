"""Pictures to arrays and back, each kind that Pillow can store."""

import contextlib
import io
import struct
import tracemalloc
import zlib
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from cnnops_cli.errors import CnnopsError
from cnnops_cli.tensors import pictures
from cnnops_cli.tensors.formats import Reading, Writing

COLOUR = np.random.default_rng(5).integers(0, 256, (3, 5, 7), np.uint8)
GREY, ALPHA = COLOUR[:1], COLOUR[1:2]


def stored(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def picture_of(planes):
    laid_out = planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)
    return Image.fromarray(np.ascontiguousarray(laid_out))


def read(data):
    return pictures.read(io.BytesIO(data), None, "x.png")


def encode(path, array, layout="channels-first", stretch=False):
    stream = io.BytesIO()
    pictures.write(stream, np.asarray(array), Writing(path, layout=layout, stretch=stretch))
    return stream.getvalue()


def same(got, expected):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first_and_exact(kind, channels):
    planes = COLOUR[:channels]
    options = {"lossless": True} if kind == "WEBP" else {}
    got = read(stored(picture_of(planes), kind, **options))
    same(got, np.repeat(planes, 3, 0) if (kind, channels) == ("WEBP", 1) else planes)


def test_jpeg_is_near():
    plane = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))
    got = read(stored(Image.fromarray(plane), "JPEG", quality=95))
    assert (got.shape, got.dtype) == ((1, 32, 64), np.uint8)
    assert np.abs(got[0].astype(int) - plane).max() <= 3


def test_alpha_is_a_channel():
    same(read(stored(picture_of(np.concatenate([GREY, ALPHA])))), np.concatenate([GREY, ALPHA]))
    full = np.concatenate([COLOUR, ALPHA])
    for kind in ("PNG", "TIFF"):
        same(read(stored(picture_of(full), kind)), full)
    same(read(stored(picture_of(full), "WEBP", lossless=True, exact=True)), full)


def test_a_palette_is_expanded():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    colours = np.array([[[10, 40]], [[20, 50]], [[30, 60]]], np.uint8)
    same(read(stored(image)), colours)
    alpha = np.array([[[255, 0]]], np.uint8)
    same(read(stored(image, transparency=1)), np.concatenate([colours, alpha]))


def test_a_transparent_colour_is_alpha():
    image = Image.fromarray(np.array([[1, 2]], np.uint8))
    same(read(stored(image, transparency=2)), np.array([[[1, 2]], [[255, 0]]], np.uint8))


def test_black_and_white_is_grey():
    image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    same(read(stored(image)), np.array([[[0, 255]]], np.uint8))


def test_grey_of_16_bits_is_uint16():
    values = np.array([[0, 1, 256, 65535]], np.uint16)
    for kind in ("PNG", "TIFF"):
        same(read(stored(Image.fromarray(values), kind)), values[np.newaxis])


def test_grey_of_a_tiff_may_be_floating_or_wide():
    for values in (np.array([[0.5, -2]], np.float32), np.array([[-1, 70000]], np.int32)):
        same(read(stored(Image.fromarray(values), "TIFF")), values[np.newaxis])


def png(width, height, depth, colour, rows):
    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_colour_of_16_bits_is_refused_and_not_cut(colour, channels):
    data = png(2, 1, 16, colour, bytes(1 + 2 * 2 * channels))
    with pytest.raises(CnnopsError, match=r"x\.png has 16 bits per channel, .* accepted are 8"):
        read(data)
    assert read(png(2, 1, 8, colour, bytes(1 + 2 * channels))).shape == (channels, 1, 2)


def test_cmyk_is_refused_and_not_converted():
    image = Image.new("CMYK", (16, 16), (10, 20, 30, 40))
    for kind in ("TIFF", "JPEG"):
        reason = r"x\.png is not read: its colours are CMYK, which have to be converted to RGB f"
        for header in (False, True):
            with pytest.raises(CnnopsError, match=reason):
                pictures.read(
                    io.BytesIO(stored(image, kind)), None, "x.png", Reading(headers=header)
                )


@pytest.mark.parametrize(
    ("tag", "turned"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, np.transpose),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).T),
        (8, np.rot90),
    ],
)
def test_the_orientation_tag_is_obeyed(tag, turned):
    exif = Image.Exif()
    exif[0x0112] = tag
    for kind in ("PNG", "TIFF", "JPEG", "WEBP"):
        image = Image.fromarray(GREY[0])
        upright = read(stored(image, kind))
        got = read(stored(image, kind, exif=exif))
        same(got, np.ascontiguousarray([turned(plane) for plane in upright]))


def with_chunk_at_the_end(data, kind, body):
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    end = data.index(b"IEND") - 4
    return data[:end] + chunk + data[end:]


def kinds_of_pictures():
    """Each kind that is read, by name: as it lies on a disk."""
    deep = np.arange(35, dtype=np.uint16).reshape(5, 7) * 1000
    for kind in ("PNG", "TIFF", "JPEG", "WEBP", "BMP"):
        yield f"grey {kind}", stored(picture_of(GREY), kind)
        yield f"colour {kind}", stored(picture_of(COLOUR), kind)
        for tag in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = tag
            yield f"turned {tag} {kind}", stored(picture_of(COLOUR), kind, exif=exif)
    for kind in ("PNG", "TIFF", "WEBP"):
        yield f"alpha {kind}", stored(picture_of(np.concatenate([COLOUR, ALPHA])), kind)
    sideways = Image.Exif()
    sideways[0x0112] = 6
    late = sideways.tobytes().removeprefix(b"Exif\0\0")
    yield "turned at the end", with_chunk_at_the_end(stored(picture_of(GREY)), b"eXIf", late)
    written = b"tEXtComment\0of no matter"
    yield (
        "text at the end",
        with_chunk_at_the_end(stored(picture_of(GREY)), written[:4], written[4:]),
    )
    yield "grey with alpha", stored(picture_of(np.concatenate([GREY, ALPHA])))
    yield "16 bits PNG", stored(Image.fromarray(deep))
    yield "16 bits TIFF", stored(Image.fromarray(deep), "TIFF")
    yield "floating", stored(Image.fromarray(np.ones((5, 7), np.float32)), "TIFF")
    yield "wide", stored(Image.fromarray(np.ones((5, 7), np.int32)), "TIFF")
    yield "1 bit", stored(Image.new("1", (7, 5)))
    yield "palette", stored(Image.new("P", (7, 5)))
    yield "palette with alpha", stored(Image.new("P", (7, 5)), transparency=1)
    yield "transparent grey", stored(Image.new("L", (7, 5)), transparency=1)
    yield "transparent colour", stored(Image.new("RGB", (7, 5)), transparency=(1, 2, 3))


@pytest.mark.parametrize(
    "data", [pytest.param(data, id=name) for name, data in kinds_of_pictures()]
)
def test_a_header_tells_the_form(data):
    whole = read(data)
    told = pictures.read(io.BytesIO(data), None, "x.png", Reading(headers=True))
    assert (told.shape, told.dtype) == (whole.shape, whole.dtype)


def test_only_an_orientation_behind_the_pixels_has_them_decoded():
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = stored(picture_of(GREY))
    late = {
        "comment": (b"tEXt", b"Comment\0x", True),
        "exif": (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"), False),
        "xmp": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>", False),
    }
    for kind, body, is_header_enough in late.values():
        data = with_chunk_at_the_end(plain, kind, body)
        told = pictures.read(io.BytesIO(data), None, "x.png", Reading(headers=True))
        assert (told.strides == (0, 0, 0)) == is_header_enough
    upright = Image.Exif()
    upright[0x0112] = 1
    twice = with_chunk_at_the_end(stored(picture_of(GREY), exif=upright), *late["exif"][:2])
    told = pictures.read(io.BytesIO(twice), None, "x.png", Reading(headers=True))
    assert told.shape == read(twice).shape
    early = stored(picture_of(GREY), exif=exif)
    told = pictures.read(io.BytesIO(early), None, "x.png", Reading(headers=True))
    assert (told.shape, told.strides) == ((1, 7, 5), (0, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_header_is_told_without_the_pixels(kind):
    noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    cut = stored(Image.fromarray(noise), kind)[:1000]
    with pytest.raises(CnnopsError, match="is damaged"):
        read(cut)
    told = pictures.read(io.BytesIO(cut), None, "x.png", Reading(headers=True))
    assert (told.shape, told.dtype, told.strides) == ((3, 64, 96), np.uint8, (0, 0, 0))


def test_several_pictures_are_refused():
    pages = [Image.fromarray(GREY[0])] * 3
    data = stored(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(CnnopsError, match=r"x\.png holds 3 pictures; a tensor is read from one"):
        read(data)


def test_of_a_jpeg_with_previews_the_first_is_taken():
    import_module("PIL.MpoImagePlugin")
    planes = [Image.fromarray(plane) for plane in (np.zeros((8, 8), np.uint8), GREY[0])]
    data = stored(planes[0], "MPO", save_all=True, append_images=planes[1:])
    same(read(data), np.zeros((1, 8, 8), np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_a_cut_file_is_one_error(kind):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = stored(Image.fromarray(noise), kind)
    for size in (len(data) // 2, len(data) * 9 // 10, 30, 12):
        with pytest.raises(CnnopsError, match=r"^x\.png is (damaged: |not a PNG)") as raised:
            read(data[:size])
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_changed_bytes_are_an_error_or_a_picture(kind):
    data = bytearray(stored(picture_of(COLOUR), kind))
    generator = np.random.default_rng(2)
    for _ in range(150):
        changed = bytearray(data)
        for place in generator.integers(0, len(data), 3):
            changed[place] = generator.integers(0, 256)
        with contextlib.suppress(CnnopsError):  # and nothing else
            assert read(bytes(changed)).ndim == 3


def test_other_formats_are_unknown_even_where_pillow_knows_them():
    for kind in ("GIF", "PPM", "ICO"):
        with pytest.raises(
            CnnopsError, match=r"x\.png is not a PNG, JPEG, WebP, TIFF or BMP picture"
        ):
            read(stored(picture_of(GREY), kind))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked():
    with pytest.raises(CnnopsError, match=r"x\.png is too large a picture: .* pixels"):
        read(png(60_000, 60_000, 8, 2, b""))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".tiff", ".bmp"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_written_is_read_back(suffix, channels):
    planes = np.concatenate([COLOUR, ALPHA])[:channels]
    if suffix == ".bmp" and channels in (2, 4):
        with pytest.raises(CnnopsError, match=rf"BMP has no alpha channel, .* {channels} channels"):
            encode("y.bmp", planes)
        return
    got = read(encode(f"y{suffix}", planes))
    if suffix == ".webp" and channels < 3:  # which has no grey
        planes = np.concatenate([np.repeat(planes[:1], 3, 0), planes[1:]])
    same(got, planes)


def test_the_same_array_is_the_same_png():
    assert encode("y.png", COLOUR) == encode("z.png", COLOUR.copy())


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (1, 1, 5, 7)])
def test_shapes_of_one_grey_picture(shape):
    same(read(encode("y.png", GREY.reshape(shape))), GREY)


def test_channels_last():
    last = np.moveaxis(COLOUR, 0, -1)
    same(read(encode("y.png", last, "channels-last")), COLOUR)
    same(read(encode("y.png", last[np.newaxis], "channels-last")), COLOUR)
    same(read(encode("y.png", GREY[0], "channels-last")), GREY)


@pytest.mark.parametrize(
    "shape", [(), (3,), (5, 4, 4), (2, 1, 4, 4), (0, 4, 4), (3, 0, 4), (1, 1, 1, 4, 4), (4, 0)]
)
def test_shapes_that_are_no_picture(shape):
    with pytest.raises(
        CnnopsError, match=r"y\.png: the result has shape .* is not that of a picture"
    ):
        encode("y.png", np.zeros(shape))


@pytest.mark.parametrize(
    ("dtype", "values", "pixels"),
    [
        (
            "float64",
            [-1, 0.5, 1.5, 254.5, 254.6, 256, np.inf, -np.inf],
            [0, 0, 2, 254, 255, 255, 255, 0],
        ),
        ("float16", [-0.4, 12.75, 300], [0, 13, 255]),
        ("int8", [-128, 127], [0, 127]),
        ("uint8", [0, 255], [0, 255]),
        ("int64", [-(2**63), 2**63 - 1, 7], [0, 255, 7]),
        ("uint64", [2**64 - 1, 255], [255, 255]),
    ],
)
def test_values_are_rounded_and_clipped(dtype, values, pixels):
    got = read(encode("y.png", np.array([values], dtype)))
    same(got, np.array([[pixels]], np.uint8))


@pytest.mark.parametrize(
    ("dtype", "values", "pixels"),
    [
        ("float64", [-1, 0, 1], [0, 128, 255]),
        ("float64", [-1.7e308, 0, 1.7e308], [0, 128, 255]),
        ("float64", [5, 5], [0, 0]),
        ("int64", [-(2**63), 2**63 - 1], [0, 255]),
        ("uint8", [10, 11, 12], [0, 128, 255]),
        ("float64", [0, 5e-324, 1e-323], [0, 128, 255]),
        ("int64", [2**62, 2**62 + 1, 2**62 + 2, 2**62 + 4], [0, 64, 128, 255]),
        ("uint64", [2**64 - 3, 2**64 - 1, 2**64 - 2], [0, 255, 128]),
        ("int8", [-128, 127], [0, 255]),
    ],
)
def test_stretched_values(dtype, values, pixels):
    got = read(encode("y.png", np.array([values], dtype), stretch=True))
    same(got, np.array([[pixels]], np.uint8))


def test_stretching_is_over_all_channels_but_alpha():
    planes = np.array([[[10, 20]], [[20, 30]], [[10, 10]], [[7, 300]]])
    expected = np.array([[[0, 128]], [[128, 255]], [[0, 0]], [[7, 255]]], np.uint8)
    same(read(encode("y.png", planes, stretch=True)), expected)


def test_values_that_no_picture_holds():
    with pytest.raises(CnnopsError, match=r"y\.png: the result holds NaN, which a picture cannot"):
        encode("y.png", [[np.nan, 1.0]])
    for value in (np.nan, np.inf):
        with pytest.raises(CnnopsError, match=r"y\.png: --stretch takes finite values"):
            encode("y.png", [[value, 1.0]], stretch=True)


def test_a_side_that_is_too_long_for_the_format():
    with pytest.raises(CnnopsError, match=r"^cannot write y\.webp: "):
        encode("y.webp", np.zeros((1, 20_000), np.uint8))
    for shape in ((1, 65_501), (65_501, 1)):
        reason = r"^y\.jpg: a JPEG has at most 65500 rows and columns, but the result 65501$"
        with pytest.raises(CnnopsError, match=reason):
            encode("y.jpg", np.zeros(shape, np.uint8))
    assert encode("y.jpg", np.zeros((1, 65_500), np.uint8))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
def test_pixels_are_held_once_next_to_the_picture(tmp_path, suffix):
    path, planes = tmp_path / f"large.{suffix}", np.zeros((3, 1500, 2000), np.uint8)
    planes[:, ::7, ::3] = 200
    writing = Writing(str(path))
    pictures.write(io.BytesIO(), planes[:, :9, :9], writing)  # what is imported on the way
    tracemalloc.start()
    with path.open("wb") as stream:
        pictures.write(stream, planes, writing)
    written = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    with path.open("rb") as stream:
        found = pictures.read(stream, None, "x")
    read = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found, planes, strict=True)
    assert written < 1.2 * planes.nbytes
    assert read < 1.3 * planes.nbytes
