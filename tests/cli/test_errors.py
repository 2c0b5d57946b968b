"""Bad calls: status 2, nothing on standard output, one line that names what failed."""

import subprocess

import numpy as np
import pytest

PLANE = "[[1,2,3],[4,5,6]]"
CHANNELS = "[[[1,2],[3,4]],[[5,6],[7,8]],[[9,10],[11,12]]]"
ONE = ["-k", "[[1]]"]


def refused(cnnops, call, named, **options):
    reason = cnnops.refusal(*call, **options)
    for text in named:
        assert text in reason, reason
    return reason


def test_the_house_example_is_literal(cnnops, tmp_path):
    np.save(tmp_path / "kernel.npy", np.zeros((8, 4, 3, 3)))
    tensor = np.zeros((1, 3, 32, 32))
    np.save(tmp_path / "input.npy", tensor)
    np.save(tmp_path / "photo.npy", tensor)
    call = ["conv", "-k", "kernel.npy"]
    shapes = "kernel (8, 4, 3, 3), input (1, 3, 32, 32)"
    expected = "kernel expects 4 input channels (1 group), but {} has 3: " + shapes
    assert cnnops(*call, "input.npy").err == (
        f"cnnops conv: error: {expected.format('input.npy')}\n"
    )
    assert cnnops.refusal(*call, "photo.npy") == expected.format("photo.npy")
    assert cnnops.refusal(*call, stdin=tensor) == expected.format("input")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ([*ONE, "-s", "0", PLANE], ["stride", "0"]),
        ([*ONE, "-s", "-1", PLANE], ["stride", "-1"]),
        ([*ONE, "-s", "1.5", PLANE], ["--stride", "1.5"]),
        ([*ONE, "-s", "two", PLANE], ["--stride", "two"]),
        ([*ONE, "-s", "", PLANE], ["--stride"]),
        ([*ONE, "-s", "1,", PLANE], ["--stride", "1,"]),
        ([*ONE, "-s", "1,2,3", PLANE], ["stride", "3", "2"]),
        ([*ONE, "-d", "0", PLANE], ["dilation", "0"]),
        ([*ONE, "-d", "1,2,3", PLANE], ["dilation", "3", "2"]),
        ([*ONE, "-p", "-1", PLANE], ["padding", "-1"]),
        ([*ONE, "-p", "1,2,3", PLANE], ["padding", "3", "2"]),
        ([*ONE, "-p", "1:2,3:4,5:6", PLANE], ["padding", "3", "2"]),
        ([*ONE, "-p", "1:2:3", PLANE], ["--padding", "1:2:3"]),
        ([*ONE, "-p", "0:-1", PLANE], ["padding", "-1"]),
        ([*ONE, "-g", "0", PLANE], ["groups", "0"]),
        ([*ONE, "-g", "x", PLANE], ["--groups", "x"]),
        ([*ONE, "--dims", "4", PLANE], ["--dims", "4", "3"]),
        (["-k", "[1,2]", "--dims", "2", PLANE], ["kernel", "rank 1", "2-D"]),
        (["-k", "5", PLANE], ["kernel", "rank 0"]),
        (["-k", "[[]]", PLANE], ["kernel", "empty"]),
        (["-k", "[[[[[[1]]]]]]", PLANE], ["kernel", "rank 6"]),
        (["-k", "[[1,2],[3,4],[5,6]]", PLANE], ["kernel", "3", "2"]),
        (["-k", "[[1,1,1]]", "-d", "1,2", PLANE], ["kernel", "5", "3"]),
        ([*ONE, "[1,2,3]"], ["input", "rank 1"]),
        ([*ONE, "[[[[[1]]]]]"], ["input", "rank 5"]),
        ([*ONE, CHANNELS], ["1 input channel", "has 3"]),
        (["-k", "[[[[1]]],[[[1]]]]", "-g", "3", CHANNELS], ["groups", "3", "2"]),
        (["-k", "[[[[1]]],[[[1]]]]", "-g", "2", CHANNELS], ["groups", "2", "3"]),
        (["-k", "[[[[1]]],[[[1]]]]", "--depthwise", CHANNELS], ["3", "2"]),
        ([*ONE, "--depthwise", "-g", "2", CHANNELS], ["--depthwise", "--groups"]),
        ([*ONE, "-b", "[1,2]", PLANE], ["bias", "(2,)", "(1,)"]),
        ([*ONE, "-b", "[[1]]", PLANE], ["bias", "(1, 1)", "(1,)"]),
        ([*ONE, "--precision", "-1", PLANE], ["--precision", "-1"]),
        ([*ONE, "--threads", "0", PLANE], ["--threads", "0"]),
        ([*ONE, "--threads", "x", PLANE], ["--threads", "x"]),
        ([*ONE, "-q", "-f", "table", PLANE], ["--quiet", "--format"]),
        ([*ONE, PLANE, "[[1]]"], ["[[1]]"]),
        ([PLANE, "-k"], ["-k"]),
    ],
)
def test_conv_calls(cnnops, options, named):
    refused(cnnops, ["conv", *options], named)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (["covn", PLANE], ["covn", "conv"]),
        (["maxpol", PLANE], ["maxpol", "maxpool"]),
        (["batch-norm", PLANE], ["batch-norm", "batchnorm"]),
        (["--versoin"], ["--versoin", "--version"]),
        (["conv", *ONE, "--strid", "2", PLANE], ["--strid", "--stride"]),
        (["conv", *ONE, "--pading", "2", PLANE], ["--pading", "--padding"]),
        (["maxpool", "-k", "1", "--ceil", PLANE], ["--ceil", "--ceil-mode"]),
        (["batchnorm", "--runing-mean", "0", PLANE], ["--runing-mean", "--running-mean"]),
        (["dropout", "--mask-out", "m.npy", PLANE], ["--mask-out", "--mask-output"]),
        (["conv", *ONE, "-p", "smae", PLANE], ["smae", "same"]),
        (["conv", *ONE, "-p", "same_upper", PLANE], ["same_upper", "same-upper"]),
        (["conv", *ONE, "--padding-mode", "reflekt", PLANE], ["reflekt", "reflect"]),
        (["conv", *ONE, "--layout", "channel-last", PLANE], ["channel-last", "channels-last"]),
        (["conv", *ONE, "--dtype", "flaot32", PLANE], ["flaot32", "float32"]),
        (["conv", *ONE, "-f", "jsno", PLANE], ["jsno", "json"]),
        (["maxpool", "-k", "1", "-o", "y.nyp", PLANE], ["y.nyp", ".npy"]),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(cnnops, call, named):
    reason = refused(cnnops, call, named)
    assert "did you mean" in reason.lower()


