"""The view on a terminal and as a plain table in a pipe."""

import re

import numpy as np
import pytest

AS_IT_IS = ["maxpool", "-k", "1"]
PLANE = "[[6521,8743],[10965,131]]"
HEADER = r"min\D*131\b.*max\D*10965\b.*mean\D*6590\b"


def numbers(line):
    return re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", line)


def rows(lines, count):
    """The lines below the header that hold exactly `count` numbers."""
    return [line for line in lines[1:] if len(numbers(line)) == count]


def ends(line):
    return [found.end() for found in re.finditer(r"-?\d+", line)]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_header_and_an_aligned_grid(terminal, columns):
    screen = terminal(*AS_IT_IS, PLANE, columns=columns)
    assert screen.status == 0
    assert all(len(line) <= columns for line in screen.lines)
    head = " ".join(screen.lines[:3])
    assert "int64" in head
    assert re.search(r"2\D{1,4}2", head)
    assert re.search(HEADER, head)
    first, second = (
        line for line in screen.lines if numbers(line) in (["6521", "8743"], ["10965", "131"])
    )
    assert ends(first) == ends(second)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_what_does_not_fit_is_a_heat_map_between_its_corners(cnnops, terminal, tmp_path, columns):
    np.save(tmp_path / "x.npy", np.arange(10_000, 20_000).reshape(100, 100))
    screen = terminal(*AS_IT_IS, "x.npy", columns=columns, rows=24)
    assert screen.status == 0
    assert all(len(line) <= columns for line in screen.lines)
    assert len(screen.lines) < 24
    shown = set(numbers(screen.shown))
    assert {"10000", "10099", "19900", "19999"} <= shown
    assert "15050" not in shown
    pictured = [line for line in screen.lines if "▀" in line]
    assert len({len(line) for line in pictured}) == 1
    width = len(pictured[0])
    text = " ".join(screen.lines)
    assert abs(width - 2 * len(pictured)) <= 1
    assert re.search(rf"mean of {100 / width:.4g} × {100 / width:.4g} values", text)


def test_every_plane_has_its_grid(terminal):
    screen = terminal("dropout", "--eval", "[[[[11,12]],[[21,22]]],[[[31,32]],[[41,42]]]]")
    labels, values = screen.lines[-2:]
    assert re.split(" {3,}", labels) == ["[0, 0]", "[0, 1]", "[1, 0]", "[1, 1]"]
    assert [float(n) for n in numbers(values)] == [11, 12, 21, 22, 31, 32, 41, 42]
    assert labels.index("[1, 0]") == values.index("31")


@pytest.mark.parametrize(
    ("stdin", "shape"),
    [
        (np.zeros((0, 3)), r"0\D{1,4}3"),
        (np.array(5.0), r"float64"),
        (np.array([1.5]), r"float64"),
        (np.full((2, 3), np.nan), r"2\D{1,4}3"),
        (np.zeros((40, 30, 3, 3)), r"40\D{1,4}30\D{1,4}3\D{1,4}3"),
        (np.array([1e-300, 1e300, -1e300, 5e-324]), "float64"),
    ],
    ids=["empty", "scalar", "one", "all NaN", "many planes", "extremes"],
)
def test_unusual_tensors_can_be_seen(terminal, stdin, shape):
    for columns in (20, 80):
        screen = terminal(
            "dropout", "--eval", stdin=stdin, on=("stdout", "stderr"), columns=columns
        )
        assert screen.status == 0
        assert all(len(line) <= columns for line in screen.lines)
        assert len(screen.lines) < 400
    assert re.search(shape, screen.shown)


