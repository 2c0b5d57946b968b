"""--explain and --at: in a pipe one JSON object a line and cell, on a terminal text."""

import json
import re

import numpy as np
import pytest

IMAGE = "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"
NOTES = ["conv", "-k", "[[1,10],[100,1000]]", "-s", "1,2", IMAGE]
POOL = ["maxpool", "-k", "2,2", "-s", "1,2", IMAGE]
FIRST = (
    '{"at": [0,0], "terms": [{"input_at": [0,0], "input": 1, "weight": 1}, '
    '{"input_at": [0,1], "input": 2, "weight": 10}, '
    '{"input_at": [1,0], "input": 5, "weight": 100}, '
    '{"input_at": [1,1], "input": 6, "weight": 1000}], "bias": null, '
    '"formula": "1*1 + 10*2 + 100*5 + 1000*6", "value": 6521}'
)


def lines_of(cnnops, *arguments):
    return [json.loads(line) for line in cnnops.text(*arguments).splitlines()]


def test_the_example_of_the_notes_in_a_pipe(cnnops):
    lines = cnnops.text(*NOTES, "--explain").splitlines()
    assert lines[0] == FIRST
    assert [json.loads(line)["value"] for line in lines] == [6521, 8743, 10965, 13187]
    assert [json.loads(line)["at"] for line in lines] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert cnnops.text(*NOTES, "--explain", "-f", "json").splitlines() == lines


def test_the_example_of_the_notes_on_a_terminal(terminal):
    screen = terminal(*NOTES, "--explain")
    assert screen.status == 0
    assert "  1*1 + 10*2 + 100*5 + 1000*6 = 6521" in screen.lines
    assert "  1*7 + 10*8 + 100*11 + 1000*12 = 13187" in screen.lines
    assert screen.lines[:5] == [
        "conv  (H 2, W 2)  int64",
        "",
        "[0, 0] = 6521",
        "  window over H 0 to 1, W 0 to 1",
        "  1  2  ×     1    10",
    ]
    assert "more element" not in screen.shown


def test_maxpool_of_the_notes(cnnops, terminal):
    formulas = [line["formula"] for line in lines_of(cnnops, *POOL, "--explain")]
    assert formulas == [
        "max(1, 2, 5, 6)",
        "max(3, 4, 7, 8)",
        "max(5, 6, 9, 10)",
        "max(7, 8, 11, 12)",
    ]
    shown = terminal(*POOL, "--explain").lines
    assert "  max(1, 2, 5, 6) = 6, at [1, 1] of the input" in shown
    assert "   5   [6]" in shown


def test_maxpool_names_padding_but_does_not_count_it(cnnops, terminal):
    call = ["maxpool", "-k", "2", "-p", "1", "--explain", "--at", "0,0", "[[-3,-4],[-5,-6]]"]
    (line,) = lines_of(cnnops, *call)
    assert [term["input_at"] for term in line["terms"]] == [None, None, None, [0, 0]]
    assert (line["formula"], line["value"], line["max_at"]) == ("max(-3)", -3, [0, 0])
    shown = terminal(*call).lines
    assert shown[4:8] == [
        "    -     -",
        "    -   [-3]",
        "  (-: padding, never the maximum)",
        "  max(-3) = -3, at [0, 0] of the input",
    ]


def test_batchnorm(cnnops):
    lines = lines_of(cnnops, "batchnorm", "--explain", "[[1,10],[3,30]]")
    assert len(lines) == 4
    first = lines[0]
    assert first["formula"] == "(1 - 2) / sqrt(1 + 1e-05) * 1 + 0"
    assert (first["mean"], first["var"]) == (2, 1)
    assert first["running"]["running_mean"]["formula"] == "(1 - 0.1) * 0 + 0.1 * 2"
    assert first["running"]["running_var"]["after"] == 1.1
    negative = lines_of(cnnops, "batchnorm", "--eval", "--running-mean", "-2", "--explain", "[[1]]")
    assert negative[0]["formula"] == "(1 - (-2)) / sqrt(1 + 1e-05) * 1 + 0"
    assert negative[0]["running"] is None


@pytest.mark.parametrize(
    ("bias", "written"), [("-0.5", "(-0.5)"), ("0", "0"), ("-0.0", "(-0.0)"), ("0.5", "0.5")]
)
def test_a_negative_bias_of_batchnorm_is_in_parentheses(cnnops, bias, written):
    call = ["batchnorm", "--eval", "--weight", "-2", "--bias", bias, "--explain", "[[1]]"]
    (line,) = lines_of(cnnops, *call)
    assert line["formula"] == f"(1 - 0) / sqrt(1 + 1e-05) * (-2) + {written}"


