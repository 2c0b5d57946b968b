"""Calls of new users: the answer names what was meant, and right calls are not hindered."""

import numpy as np
import pytest

KERNEL = ["-k", "[[1,0],[0,1]]"]
NEEDS_KERNEL = "conv needs --kernel TENSOR, or --out-channels N with --kernel-size SIZE"
PARAMETERS = ["gamma.npy", "beta.npy", "running_mean.npy", "bn.npz:running_var"]


@pytest.mark.parametrize(
    ("call", "stray", "meant"),
    [
        (["conv", *KERNEL, "--stride", "1", "2", "x.npy"], "2", "--stride 1,2"),
        (["conv", *KERNEL, "--stride=1", "2", "x.npy"], "2", "--stride 1,2"),
        (["conv", *KERNEL, "-s", "1", "2", "x.npy"], "2", "--stride 1,2"),
        (["conv", *KERNEL, "-s1", "2", "x.npy"], "2", "--stride 1,2"),
        (["conv", *KERNEL, "-s", "1,", "2", "x.npy"], "2", "--stride 1,2"),
        (["conv", *KERNEL, "-s", "1", ",2", "x.npy"], None, None),
        (["conv", *KERNEL, "x.npy", "--stride", "1", "2"], "2", "--stride 1,2"),
        (["conv", *KERNEL, "-s", "1", "2", "3", "x.npy"], "2", "--stride 1,2,3"),
        (["conv", *KERNEL, "-s", "1", "2", "-o", "out/", "x.npy"], "2", "--stride 1,2"),
        (["conv", *KERNEL, "-s", "1", "2"], "2", "--stride 1,2"),
        (["conv", *KERNEL, "--padding", "1", "1", "x.npy"], "1", "--padding 1,1"),
        (["conv", *KERNEL, "-p", "0:1", "1:0", "x.npy"], "1:0", "--padding 0:1,1:0"),
        (["conv", *KERNEL, "--dilation", "2", "2", "x.npy"], "2", "--dilation 2,2"),
        (
            ["conv", "--out-channels", "4", "--kernel-size", "3", "3", "x.npy"],
            *("3", "--kernel-size 3,3"),
        ),
        (["maxpool", "-k", "2", "2", "x.npy"], "2", "--kernel 2,2"),
        (["maxpool", "--kernel-size", "2", "3", "x.npy"], "3", "--kernel 2,3"),
        (["maxpool", "-k", "2", "2"], "2", "--kernel 2,2"),
    ],
)
def test_sizes_are_joined_by_a_comma(refused_here, call, stray, meant):
    if stray is None:
        assert "several INPUTs, as ,2 and x.npy" in refused_here(*call)
        return
    assert refused_here(*call) == (
        f"cnnops {call[0]}: error: no file is called {stray}; sizes are joined by a comma: {meant}"
    )


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            ["conv", *KERNEL, "--explain", "--at", "0", "1", "x.npy"],
            "no file is called 1; an index is joined by a comma: --at 0,1",
        ),
        (
            ["conv", *KERNEL, "--explain", "--at", "0", "0", "--at", "0", "-1", "x.npy"],
            "no file is called 0; an index is joined by a comma: --at 0,0",
        ),
        (
            ["conv", *KERNEL, "--explain", "--at", "0", "-1", "x.npy"],
            "no file is called -1; an index is joined by a comma: --at 0,-1",
        ),
        (
            ["conv", *KERNEL, "--bias", "1", "2", "x.npy"],
            "no file is called 2; JSON text has brackets: --bias '[1,2]'",
        ),
        (
            ["conv", *KERNEL, "--threads", "1", "2", "x.npy"],
            "no file is called 2; --threads takes one number",
        ),
        (["dropout", "0.3", "x.npy"], "no file is called 0.3; the chance is --p 0.3"),
        (["dropout", ".3", "x.npy"], "no file is called .3; the chance is --p .3"),
        (["dropout", "x.npy", "0.3"], "no file is called 0.3; the chance is --p 0.3"),
        (["dropout", "--eval", "1", "x.npy"], "no file is called 1; the chance is --p 1"),
        (
            ["dropout", "--seed", "7", "0.3", "x.npy"],
            "no file is called 0.3; the chance is --p 0.3",
        ),
        (["dropout", "-p", "0.3", "7", "x.npy"], "no file is called 7; --p takes one number"),
        (["maxpool", "2", "x.npy"], "no file is called 2; the kernel size is --kernel 2"),
        (["maxpool", "x.npy", "2"], "no file is called 2; the kernel size is --kernel 2"),
        (["maxpool", "2", "2", "x.npy"], "no file is called 2; the kernel size is --kernel 2,2"),
        (["maxpool", "2"], "no file is called 2; the kernel size is --kernel 2"),
        (
            ["batchnorm", "0.1", "x.npy"],
            "no file is called 0.1; a number is --momentum 0.1 or --eps 0.1",
        ),
        (
            ["conv", "-k", "[[1,", "0]]", "x.npy"],
            "JSON text needs quotes: -k '[[1, 0]]'",
        ),
        (["conv", "-kernel", "k.json", "x.npy"], "no such option: -kernel; did you mean --kernel?"),
        (
            ["conv", *KERNEL, "-stride", "2", "x.npy"],
            "no such option: -stride; did you mean --stride?",
        ),
        (["maxpool", "-k", "2", "-quiet", "x"], "no such option: -quiet; did you mean --quiet?"),
    ],
)
def test_a_number_or_word_in_the_wrong_place(refused_here, call, reason):
    assert refused_here(*call) == f"cnnops {call[0]}: error: {reason}"


