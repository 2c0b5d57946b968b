"""Shapes and dtypes that do not fit: the likely cause is named, and only where it would fit."""

import numpy as np
import pytest

SHAPES = {
    "nchw": (2, 3, 8, 6),
    "nhwc": (2, 8, 6, 3),
    "hwc": (8, 6, 3),
    "chw": (3, 8, 6),
    "grey": (8, 6, 1),
    "five": (2, 5, 8, 6),
    "square": (3, 8, 3),
    "many": (8, 6, 5),
    "oihw": (4, 3, 2, 2),
    "depthwise": (3, 1, 2, 2),
    "hwio": (2, 2, 3, 4),
    "ohwi": (4, 2, 2, 3),
    "bare": (5, 5),
    "four": (8, 4, 3, 3),
    "gamma": (3,),
    "mask": (2, 3, 8, 6),
}
LAST = "--layout channels-last"


@pytest.fixture(autouse=True)
def files(tmp_path):
    for name, shape in SHAPES.items():
        np.save(tmp_path / f"{name}.npy", np.ones(shape, np.float32))


def shapes(kernel, image):
    return f"kernel {SHAPES[kernel]}, input {SHAPES[image]}"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            ["conv", "-k", "oihw.npy", "nhwc.npy"],
            "kernel expects 3 input channels (1 group), but nhwc.npy has 8: "
            f"{shapes('oihw', 'nhwc')}; its last axis is 3: {LAST}",
        ),
        (
            ["conv", "-k", "oihw.npy", "hwc.npy"],
            "kernel expects 3 input channels (1 group), but hwc.npy has 8: "
            f"{shapes('oihw', 'hwc')}; its last axis is 3: {LAST}",
        ),
        (
            ["conv", "-k", "oihw.npy", "--layout", "channels-last", "nchw.npy"],
            "kernel expects 3 input channels (1 group), but nchw.npy has 6: "
            f"{shapes('oihw', 'nchw')}; its axis 1 is 3: leave {LAST} out",
        ),
        (
            ["conv", "-k", "oihw.npy", "--layout", "channels-last", "chw.npy"],
            "kernel expects 3 input channels (1 group), but chw.npy has 6: "
            f"{shapes('oihw', 'chw')}; its axis 0 is 3: leave {LAST} out",
        ),
        (
            ["conv", "-k", "depthwise.npy", "--depthwise", "nhwc.npy"],
            "groups must divide the kernel's 3 output channels; 8 does not: "
            f"{shapes('depthwise', 'nhwc')}; its last axis is 3: {LAST}",
        ),
        (
            ["conv", "-k", "bare.npy", "--depthwise", "hwc.npy"],
            "kernel reaches over 5 elements along W, but hwc.npy has 3 there: "
            f"{shapes('bare', 'hwc')}; its last axis is 3: {LAST}",
        ),
        (
            ["conv", "-k", "bare.npy", "grey.npy"],
            "kernel expects 1 input channel, but grey.npy has 8; --depthwise applies it to every "
            f"one: {shapes('bare', 'grey')}; its last axis is 1: {LAST}",
        ),
        (
            ["conv", "-k", "hwio.npy", "five.npy", "--bias", "[1,2,3,4]"],
            f"kernel expects 2 input channels (1 group), but five.npy has 5: "
            f"{shapes('hwio', 'five')}, bias (4,)",
        ),
        (
            ["conv", "-k", "hwio.npy", "nchw.npy"],
            f"kernel expects 2 input channels (1 group), but nchw.npy has 3: "
            f"{shapes('hwio', 'nchw')}; the kernel's axes look like (*spatial, I, O): "
            "np.transpose(kernel, (3, 2, 0, 1)) fits",
        ),
        (
            ["conv", "-k", "ohwi.npy", "nchw.npy"],
            f"kernel expects 2 input channels (1 group), but nchw.npy has 3: "
            f"{shapes('ohwi', 'nchw')}; the kernel's axes look like (O, *spatial, I): "
            "np.transpose(kernel, (0, 3, 1, 2)) fits",
        ),
        (
            ["conv", "-k", "four.npy", "nchw.npy"],
            "kernel expects 4 input channels (1 group), but nchw.npy has 3: "
            f"{shapes('four', 'nchw')}",
        ),
        (
            ["conv", "-k", "oihw.npy", "five.npy"],
            "kernel expects 3 input channels (1 group), but five.npy has 5: "
            f"{shapes('oihw', 'five')}",
        ),
        (
            ["conv", "-k", "oihw.npy", "-b", "[1]", "square.npy"],
            "bias has shape (1,); accepted: one number for each of the kernel's 4 output "
            f"channels, (4,), or one for all: {shapes('oihw', 'square')}, bias (1,)",
        ),
        (
            ["maxpool", "-k", "5", "hwc.npy"],
            "kernel reaches over 5 elements along W, but hwc.npy has 3 there: kernel (5, 5), input "
            f"(8, 6, 3); its last axis is 3: {LAST}",
        ),
        (
            ["maxpool", "-k", "6", "many.npy"],
            "kernel reaches over 6 elements along W, but many.npy has 5 there: kernel (6, 6), "
            "input (8, 6, 5)",
        ),
        (
            ["maxpool", "-k", "7", "hwc.npy"],
            "kernel reaches over 7 elements along H, but hwc.npy has 6 there: kernel (7, 7), input "
            "(8, 6, 3)",
        ),
        (
            ["batchnorm", "--weight", "gamma.npy", "nhwc.npy"],
            "weight has shape (3,); nhwc.npy has 8 channels: accepted are (8,) or a number: input "
            f"(2, 8, 6, 3); its last axis is 3: {LAST}",
        ),
        (
            ["batchnorm", "--weight", "gamma.npy", "--layout", "channels-last", "nchw.npy"],
            "weight has shape (3,); nchw.npy has 6 channels: accepted are (6,) or a number: input "
            f"(2, 3, 8, 6); its axis 1 is 3: leave {LAST} out",
        ),
        (
            ["batchnorm", "--weight", "gamma.npy", "five.npy"],
            "weight has shape (3,); five.npy has 5 channels: accepted are (5,) or a number: input "
            "(2, 5, 8, 6)",
        ),
        (
            ["batchnorm", "--weight", "gamma.npy", "--momentum", "2", "nchw.npy"],
            "momentum must be from 0 to 1, not 2.0: input (2, 3, 8, 6)",
        ),
        (
            ["dropout", "--mask", "mask.npy", "nhwc.npy"],
            "mask has shape (2, 3, 8, 6), but nhwc.npy has (2, 8, 6, 3): input (2, 8, 6, 3); "
            "np.moveaxis(mask, 1, -1) has that shape",
        ),
        (
            ["dropout", "--mask", "nhwc.npy", "nchw.npy"],
            "mask has shape (2, 8, 6, 3), but nchw.npy has (2, 3, 8, 6): input (2, 3, 8, 6); "
            "np.moveaxis(mask, -1, 1) has that shape",
        ),
        (
            ["dropout", "--mask", "five.npy", "nchw.npy"],
            "mask has shape (2, 5, 8, 6), but nchw.npy has (2, 3, 8, 6): input (2, 3, 8, 6)",
        ),
    ],
)
def test_channels_in_another_place(refused_here, call, reason):
    assert refused_here(*call) == f"cnnops {call[0]}: error: {reason}"