def test_batchnorm_shows_how_its_statistics_are_computed(cnnops):
    values = "[[-1,10],[3,30],[-4,20]]"
    call = ["batchnorm", "--explain", "--at", "0,0", "-f", "table", values]
    assert cnnops.text(*call).splitlines()[2:] == [
        "[0, 0] = -0.1162475680527521",
        "  channel 0, of 3 values",
        "  mean = (-1 + 3 + (-4)) / 3 = -0.667",
        "  variance = ((-1 - (-0.667))^2 + (3 - (-0.667))^2 + (-4 - (-0.667))^2) / 3",
        "  = 8.222",
        "  (x - mean) / sqrt(variance + eps) * weight + bias",
        "  (-1 - (-0.667)) / sqrt(8.222 + 1e-05) * 1 + 0 = -0.1162475680527521",
        "  unbiased variance = 8.222 * 3 / (3 - 1) = 12.333",
        "  running_mean: (1 - 0.1) * 0 + 0.1 * (-0.667) = -0.067",
        "  running_var: (1 - 0.1) * 1 + 0.1 * 12.333 = 2.133",
    ]
    assert cnnops.text(*call, "--eval", "--running-mean", "-2").splitlines()[3:] == [
        "  channel 0, running statistics: mean -2, variance 1",
        "  (x - mean) / sqrt(variance + eps) * weight + bias",
        "  (-1 - (-2)) / sqrt(1 + 1e-05) * 1 + 0 = 0.9999950000374997",
    ]


def test_the_running_update_is_that_of_the_state(cnnops, tmp_path):
    call = ["batchnorm", "--momentum", "none", "--state", "s.json", "--save-state", "s.json"]
    start = '{"running_mean": [4.0], "num_batches_tracked": 1}'
    (tmp_path / "s.json").write_text(start)
    lines = lines_of(cnnops, *call, "--explain", "[[1],[3]]")
    update = lines[1]["running"]["running_mean"]
    assert update == {
        "before": 4.0,
        "batch": 2.0,
        "momentum": 0.5,
        "formula": "(1 - 0.5) * 4 + 0.5 * 2",
        "after": 3.0,
    }
    assert json.loads((tmp_path / "s.json").read_text())["running_mean"] == [3.0]


def test_dropout(cnnops, terminal):
    call = ["dropout", "--seed", "7", "--explain", "[1,2]"]
    drawn = {"p": 0.5, "seed": 7, "scale": 2}
    assert lines_of(cnnops, *call) == [
        {"at": [0], "input": 1, "kept": False, "formula": "0", "value": 0} | drawn,
        {"at": [1], "input": 2, "kept": True, "formula": "2 * 1 / (1 - 0.5)", "value": 4} | drawn,
    ]
    shown = terminal(*call).lines
    assert "  dropped: 1 becomes 0" in shown
    assert "  kept, scale 2: 2 * 1 / (1 - 0.5) = 4" in shown
    (all_gone,) = lines_of(cnnops, "dropout", "-p", "1", "--mask", "[1]", "--explain", "[5]")
    assert (all_gone["kept"], all_gone["scale"], all_gone["value"]) == (False, None, 0)
    assert all_gone["seed"] is None
    (fresh,) = lines_of(cnnops, "dropout", "--explain", "[5]")
    assert lines_of(cnnops, "dropout", "--explain", "--seed", str(fresh["seed"]), "[5]") == [fresh]
    (stays,) = lines_of(cnnops, "dropout", "--eval", "--explain", "[5]")
    assert (stays["kept"], stays["scale"], stays["formula"]) == (True, 1, "5")


def test_without_at_there_are_a_dozen_cells_and_a_count(cnnops, terminal):
    call = ["maxpool", "-k", "1", "--dims", "1", json.dumps(list(range(20))), "--explain"]
    result = cnnops(*call)
    assert [json.loads(line)["at"] for line in result.out.splitlines()] == [[n] for n in range(12)]
    assert result.err == "cnnops maxpool: the first 12 of 20 elements; --at picks others\n"
    assert cnnops(*call, "-q").err == ""
    screen = terminal(*call, rows=100)
    assert screen.lines[-1] == "… 8 more elements; --at picks others"
    assert screen.shown.count("= ") == 24
    assert cnnops.text(*call, "-f", "table").endswith("… 8 more elements; --at picks others\n")


