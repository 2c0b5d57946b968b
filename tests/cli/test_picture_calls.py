"""Pictures as INPUT and as --output."""

import io
import struct
import subprocess

import numpy as np
import pytest
from PIL import Image

COLOUR = np.random.default_rng(3).integers(0, 256, (3, 6, 8), np.uint8)
LAST = np.ascontiguousarray(np.moveaxis(COLOUR, 0, -1))
POOL = ["maxpool", "-k", "2"]


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(LAST).save(tmp_path / "x.png")
    Image.fromarray(COLOUR[0]).save(tmp_path / "grey.tif")
    np.save(tmp_path / "x.npy", COLOUR)
    return tmp_path


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_picture_is_the_array_of_its_channels(cnnops, folder):
    assert cnnops.json(*POOL, "x.png") == cnnops.json(*POOL, "x.npy")
    same = cnnops(*POOL, "x.png", "-f", "npy").out
    assert same == cnnops(*POOL, "x.npy", "-f", "npy").out
    assert cnnops.array(*POOL, "grey.tif").shape == (1, 3, 4)


def test_every_command_takes_a_picture(cnnops, folder):
    kernel = ["-k", "[[1,2],[3,4]]", "--depthwise"]
    assert cnnops.json("conv", *kernel, "x.png") == cnnops.json("conv", *kernel, "x.npy")
    seed = ["--seed", "3"]
    assert cnnops.json("dropout", *seed, "x.png") == cnnops.json("dropout", *seed, "x.npy")


@pytest.mark.parametrize("layout", ["channels-first", "channels-last"])
def test_commands_that_want_a_batch_take_a_batch_of_one(cnnops, folder, same, layout):
    axis = 0 if layout == "channels-first" else -1
    batch = COLOUR[np.newaxis] if axis == 0 else LAST[np.newaxis]
    for call in (["batchnorm"], ["dropout", "--channelwise", "--seed", "1"]):
        call += ["--layout", layout]
        got = cnnops.array(*call, "x.png")
        same(got, cnnops.array(*call, stdin=batch))
        assert got.shape == batch.shape
    cnnops.text(*call, "x.png", "-o", "y.png")
    assert pixels(folder / "y.png").shape == LAST.shape


def test_channels_last(cnnops, folder, same):
    call = [*POOL, "--layout", "channels-last"]
    got = cnnops.array(*call, "x.png")
    same(got, cnnops.array(*call, stdin=LAST))
    cnnops.text(*call, "x.png", "-o", "y.png")
    same(pixels(folder / "y.png"), got)
    assert cnnops(*call, "x.png", "--expect", "y.png").status == 0


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "tiff", "bmp"])
def test_from_picture_to_picture(cnnops, folder, suffix):
    cnnops.text("dropout", "--eval", "x.png", "-o", f"y.{suffix}")
    np.testing.assert_array_equal(pixels(folder / f"y.{suffix}"), LAST)
    assert cnnops("dropout", "--eval", "x.npy", "--expect", f"y.{suffix}").status == 0


@pytest.mark.parametrize("suffix", ["jpg", "jpeg"])
def test_jpeg(cnnops, folder, suffix):
    cnnops.text("dropout", "--eval", "grey.tif", "-o", f"y.{suffix}")
    with Image.open(folder / f"y.{suffix}") as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "L", (8, 6))


def test_rounding_clipping_and_stretching(cnnops, folder):
    call = ["dropout", "--eval", "[[-3,0.5,1.5,300]]", "-o", "y.png"]
    cnnops.text(*call)
    assert pixels(folder / "y.png").tolist() == [[0, 0, 2, 255]]
    cnnops.text(*call, "--stretch")
    assert pixels(folder / "y.png").tolist() == [[0, 3, 4, 255]]


def test_first_bytes_tell_a_picture(cnnops, folder):
    data = (folder / "x.png").read_bytes()
    (folder / "photo").write_bytes(data)
    (folder / "PHOTO.JPG").write_bytes(data)
    expected = cnnops.json(*POOL, "x.png")
    assert cnnops.json(*POOL, "photo") == expected
    assert cnnops.json(*POOL, "PHOTO.JPG") == expected
    assert cnnops.json(*POOL, stdin=data) == expected


def test_suffixes_of_cameras(cnnops, folder):
    (folder / "A.PNG").write_bytes((folder / "x.png").read_bytes())
    assert cnnops(*POOL, "A.PNG", "x.png", "-o", "out/").status == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["A.PNG", "x.png"]
    assert (folder / "out/A.PNG").read_bytes() == (folder / "out/x.png").read_bytes()
    cnnops.text(*POOL, "A.PNG", "-o", "B.JPG")
    assert (folder / "B.JPG").read_bytes().startswith(b"\xff\xd8\xff")