def test_a_table_in_a_pipe_is_plain_and_stable(cnnops, terminal):
    call = ["dropout", "--eval", "-f", "table", "[[NaN,1.5],[Infinity,-Infinity]]"]
    first = cnnops.text(*call)
    assert "\x1b" not in first
    assert "nan" in first.lower()
    assert len(re.findall("inf", first, re.IGNORECASE)) >= 2
    assert all(len(line) <= 80 for line in first.splitlines())
    assert cnnops.text(*call) == first
    assert cnnops.text(*call, env={"LANG": "de_DE.UTF-8", "TERM": "dumb"}) == first
    assert terminal(*call, on=("stdin", "stderr")).out.decode() == first


def test_the_algorithm_is_left_to_a_dry_run(cnnops, terminal):
    call = ["conv", "-k", "[[1,2],[3,4]]", "[[1,2,3],[4,5,6]]"]
    first = "conv  (H 1, W 2)  int64  min 37  max 47  mean 42  std 5"
    assert terminal(*call, columns=120).lines[0] == first
    assert cnnops.text(*call, "-f", "table").splitlines()[0] == first
    written = terminal(*call, "-o", "y.npy", on=("stderr",))
    assert written.shown == first.replace("conv", "y.npy") + "\n"
    assert "  algorithm: matrix product, in float32" in terminal(*call, "--dry-run").lines


def test_only_the_streams_that_are_terminals_count(cnnops, terminal):
    piped = terminal(*AS_IT_IS, "[[1,2]]", on=("stdin", "stderr"))
    assert (piped.status, piped.out, piped.raw) == (0, b"[[1,2]]\n", "")
    shown = terminal(*AS_IT_IS, stdin="[[1,2]]", on=("stdout",))
    assert (shown.status, shown.err) == (0, "")
    assert "int64" in shown.shown


def test_a_tensor_can_be_typed(terminal):
    call = {"typed": b"[[1,2]]\n\x04", "on": ("stdin",)}
    notice = "cnnops maxpool: reading JSON from the terminal; end with Ctrl-D\n"
    for argument in ([], ["-"], ["-f", "json"]):
        screen = terminal(*AS_IT_IS, *argument, **call)
        assert (screen.status, screen.out, screen.err) == (0, b"[[1,2]]\n", notice)
    screen = terminal(*AS_IT_IS, "[[1,2]]", "--expect", "-", **call)
    assert (screen.status, screen.err.startswith(notice)) == (0, True)
    for quiet in (["-q"], ["-q", "[[1,2]]"]):
        screen = terminal(*AS_IT_IS, *quiet, **call)
        assert (screen.status, screen.out, screen.err) == (0, b"[[1,2]]\n", "")


def test_json_and_quiet_on_a_terminal_are_the_line_of_a_pipe(cnnops, terminal):
    piped = cnnops.text(*AS_IT_IS, PLANE)
    for options in (["-f", "json"], ["-q"], ["-q", "-f", "json"]):
        screen = terminal(*AS_IT_IS, PLANE, *options)
        assert (screen.status, screen.raw) == (0, piped)


def test_npy_bytes_are_not_sent_to_a_terminal(terminal, tmp_path):
    screen = terminal(*AS_IT_IS, "-f", "npy", PLANE)
    assert screen.status == 2
    assert screen.raw.startswith("cnnops maxpool: error: ")
    assert screen.raw.count("\n") == 1
    assert "terminal" in screen.raw
    elsewhere = terminal(*AS_IT_IS, "-f", "npy", PLANE, on=("stdin", "stderr"))
    assert (elsewhere.status, elsewhere.raw) == (0, "")
    assert elsewhere.out.startswith(b"\x93NUMPY")


@pytest.mark.parametrize("on", [("stdin", "stdout", "stderr"), ("stderr",)])
def test_a_summary_of_the_written_file_goes_to_a_terminal(terminal, tmp_path, on):
    call = [*AS_IT_IS, PLANE, "-o", "result.npy"]
    screen = terminal(*call, on=on)
    assert (screen.status, screen.out) == (0, b"")
    (summary,) = screen.lines
    assert "result.npy" in summary
    assert "int64" in summary
    assert re.search(r"2\D{1,4}2", summary)
    assert np.load(tmp_path / "result.npy").tolist() == [[6521, 8743], [10965, 131]]
    quiet = terminal(*call, "-q", on=on)
    assert (quiet.status, quiet.out, quiet.raw) == (0, b"", "")