def test_unsupported_types_are_refused_by_name(cnnops):
    for name in ("complex64", "object", "float128", "str"):
        refused(cnnops, ["conv", *ONE, "--dtype", name, PLANE], ["--dtype", name, "float32"])


def test_standard_input_can_be_only_one_tensor(cnnops, tmp_path):
    refused(cnnops, ["conv", "-k", "-"], ["standard input", "kernel", "input"], stdin="[[1]]")
    call = ["conv", "-k", "-", "--bias", "-", PLANE]
    refused(cnnops, call, ["standard input", "kernel", "bias"], stdin="[[1]]")


def test_the_argument_with_the_bad_data_is_named(cnnops, tmp_path):
    (tmp_path / "bad.json").write_text("[1,")
    refused(cnnops, ["conv", *ONE, "bad.json"], ["bad.json"])
    refused(cnnops, ["conv", *ONE, "-b", "bad.json", PLANE], ["bias", "bad.json"])
    refused(cnnops, ["conv", *ONE, "-b", "[1,", PLANE], ["bias", "[1,"])
    refused(cnnops, ["conv", *ONE, "-b", "[null]", PLANE], ["bias", "null"])
    refused(cnnops, ["conv", *ONE], ["standard input"], stdin="[1,")
    refused(cnnops, ["conv", "-k", "-", PLANE], ["kernel", "standard input"], stdin="[1,")