def test_at_picks_cells(cnnops):
    lines = lines_of(cnnops, *NOTES, "--explain", "--at", "1,0", "--at", "-1,-1", "--at", "1,0")
    assert [line["at"] for line in lines] == [[1, 0], [1, 1], [1, 0]]


@pytest.mark.parametrize(
    "operator",
    [
        ["conv", "-k", "[[a,1],[2,3]]"],
        ["conv", "-k", "[[0,1],[2,3]]"],
        ["maxpool", "-k", "2,2", "-s", "1"],
        ["batchnorm"],
        ["dropout", "--seed", "1"],
    ],
)
def test_a_colon_picks_all_of_an_axis(cnnops, operator):
    call = [*operator, IMAGE, "--explain"]
    both = cnnops.text(*call, "--at", "0,:", "--at", ":,-2")
    each = [
        word for at in ("0,0", "0,1", "0,2", "0,3", "0,-2", "1,-2", "2,-2") for word in ("--at", at)
    ]
    if "-k" in operator:
        each = [word for at in ("0,0", "0,1", "0,2", "0,1", "1,1") for word in ("--at", at)]
    assert cnnops.text(*call, *each) == both
    assert cnnops.text(*call, *each, "-f", "table") == cnnops.text(
        *call, "--at", "0,:", "--at", ":,-2", "-f", "table"
    )


def test_a_colon_goes_through_the_axes_of_the_users_layout(cnnops):
    image = np.arange(12.0).reshape(2, 2, 3)
    call = ["maxpool", "-k", "1", "--layout", "channels-last", "--explain", "--at", ":,1,:"]
    places = [json.loads(line)["at"] for line in cnnops.text(*call, stdin=image).splitlines()]
    assert places == [[0, 1, 0], [0, 1, 1], [0, 1, 2], [1, 1, 0], [1, 1, 1], [1, 1, 2]]


def test_more_than_a_dozen_are_explained_where_they_are_picked(cnnops):
    call = ["maxpool", "-k", "1", "--dims", "1", json.dumps(list(range(20))), "--explain"]
    assert len(cnnops.text(*call, "--at", ":").splitlines()) == 20


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--at", "0,0"], "--at picks elements for --explain; give both"),
        (
            ["--explain", "--at", "0,2"],
            "--at 0,2 is outside of the result, shape (2, 2): axis 1 takes -2 to 1, not 2",
        ),
        (
            ["--explain", "--at", "-3,0"],
            "--at -3,0 is outside of the result, shape (2, 2): axis 0 takes -2 to 1, not -3",
        ),
        (
            ["--explain", "--at", "0"],
            "--at 0 is for 1 axis, but the result has 2: shape (2, 2)",
        ),
        (
            ["--explain", "--at", "a"],
            "--at: 'a' is not an index: one integer or : per axis of the result, as 0,1,2 or 0,:,2",
        ),
        (
            ["--explain", "--at", "0:2,:"],
            "--at: '0:2,:' is not an index: one integer or : per axis of the result, as 0,1,2 "
            "or 0,:,2",
        ),
        (
            ["--explain", "--at", ":,0,:"],
            "--at :,0,: is for 3 axes, but the result has 2: shape (2, 2)",
        ),
        (
            ["--explain", "--at", ":,-3"],
            "--at :,-3 is outside of the result, shape (2, 2): axis 1 takes -2 to 1, not -3",
        ),
        (
            ["--explain", "--expect", "y.npy"],
            "--explain has no result for --expect; leave one of them out",
        ),
        (
            ["--dry-run", "--view", "v.svg"],
            "--dry-run has no result for --view; leave one of them out",
        ),
        (
            ["--explain", "-f", "npy"],
            "--explain shows text or JSON: --format table or json, not npy",
        ),
        (
            ["--explain", "-o", "-"],
            "--explain has standard output to itself; name a file with --output",
        ),
        (
            ["--explain", "--dry-run"],
            "--explain needs a result and --dry-run computes none: use one of them",
        ),
    ],
)
def test_what_does_not_go_together(cnnops, options, reason):
    assert cnnops.refusal(*NOTES, *options) == reason


def test_a_refused_cell_leaves_no_file(cnnops, tmp_path):
    cnnops.refusal(*NOTES, "--explain", "--at", "5,5", "-o", "y.json")
    assert list(tmp_path.iterdir()) == []