def test_a_seed_that_was_drawn_is_named_and_repeats_the_result(cnnops, terminal, tmp_path):
    np.save(tmp_path / "x.npy", np.ones(60))
    view = terminal("dropout", "x.npy", "-f", "table")
    seed = re.search(r"seed\D*(\d+)", view.shown).group(1)
    assert terminal("dropout", "x.npy", "-f", "table", "--seed", seed).raw == view.raw
    summary = terminal("dropout", "x.npy", "-o", "y.npy")
    (line,) = summary.lines
    seed = re.search(r"seed\D*(\d+)", line).group(1)
    again = cnnops.array("dropout", "x.npy", "--seed", seed)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), again)


def test_colour_is_for_terminals_that_want_it(terminal, cnnops):
    call = ["dropout", "--eval", "[[NaN,1.5],[Infinity,-2]]"]
    plain = cnnops.text(*call, "-f", "table")
    colourful = terminal(*call)
    assert colourful.coloured
    assert [line.rstrip() for line in colourful.lines] == plain.splitlines()
    assert terminal(*call, env={"NO_COLOR": ""}).coloured
    for off in ({"NO_COLOR": "1"}, {"FORCE_COLOR": "0"}, {"TERM": "dumb"}):
        screen = terminal(*call, env=off)
        assert not screen.coloured
        assert screen.shown == plain
    assert not terminal(*call, "--no-color").coloured
    assert "\x1b" not in terminal(*call, env={"TERM": "dumb"}).raw


def test_force_color_reaches_a_table_in_a_pipe_and_nothing_else(cnnops):
    call = ["dropout", "--eval", "[[NaN,1.5],[Infinity,-2]]"]
    forced = {"FORCE_COLOR": "1"}
    assert "\x1b[" in cnnops.text(*call, "-f", "table", env=forced)
    assert "\x1b" not in cnnops.text(*call, "-f", "table", "--no-color", env=forced)
    assert "\x1b" not in cnnops.text(*call, "-f", "table", env={"FORCE_COLOR": "0"})
    assert cnnops.text(*call, env=forced) == cnnops.text(*call)
    assert "\x1b" not in cnnops("conv", "gone.npy", "-k", "1", env=forced).err


def test_columns_sets_the_width(cnnops, terminal):
    row = str(list(range(1000, 1100)))
    call = ["maxpool", "--dims", "1", "-k", "1", "-f", "table", row]
    for columns in (30, 120):
        set_width = {"COLUMNS": str(columns)}
        piped = cnnops.text(*call, env=set_width)
        widest = max(len(line) for line in piped.splitlines())
        assert columns * 0.6 < widest <= columns
        assert terminal(*call, "--no-color", columns=columns).shown == piped
    assert terminal(*call, "--no-color", env={"COLUMNS": "30"}).shown == cnnops.text(
        *call, env={"COLUMNS": "30"}
    )
    assert cnnops.text(*call, env={"COLUMNS": "wide"}) == cnnops.text(*call)


def test_a_terminal_that_promises_24_bits_gets_them(cnnops):
    call = ["maxpool", "-k", "1", "[[1,2]]", "-f", "table"]
    colours = {}
    for promised in ("truecolor", "24bit", "", "no"):
        env = {"FORCE_COLOR": "1", "COLORTERM": promised}
        colours[promised] = re.findall(r"48;[\d;]+", cnnops.text(*call, env=env))
    assert colours["truecolor"] == colours["24bit"] == ["48;2;68;1;84", "48;2;253;231;37"]
    assert colours[""] == colours["no"] == ["48;5;53", "48;5;227"]
    assert "\x1b" not in cnnops.text(*call, env={"COLORTERM": "truecolor"})
