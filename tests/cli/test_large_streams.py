"""Large arrays that are compared, shown, and read and written by streams, as those in memory."""

from pathlib import Path

import pytest
from calling import CommandHere
from mapping import call_with


def done(result) -> None:
    assert (result.status, result.err) == (0, "")


POOLED = "maxpool -k 2 x.npy -o g.npy"


@pytest.mark.parametrize("output", ["", " -o y.npy"])
@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("maxpool -k 2 x.npy", 0),
        ("maxpool -k 2 big.npy", 0),
        ("maxpool -k 2 --relu x.npy", 1),
        ("maxpool -k 2 --relu x.npy --rtol 0.1", 1),
        ("maxpool -k 2 --relu x.npy --atol 10", 0),
        ("maxpool -k 2 x.npy --ulp 1", 0),
        ("maxpool -k 2 x.npy --dtype float64", 1),
        ("maxpool -k 2 x.npy --dtype float16", 1),
        ("maxpool -k 3 x.npy", 1),
    ],
)
def test_a_check(twice, call, status, output):
    name = next(word for word in call.split() if word.endswith(".npy")).removesuffix(".npy")
    written = ["y.npy"] if output else ["unnamed"]
    result = twice(POOLED, f"{call} --expect g.npy{output}", read=[name, "g"], written=written)
    assert result.status == status
    assert result.err.startswith("cnnops maxpool: ")


@pytest.mark.parametrize(("option", "status"), [("", 1), ("--equal-nan", 0)])
def test_a_check_of_nan(twice, option, status):
    before = "maxpool -k 1 strange.npy -o g.npy"
    call = f"maxpool -k 1 strange.npy --expect g.npy {option}"
    assert twice(before, call, read=["strange", "g"], written=["unnamed"]).status == status


@pytest.mark.parametrize("name", ["x", "strange"])
def test_what_is_expected_is_updated(twice, name):
    for start in ("maxpool -k 2 x.npy -o g.npy", "maxpool -k 3 x.npy -o g.npy"):
        call = f"maxpool -k 2 {name}.npy --expect g.npy --update-expected"
        result = twice(start, call, read=[name, "g"], written=["unnamed"])
        assert result.status == 0
    call = f"maxpool -k 2 {name}.npy --expect new.npy --update-expected"
    result = twice(call, read=[name], written=["unnamed"])
    assert result.err == "cnnops maxpool: new.npy created: (2, 4, 6, 8) float32\n"


@pytest.mark.parametrize("options", ["", "--stretch"])
@pytest.mark.parametrize("call", ["maxpool -k 1 pixels.npy", "batchnorm pixels.npy"])
def test_a_picture(twice, call, options):
    done(twice(f"{call} -o y.png {options}", read=["pixels"], written=["unnamed"]))


@pytest.mark.parametrize("view", ["v.txt", "v.svg", "v.html"])
def test_a_view_in_a_file(twice, view):
    done(twice(f"batchnorm x.npy --view {view} -o y.npy", read=["x"], written=["y.npy"]))
    done(twice(f"batchnorm x.npy --view {view}", read=["x"], written=["unnamed"]))


@pytest.mark.parametrize("format", ["json", "npy", "table"])
@pytest.mark.parametrize(
    "call",
    [
        "maxpool -k 2 x.npy",
        "batchnorm columns.npy",
        "dropout --seed 3 big.npy",
        "conv --depthwise -k [[1,2],[3,4]] odd.npy",
    ],
)
def test_standard_output_is_a_pipe(twice, call, format):
    name = call.split()[-1].removesuffix(".npy")
    done(twice(f"{call} -f {format}", read=[name], written=["unnamed"]))


@pytest.mark.parametrize("precision", ["", "--precision 3"])
def test_json_in_a_file(twice, precision):
    done(twice(f"batchnorm x.npy {precision} -o y.json", read=["x"], written=["unnamed"]))


@pytest.mark.parametrize("format", ["json", "npy"])
def test_standard_output_is_a_file(twice, format):
    def call(folder, arguments):
        return call_with(folder, arguments, Path("/dev/null"), folder / "out")

    done(twice(f"batchnorm x.npy -f {format}", read=["x"], written=["unnamed"], call=call))


def test_output_to_a_device(twice):
    done(twice("batchnorm x.npy -f npy -o /dev/stdout", read=["x"], written=["unnamed"]))


class TestStandardInput:
    """.npy on standard input: a file is mapped, a pipe fills an unnamed file."""

    CALLS = (
        "maxpool -k 2 -o y.npy",
        "batchnorm --state state.npz --save-state state.npz -o y.npy",
        "conv -k k.npy -o y.npy",
        "dropout --mask mask.npy -o y.npy",
    )

    def others(self, call):
        return [name for name in ("k", "mask") if f" {name}.npy" in call]

    @pytest.mark.parametrize("name", ["x", "columns", "big", "odd"])
    @pytest.mark.parametrize("before", [0, 1, 5000])
    @pytest.mark.parametrize("call", CALLS)
    def test_a_file(self, twice, call, before, name):
        for folder in (twice.memory, twice.mapped):
            data = (folder / f"{name}.npy").read_bytes()
            (folder / "in.npy").write_bytes(bytes(before) + data)

        def start(folder, arguments):
            return call_with(folder, arguments, folder / "in.npy", skip=before)

        read = ["in", *self.others(call)]
        done(twice(call, read=read, written=["y.npy"], call=start))

    @pytest.mark.parametrize("name", ["x", "columns", "big", "odd", "bool"])
    @pytest.mark.parametrize("call", CALLS)
    def test_a_pipe(self, twice, call, name):
        data = (twice.memory / f"{name}.npy").read_bytes()

        def start(folder, arguments):
            return CommandHere(folder)(*arguments, stdin=data)

        written = ["y.npy", "unnamed"]
        done(twice(call, read=self.others(call), written=written, call=start))

    def test_a_pipe_to_a_pipe(self, twice):
        data = (twice.memory / "x.npy").read_bytes()

        def start(folder, arguments):
            return CommandHere(folder)(*arguments, stdin=data)

        written = ["unnamed", "unnamed"]
        done(twice("batchnorm -f npy", read=[], written=written, call=start))

    def test_a_kernel_on_standard_input(self, twice):
        data = (twice.memory / "k.npy").read_bytes()

        def start(folder, arguments):
            return CommandHere(folder)(*arguments, stdin=data)

        call = "conv -k - x.npy -o y.npy"
        done(twice(call, read=["x"], written=["y.npy", "unnamed"], call=start))


def test_text_and_small_files_are_not_mapped(twice):
    done(twice("dropout --eval [1,2,3] -o y.npy", read=[]))
    done(twice("dropout --eval bias.npy -o y.npy", read=[]))


@pytest.mark.parametrize("call", ["maxpool -k 2", "batchnorm", "dropout", "conv -k k.npy"])
def test_a_dry_run_maps_nothing(twice, call):
    done(twice(f"{call} x.npy --dry-run", read=[]))