@pytest.mark.parametrize(
    ("inputs", "meant"),
    [
        (["digit.npy", "sobel.json"], "--kernel sobel.json"),
        (["sobel.json", "digit.npy"], "--kernel sobel.json"),
        (["digit.npy", "[[1,0]]"], "--kernel '[[1,0]]'"),
        (["digit.npy", "w.npz:conv1.weight"], "--kernel w.npz:conv1.weight"),
        (["x.npy", "w.npy", "b.npy"], "--kernel w.npy --bias b.npy"),
        (["k.json"], "--kernel k.json"),
        (["one.npy", "other.npy"], None),
        (["one.json", "other.json"], None),
        (["a.json", "b.npy", "c.npy"], None),
        (["x.npy"], None),
        (["weights.npy", "kernel.npy"], None),
    ],
)
def test_conv_needs_a_kernel_before_anything_else(refused_here, inputs, meant):
    hint = "" if meant is None else f"; did you mean {meant}?"
    assert refused_here("conv", *inputs) == f"cnnops conv: error: {NEEDS_KERNEL}{hint}"


def test_maxpool_needs_a_kernel_before_anything_else(refused_here):
    needs = "cnnops maxpool: error: maxpool needs --kernel SIZE, such as -k 2 or -k 2,3"
    assert refused_here("maxpool", "x.npy") == needs
    assert refused_here("maxpool", "x.npy", "y.npy") == needs


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (["batchnorm", "x.npy", "gamma.npy"], "--gamma gamma.npy"),
        (
            ["batchnorm", "x.npy", *PARAMETERS],
            "--gamma gamma.npy --beta beta.npy --running-mean running_mean.npy "
            "--running-var bn.npz:running_var",
        ),
        (["batchnorm", "x.npy", "gamma.npy", "-o", "y.npy"], "--gamma gamma.npy"),
        (["dropout", "x.npy", "mask.npy"], "--mask mask.npy"),
    ],
)
def test_parameters_are_given_by_option(refused_here, call, meant):
    assert refused_here(*call) == (
        f"cnnops {call[0]}: error: several INPUTs need -o DIRECTORY/; did you mean {meant}?"
    )