def test_the_result_is_still_written(cnnops, terminal, tmp_path):
    assert cnnops.text(*NOTES, "--explain", "-o", "y.json").splitlines()[0] == FIRST
    assert (tmp_path / "y.json").read_text() == "[[6521,8743],[10965,13187]]\n"
    (tmp_path / "y.json").unlink()
    screen = terminal(*NOTES, "--explain", "-o", "y.json")
    assert "  1*1 + 10*2 + 100*5 + 1000*6 = 6521" in screen.lines
    assert screen.lines[-1].startswith("y.json  (H 2, W 2)  int64")
    assert (tmp_path / "y.json").exists()


def test_precision(cnnops):
    call = ["conv", "-k", "[0.125]", "[1.5]", "--dims", "1", "--explain"]
    (exact,) = lines_of(cnnops, *call)
    assert (exact["formula"], exact["value"]) == ("0.125*1.5", 0.1875)
    (rounded,) = lines_of(cnnops, *call, "--precision", "2")
    assert (rounded["formula"], rounded["value"]) == ("0.12*1.50", 0.19)
    assert "0.12*1.50 = 0.19" in cnnops.text(*call, "--precision", "2", "-f", "table")
    (tiny,) = lines_of(cnnops, "batchnorm", "--eval", "--explain", "--precision", "1", "[[1]]")
    assert tiny["formula"] == "(1 - 0.0) / sqrt(1.0 + 1e-05) * 1.0 + 0.0"


def test_what_is_not_finite(cnnops):
    (line,) = lines_of(cnnops, "conv", "-k", "[1,2,3]", "[NaN,-Infinity,1]", "--explain")
    assert line["formula"] == "1*NaN + 2*(-Infinity) + 3*1"
    assert line["value"] != line["value"]


def test_negative_zero_keeps_its_sign(cnnops):
    (line,) = lines_of(cnnops, "maxpool", "--dims", "1", "-k", "2", "[-0.0,-1.5]", "--explain")
    assert line["formula"] == "max(-0.0, -1.5)"


def test_bias_groups_gaps_and_copied_padding_are_said(terminal):
    image, kernel = "[[1,2,3,4,5],[6,7,8,9,10]]", "[[[1,0,-1]],[[1,2,3]]]"
    screen = terminal(
        *["conv", "-k", kernel, "-g", "2", "-p", "1", "-d", "2", "--padding-mode", "reflect"],
        *["-b", "[5,-6]", "--explain", "--at", "1,0", image],
    )
    assert screen.lines[2:] == [
        "[1, 0] = 42",
        "  window over W -1 to 3",
        "  group 1 of 2 sees channel 1 of the input",
        "  channel 1",
        "  (7)   ·    7    ·    9   ×  1  2  3",
        "  (in parentheses: padding, reflect, elements of the input again)",
        "  (·: passed over, dilation 2)",
        "  bias -6",
        "  1*7 + 2*7 + 3*9 + (-6) = 42",
    ]


@pytest.mark.parametrize(
    ("bias", "of_products", "of_channels"),
    [("-0.5", "+ (-0.5)", "- 0.5"), ("0", "+ 0", "+ 0"), ("0.5", "+ 0.5", "+ 0.5")],
)
def test_numbers_are_in_parentheses_after_an_operator_and_channels_are_subtracted(
    cnnops, bias, of_products, of_channels
):
    one = ["conv", "-k", "[[-1,-2],[0,3]]", "-b", bias, "[[-4,5],[-6,7]]", "--explain"]
    formula = f"-1*(-4) + (-2)*5 + 0*(-6) + 3*7 {of_products}"
    record = json.loads(cnnops.text(*one))
    assert record["formula"] == formula
    assert eval(formula) == record["value"]
    assert cnnops.text(*one, "-f", "table").splitlines()[-1] == f"  {formula} = {record['value']:g}"
    two = ["conv", "--dims", "1", "-k", "[[[-1,-2],[0,-3]]]", "-b", bias, "[[-4,5],[-6,7]]"]
    record = json.loads(cnnops.text(*two, "--explain"))
    assert record["formula"] == f"-1*(-4) + (-2)*5 + 0*(-6) + (-3)*7 {of_products}"
    assert cnnops.text(*two, "--explain", "-f", "table").splitlines()[-3:] == [
        "  channel 0: -1*(-4) + (-2)*5 = -6",
        "  channel 1: 0*(-6) + (-3)*7 = -21",
        f"  -6 - 21 {of_channels} = {record['value']:g}",
    ]