def test_the_summary_and_the_view(cnnops, terminal, folder):
    screen = terminal(*POOL, "x.png", "-o", "y.png")
    assert screen.status == 0
    (line,) = screen.lines
    assert line.startswith("y.png  (C 3, H 3, W 4)  uint8")
    assert "uint8" in terminal(*POOL, "x.png").lines[0]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ([*POOL, "x.png", "--stretch"], "--stretch goes with a picture: --output FILE, .png, .jpg"),
        ([*POOL, "x.png", "--stretch", "-o", "y.npy"], "--stretch goes with a picture"),
        ([*POOL, "x.png", "-o", "y.gif"], "--output: 'y.gif' ends in none of .npy, .npz, .json"),
        ([*POOL, "x.png", "-o", "no/y.png"], "no such directory: no"),
        ([*POOL, "x.png", "-o", "y.png", "--indices", "i.png"], "--indices: 'i.png' ends in none"),
        ([*POOL, "cut.png"], "cut.png is damaged: "),
        ([*POOL, "text.png"], "text.png is not a PNG, JPEG, WebP, TIFF or BMP picture"),
        (
            [*POOL, "moving.gif"],
            "moving.gif is a GIF picture; this converts it: magick moving.gif'[0]' moving.png",
        ),
        ([*POOL, "gone.png"], "INPUT: no such file: gone.png"),
        (["conv", "-k", "cut.png", "x.png"], "--kernel cut.png is damaged: "),
        (["dropout", "--eval", "[[NaN]]", "-o", "y.png"], "y.png: the result holds NaN, which a"),
        (["dropout", "--eval", "[1,2]", "-o", "y.png"], "y.png: the result has shape (2,), which"),
        (["dropout", "--eval", "[1,2]", "--expect", "x.png", "--update-expected"], "ends in .npy"),
    ],
)
def test_refusals(cnnops, folder, call, reason):
    data = (folder / "x.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    (folder / "text.png").write_text("[[1,2]]")
    Image.fromarray(COLOUR[0]).save(folder / "moving.gif")
    before = sorted(path.name for path in folder.iterdir())
    assert reason in cnnops.refusal(*call)
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_more_pixels_than_the_limit(cnnops, folder, more):
    call, limit = [*POOL, "x.png", *more], "CNNOPS_MAX_PIXELS"
    assert cnnops.refusal(*call, env={limit: "47"}) == (
        "x.png is too large a picture: 48 pixels, of which at most 47 are read; the environment "
        "variable CNNOPS_MAX_PIXELS says how many"
    )
    assert cnnops(*call, env={limit: "48"}).status == 0
    assert cnnops.refusal(*call, env={limit: "48k"}) == (
        "CNNOPS_MAX_PIXELS is '48k'; expected an integer of 1 or more, below 10**18"
    )
    assert cnnops(*POOL, "x.npy", *more, env={limit: "48k"}).status == 0


def test_signed_samples_of_a_tiff(cnnops, folder):
    stored = Image.fromarray(np.array([[255, 128], [5, 127]], np.uint8))
    stored.save(folder / "signed.tif", tiffinfo={339: 2})
    assert cnnops.json("dropout", "--eval", "signed.tif") == "[[[-1,-128],[5,127]]]"
    pooled = cnnops.array(*POOL, "signed.tif")
    assert (pooled.dtype, pooled.tolist()) == (np.int8, [[[127]]])


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_tiff_whose_strip_is_too_short(cnnops, folder, more):
    data = (folder / "grey.tif").read_bytes()
    right, wrong = (struct.pack("<HHII", 279, 4, 1, count) for count in (48, 30))
    assert right in data
    (folder / "short.tif").write_bytes(data.replace(right, wrong))
    reason = "short.tif is damaged: strip 0 has 30 bytes, but its pixels take 48"
    assert cnnops.refusal(*POOL, "short.tif", *more) == reason


def test_an_old_picture_stays_where_the_new_one_fails(cnnops, folder):
    before = (folder / "x.png").read_bytes()
    cnnops.refusal("dropout", "--eval", "[[NaN]]", "-o", "x.png")
    assert (folder / "x.png").read_bytes() == before


def test_the_pixels_of_a_png_are_the_same_at_every_run(cnnops, folder):
    written = []
    for name in ("a.png", "b.png"):
        cnnops.text(*POOL, "x.png", "-o", name)
        written.append((folder / name).read_bytes())
    assert written[0] == written[1]


WITHOUT_PILLOW = """
import sys, types
sys.modules["PIL"] = {}
from cnnops_cli.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ([*POOL, "x.png"], "x.png"),
        ([*POOL, "gone.npy", "-o", "y.png"], "y.png"),
        ([*POOL, "-"], "standard input"),
    ],
)
@pytest.mark.parametrize("left", ["None", "types.ModuleType('PIL')"])
def test_without_pillow_the_line_that_installs_it(executable, folder, call, name, left):
    python = executable.with_name("python")
    with io.BytesIO((folder / "x.png").read_bytes()) as data:
        run = subprocess.run(
            [python, "-c", WITHOUT_PILLOW.format(left), *call],
            input=data.read(),
            capture_output=True,
            cwd=folder,
            check=False,
        )
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr.decode() == (
        f"cnnops maxpool: error: {name} is a picture, which needs Pillow: pip install pillow\n"
    )