IS_A_SIZE = "--kernel takes a tensor; a size is maxpool's, or --kernel-size of a new layer"
NO_SIZE = "is not a size: an integer such as 2, or one per axis, as 1,2"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (["conv", "-k", "3,3", "x.npy"], f"3,3 is not a file: {IS_A_SIZE}"),
        (["conv", "-k", "3x3", "x.npy"], f"3x3 is not a file: {IS_A_SIZE}"),
        (["conv", "-k", "3", "x.npy"], f"3 has rank 0: {IS_A_SIZE}"),
        (["conv", "-k", "3", "3", "x.npy"], f"3 has rank 0: {IS_A_SIZE}"),
        (["conv", "-k", "3", "--out-channels", "4", "x.npy"], f"3 has rank 0: {IS_A_SIZE}"),
        (
            ["conv", *KERNEL, "--bias", "1,2", "x.npy"],
            "--bias: no such file: 1,2; JSON text has brackets: '[1,2]'",
        ),
        (
            ["batchnorm", "--weight", "1 -2.5", "x.npy"],
            "--weight: no such file: 1 -2.5; JSON text has brackets: '[1,-2.5]'",
        ),
        (
            ["dropout", "--expect", "1,2", "[1]"],
            "--expect: no such file: 1,2; JSON text has brackets: '[1,2]'",
        ),
        (["dropout", "1,2"], "INPUT: no such file: 1,2; JSON text has brackets: '[1,2]'"),
        (["dropout", "2024-05-01"], "INPUT: no such file: 2024-05-01"),
        (
            ["maxpool", "-k", "k.json", "x.npy"],
            "--kernel k.json: maxpool takes a size, such as 2 or 2,3; a tensor is conv's",
        ),
        (
            ["maxpool", "-k", "[[1,2]]", "x.npy"],
            "--kernel [[1,2]]: maxpool takes a size, such as 2 or 2,3; a tensor is conv's",
        ),
        (["maxpool", "-k", "3x3", "x.npy"], f"--kernel: '3x3' {NO_SIZE}; did you mean 3,3?"),
        (["maxpool", "-k", "[3,3]", "x.npy"], f"--kernel: '[3,3]' {NO_SIZE}; did you mean 3,3?"),
        (["maxpool", "-k", "three", "x.npy"], f"--kernel: 'three' {NO_SIZE}"),
        (
            ["conv", *KERNEL, "--stride", "(1, 2)", "x.npy"],
            f"--stride: '(1, 2)' {NO_SIZE}; did you mean 1,2?",
        ),
        (
            ["conv", *KERNEL, "--padding", "2x2", "x.npy"],
            f"--padding: '2x2' {NO_SIZE}; did you mean 2,2?",
        ),
        (
            ["conv", *KERNEL, "--explain", "--at", "0x0", "x.npy"],
            "--at: '0x0' is not an index: one integer or : per axis of the result, as 0,1,2 or "
            "0,:,2; did you mean 0,0?",
        ),
    ],
)
def test_a_size_is_no_tensor_and_a_tensor_no_size(refused_here, call, reason):
    assert refused_here(*call) == f"cnnops {call[0]}: error: {reason}"


def test_files_that_are_called_like_sizes_are_taken(called_here, tmp_path):
    for name in ("3", "3,3", "3x3"):
        (tmp_path / name).write_text("[[1,0],[0,1]]")
        assert called_here("conv", "-k", name, "[[1,2],[3,4]]") == "[[5]]\n"
        assert called_here("maxpool", "-k", "2", name) == "[[1]]\n"


def test_several_inputs_whose_names_say_nothing(refused_here):
    for call in (["batchnorm", "a.npy", "b.npy"], ["dropout", "7", "a.npy"]):
        assert refused_here(*call) == (
            f"cnnops {call[0]}: error: several INPUTs, as {call[1]} and {call[2]}, need a directory"
            " for their results: -o DIRECTORY/"
        )


def test_what_is_really_there_is_taken(called_here, tmp_path):
    for name in ("2", "0.3", "gamma.json", "mask.json"):
        (tmp_path / name).write_text("[[1,2],[3,4]]")
    (tmp_path / "x.npy").write_bytes(b"")
    np.save(tmp_path / "x.npy", np.ones((2, 2)))
    assert called_here("maxpool", "-k", "2", "2") == "[[4]]\n"
    called_here("maxpool", "-k", "2", "2", "x.npy", "-o", "pooled/")
    called_here("dropout", "0.3", "x.npy", "-o", "dropped/")
    called_here("batchnorm", "x.npy", "gamma.json", "-o", "normed/")
    called_here("dropout", "x.npy", "mask.json", "-o", "masked/")
    found = {
        path.name for folder in tmp_path.iterdir() if folder.is_dir() for path in folder.iterdir()
    }
    assert found == {"2.npy", "x.npy", "0.3.npy", "gamma.json", "mask.json"}
    assert called_here("dropout", "--p", "0", "0.5") == "0.5\n"
    assert called_here("dropout", "--eval", "7") == "7\n"