def test_channels_are_added_up_one_by_one(cnnops):
    kernel, image = "[[[1,10],[0.5,-7]],[[0,0],[0,1]]]", "[[1,2],[3,4]]"
    call = ["conv", "--dims", "1", "-k", kernel, "-b", "[0.25,-3]", image, "--explain"]
    assert cnnops.text(*call, "-f", "table").splitlines()[2:] == [
        "[0, 0] = -5.25",
        "  window over W 0 to 1",
        "  channel 0",
        "  1  2  ×   1    10",
        "  channel 1",
        "  3  4  ×   0.5  -7",
        "  bias 0.25",
        "  channel 0: 1*1 + 10*2 = 21",
        "  channel 1: 0.5*3 + (-7)*4 = -26.5",
        "  21 - 26.5 + 0.25 = -5.25",
        "",
        "[1, 0] = 1",
        "  window over W 0 to 1",
        "  channel 0",
        "  1  2  ×  0  0",
        "  channel 1",
        "  3  4  ×  0  1",
        "  bias -3",
        "  channel 0: 0*1 + 0*2 = 0",
        "  channel 1: 0*3 + 1*4 = 4",
        "  0 + 4 - 3 = 1",
    ]
    rectified = cnnops.text(*call, "--at", "0,0", "--relu", "-f", "table").splitlines()
    assert rectified[-1] == "  max(0, 21 - 26.5 + 0.25) = 0"


def test_points_are_below_one_another_in_all_planes(cnnops):
    image = "[[[1,-2.5],[10,0.125]],[[3,4],[0.5,6]]]"
    call = ["-p", "1", "--explain", "--at", "0,0,1", "-f", "table"]
    kernel = "[[[[1,2],[-0.5,4]],[[1,2],[3,0.25]]]]"
    assert cnnops.text("conv", "-k", kernel, image, *call).splitlines()[4:10] == [
        "  channel 0",
        "   (0)     (0)    ×   1      2",
        "    1      -2.5      -0.5    4",
        "  channel 1",
        "   (0)     (0)    ×   1      2",
        "    3       4         3      0.25",
    ]
    image = "[[[-2.5,1],[0.125,0]],[[3,4],[5,1000]]]"
    pool = ["maxpool", "-k", "2", "--dims", "3", "--explain", "-f", "table"]
    assert cnnops.text(*pool, image).splitlines()[4:10] == [
        "  D + 0",
        "     -2.5         1",
        "      0.125       0",
        "  D + 1",
        "      3           4",
        "      5       [1000]",
    ]


def test_channels_of_a_group_keep_their_numbers(cnnops):
    call = ["conv", "--dims", "1", "-g", "2", "-k", "[[[1],[2]],[[3],[4]]]", "[[1],[2],[3],[4]]"]
    assert cnnops.text(*call, "--explain", "--at", "1,0", "-f", "table").splitlines()[-3:] == [
        *("  channel 2: 3*3 = 9", "  channel 3: 4*4 = 16", "  9 + 16 = 25"),
    ]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_lines_keep_to_the_width(terminal, tmp_path, columns):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(9, 13, 13)))
    np.save(tmp_path / "k.npy", rng.normal(size=(2, 9, 11, 11)))
    for call in (["conv", "-k", "k.npy"], ["maxpool", "-k", "11"], ["batchnorm"], ["dropout"]):
        at = [] if call[0] in ("conv", "maxpool", "dropout") else ["--at", "0,0,0"]
        screen = terminal(*call, "x.npy", "--explain", *at, columns=columns)
        assert screen.status == 0
        assert max(map(len, screen.lines)) <= columns
    for narrow in range(20, 32):
        square = "[[1000,1000],[1000,1000]]"
        screen = terminal("conv", "-k", square, square, "--explain", columns=narrow)
        assert max(map(len, screen.lines)) <= narrow
    screen = terminal("conv", "-k", "k.npy", "x.npy", "--explain", "--at", "0,0,0", columns=columns)
    assert "  … 3 more planes, as these" in screen.lines
    assert "… 57 more …" in " ".join(line.strip() for line in screen.lines)


def test_three_axes_are_drawn_plane_by_plane(cnnops):
    call = ["conv", "-k", "[[[[[1,2]],[[3,4]]]]]", "[[[1,2]],[[3,4]]]", "--explain", "-f", "table"]
    assert cnnops.text(*call).splitlines()[2:] == [
        "[0, 0, 0] = 30",
        "  window over D 0 to 1, H 0, W 0 to 1",
        "  D + 0",
        "  1  2  ×  1  2",
        "  D + 1",
        "  3  4  ×  3  4",
        "  1*1 + 2*2 + 3*3 + 4*4 = 30",
    ]