def test_the_call_that_is_proposed_is_right(called_here, tmp_path):
    called_here("conv", "-k", "oihw.npy", "--layout", "channels-last", "nhwc.npy", "-o", "y.npy")
    assert np.load(tmp_path / "y.npy").shape == (2, 7, 5, 4)
    np.save(tmp_path / "moved.npy", np.transpose(np.ones(SHAPES["hwio"]), (3, 2, 0, 1)))
    called_here("conv", "-k", "moved.npy", "nchw.npy", "-o", "z.npy")
    assert np.load(tmp_path / "z.npy").shape == (2, 4, 7, 5)


@pytest.fixture
def verdict(cnnops):
    """Run a check that does not hold, and give the lines below its verdict."""

    def checked(*arguments):
        result = cnnops(*arguments)
        assert (result.status, result.out) == (1, b"")
        return [line.strip() for line in result.err.splitlines()[1:]]

    return checked


@pytest.mark.parametrize(
    ("layout", "image", "expected", "other"),
    [
        ([], "nchw", "nhwc", "channels-last"),
        (["--layout", "channels-last"], "nhwc", "nchw", "channels-first"),
    ],
)
def test_what_is_expected_in_the_other_layout(verdict, layout, image, expected, other):
    call = ["maxpool", "-k", "1", *layout, f"{image}.npy", "--expect", f"{expected}.npy"]
    assert verdict(*call) == [
        f"shape {SHAPES[image]}, expected {SHAPES[expected]}",
        f"the expected shape is that of --layout {other}",
    ]
    assert len(verdict("maxpool", "-k", "1", "nchw.npy", "--expect", "five.npy")) == 1