def test_missing_files_and_folders(cnnops, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.npy").mkdir()
    refused(cnnops, ["conv", *ONE, "gone.npy"], ["gone.npy"])
    refused(cnnops, ["conv", "-k", "gone", PLANE], ["kernel", "gone"])
    refused(cnnops, ["conv", *ONE, "folder/gone.json"], ["folder/gone.json"])
    refused(cnnops, ["conv", *ONE, "folder"], ["folder", "directory"])
    refused(cnnops, ["conv", *ONE, "folder.npy"], ["folder.npy", "directory"])
    refused(cnnops, ["conv", *ONE, ""], ["INPUT", "empty"])


@pytest.mark.parametrize(
    "name",
    [
        *["x[red].npy", "./[bold]x.npy", "x[/].npy", "./[/red]", "100%d{x}.npy", "a b'c\"d.npy"],
        *["täst-✓.npy", "n" * 200 + ".npy", "C:\\dir\\x.npy", "x[2, 3].json"],
    ],
)
def test_names_survive_in_messages(cnnops, name):
    coloured_and_narrow = {"COLUMNS": "20", "FORCE_COLOR": "1"}
    call = ["conv", *ONE, name]
    reason = refused(cnnops, call, [name.removeprefix("./")], env=coloured_and_narrow)
    assert "\x1b" not in reason


def test_names_that_would_break_the_line_do_not(cnnops):
    for name in ("two\nlines.npy", "return\r.npy", "\x1b[31mred.npy", b"\xff\xfe.npy", "a\x85b"):
        reason = cnnops.refusal("conv", *ONE, name)
        assert "\x1b" not in reason
        assert "\x85" not in reason


def test_shapes_keep_their_brackets(cnnops):
    reason = cnnops.refusal("batchnorm", "--weight", "[1, 2, 3]", "[[1, 2], [3, 4]]")
    assert "(3,)" in reason
    assert "[2, 3" in cnnops.refusal("conv", "-k", "[2, 3", PLANE)


def test_an_error_is_the_same_on_a_terminal(cnnops, terminal):
    call = ["conv", "-k", "[[1,2],[3,4],[5,6]]", "-o", "y.npy", PLANE]
    screen = terminal(*call, columns=40)
    assert screen.status == 2
    assert screen.raw == cnnops(*call).err
    long_name = "n" * 120 + "[2, 3].npy"
    screen = terminal("conv", *ONE, long_name, columns=40, on=("stderr",))
    assert (screen.status, screen.out) == (2, b"")
    assert long_name in screen.raw
    assert screen.raw.count("\n") == 1


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (["conv", *ONE, "--threads", "x", PLANE], ["--threads", "'x'", "1 or more"]),
        (["batchnorm", "--eps", "x", PLANE], ["--eps", "'x'", "number"]),
        (["dropout", "--seed", "-1", PLANE], ["--seed", "'-1'", "0 or more"]),
        (["dropout", "--precision", "401", PLANE], ["--precision", "'401'", "0 to 400"]),
        (["dropout", "-0.5"], ["--", "negative number"]),
        (["conv", *ONE, "-p", "SAME", PLANE], ["SAME", "same-upper", "did you mean same"]),
        (["--dtype", "int8", "conv"], ["--dtype", "options follow the command"]),
        (["conv", "-k", "[]", CHANNELS], ["kernel is empty"]),
        (["dropout", "--eval", "--channelwise", "[1]"], ["channelwise", "rank 1"]),
        (["dropout", "--eval", "--mask", "[1]", "[1,2]"], ["mask", "(1,)", "(2,)"]),
    ],
)
def test_reasons_say_what_would_do(cnnops, call, named):
    refused(cnnops, call, named)


def test_an_unwritable_standard_error_keeps_the_status(installed):
    with open("/dev/full", "wb") as full:
        with installed.start("dropout", "gone", stderr=full) as process:
            assert process.wait(60) == 2
    with installed.start("dropout", "gone", setup="exec 2>&-", stdout=subprocess.PIPE) as process:
        assert process.communicate(timeout=60)[0] == b""
        assert process.returncode == 2


def test_an_option_and_its_value(cnnops):
    refused(cnnops, ["conv", "--no-bias=1", PLANE], ["--no-bias takes no value"])
    refused(cnnops, ["conv", PLANE, "--bias"], ["--bias needs a value"])