@pytest.mark.parametrize(("columns", "side_by_side"), [(20, False), (21, True)])
def test_all_planes_are_laid_out_alike(cnnops, columns, side_by_side):
    call = ["conv", "-k", "[[[[1,2]],[[3,4444]]]]", "[[[1,2]],[[3,4]]]", "--explain", "-f", "table"]
    shown = cnnops.text(*call, env={"COLUMNS": str(columns)})
    pairs = ["1  2  ×     1     2", "3  4  ×     3  4444"]
    stacked = ["1  2\n  ×\n     1     2", "3  4\n  ×\n     3  4444"]
    expected, others = (pairs, stacked) if side_by_side else (stacked, pairs)
    for text in expected:
        assert f"\n  {text}\n" in shown
    assert not any(text in shown for text in others)


def test_an_empty_batch_has_nothing_to_explain(cnnops):
    call = ["maxpool", "-k", "1", "--explain"]
    assert cnnops.text(*call, stdin=np.zeros((0, 1, 2, 2))) == ""
    reason = cnnops.refusal(*call, "--at", "0,0,0,0", stdin=np.zeros((0, 1, 2, 2)))
    assert "axis 0 is empty" in reason


def test_the_same_bytes_on_any_number_of_threads(cnnops):
    first = cnnops.text(*NOTES, "--explain", "-f", "table", "--threads", "1")
    assert cnnops.text(*NOTES, "--explain", "-f", "table", "--threads", "2") == first
    assert "matrix" not in first


@pytest.mark.parametrize("kernel", ["[[1,10],[100,1000]]", "[[a,b],[c,d]]"])
def test_a_view_is_what_a_terminal_shows(cnnops, terminal, tmp_path, kernel):
    call = ["conv", "-k", kernel, "-s", "1,2", IMAGE, "--explain"]
    shown = cnnops.text(*call, "-f", "table")
    records = cnnops.text(*call)
    assert cnnops.text(*call, "--view", "v.txt") == records
    assert (tmp_path / "v.txt").read_text() == shown
    assert cnnops.text(*call, "--view", "w.txt", "-f", "table", env={"LINES": "5"}) == shown
    assert (tmp_path / "w.txt").read_text() == shown
    terminal(*call, "--view", "x.txt", columns=40)
    assert (tmp_path / "x.txt").read_text() == shown
    for suffix in ("svg", "html"):
        cnnops.text(*call, "--view", f"v.{suffix}", "-o", "y.json")
        picture = (tmp_path / f"v.{suffix}").read_text()
        texts = re.sub(r"<title>.*?</title>|<style>.*?</style>|<[^>]*>", "", picture)
        assert "".join(texts.split()) == "".join(shown.split())
        assert "#" in picture.split("<title>")[1]
    assert (tmp_path / "y.json").exists()


def test_numbers_in_pictures_have_a_margin_and_columns_of_one_width(cnnops, tmp_path):
    call = ["maxpool", "-k", "2", "[[1,-2],[3,10]]", "--explain", "--view"]
    for suffix in ("svg", "html", "txt"):
        cnnops.text(*call, f"v.{suffix}")
    svg, html, text = ((tmp_path / f"v.{suffix}").read_text() for suffix in ("svg", "html", "txt"))
    boxes = ["M16 72h48", "M16 88h48", "M64 72h48", "M64 88h48"]
    assert sorted(re.findall(r"M\d+ \d+h\d+", svg)) == boxes
    cells = re.findall('<i style="background[^>]*>([^<]*)<', html)
    assert cells == ["   1  ", "  -2  ", "   3  ", " [10] "]
    assert text.splitlines()[4:6] == ["    1    -2", "    3   [10]"]


def test_the_view_is_as_wide_as_columns_say(cnnops, tmp_path):
    call = ["conv", "-k", "[1,2,3,4]", "[1,2,3,4]", "--explain", "--view", "v.txt"]
    cnnops.text(*call, env={"COLUMNS": "20"})
    lines = (tmp_path / "v.txt").read_text().splitlines()
    assert max(map(len, lines)) <= 20 < len("  1*1 + 2*2 + 3*3 + 4*4 = 30")


def test_a_device_that_takes_the_result_gets_no_explanation(cnnops, tmp_path):
    call = ["conv", "-k", "[1]", "[1,2]", "--explain", "-f", "table"]
    shown = cnnops.text(*call, "-o", "/dev/null", "--view", "v.txt")
    assert shown == (tmp_path / "v.txt").read_text()