def test_json_carries_no_dtype(cnnops, verdict, tmp_path):
    np.save(tmp_path / "golden.npy", np.array([1.5, 2], np.float32))
    (tmp_path / "x.json").write_text("[1.5,2]")
    np.save(tmp_path / "x.npy", np.array([1.5, 2]))
    call = ["dropout", "--eval", "--expect", "golden.npy"]
    differs = [
        "dtype float64, expected float32",
        "no value differs within rtol 1.3e-06 and atol 1e-05",
    ]
    sets_it = "JSON carries no dtype: --dtype float32 sets it"
    assert verdict(*call, "x.json") == [*differs, sets_it]
    assert verdict(*call, "[1.5,2]") == [*differs, sets_it]
    assert verdict(*call, "x.npy") == [*differs]
    assert verdict(*call, "x.json", "--dtype", "float64") == [*differs]
    piped = cnnops(*call, stdin="[1.5,2]")
    assert piped.status == 1
    assert piped.err == "\n  ".join(
        [
            "cnnops dropout: not equal to golden.npy within rtol 1.3e-06 and atol 1e-05",
            *differs,
            "JSON carries no dtype: -f npy before the pipe\n",
        ]
    )
    assert cnnops(*call, "--quiet", stdin="[1.5,2]").err == ""
    assert cnnops(*call, stdin=np.array([1.5, 2], np.float32)).status == 0


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (["--eval"], "not given: running_mean 0, running_var 1"),
        (["--eval", "--weight", "2"], "not given: running_mean 0, running_var 1"),
        (["--eval", "--running-mean", "0"], "not given: running_var 1"),
        (["--eval", "--running-mean", "0", "--running-var", "1"], None),
        (["--train"], None),
    ],
)
def test_statistics_that_nobody_gave_are_said_on_a_terminal(terminal, cnnops, options, note):
    call = ["batchnorm", *options, "[[1,2],[3,5]]"]
    shown = " ".join(terminal(*call, columns=120).lines)
    assert ("not given" in shown) == (note is not None)
    assert note is None or note in shown
    assert "not given" not in cnnops.text(*call, "-f", "table")
    assert "not given" not in " ".join(terminal(*call, "--quiet").lines)


def test_a_state_without_statistics_is_said_too(terminal, tmp_path):
    np.savez(tmp_path / "bn.npz", weight=np.ones(2))
    call = ["batchnorm", "--eval", "--state", "bn.npz", "[[1,2],[3,5]]", "-o", "y.npy"]
    (line,) = terminal(*call, columns=140).lines
    assert line.startswith("y.npy  (N 2, C 2)  float64")
    assert line.endswith("not given: running_mean 0, running_var 1")
