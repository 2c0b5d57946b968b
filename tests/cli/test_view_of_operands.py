"""What a view shows next to a result: padding, statistics and masks; and dropped values in it."""

import re

import numpy as np
import pytest


def view(cnnops, *call, **size):
    return cnnops.text(*call, "-f", "table", env={k.upper(): str(v) for k, v in size.items()})


def words(shown):
    return [" ".join(line.split()) for line in shown.splitlines()]


def test_dropped_values_are_told_from_zeros(cnnops, terminal):
    call = ["dropout", "--mask", "[[1,1,0],[0,1,1]]", "[[1,0,3],[0,5,6]]"]
    shown = """\
dropout  (2, 3)  float64  min 0  max 12  mean 4  std 5.03322
 2   0   ·
 ·  10  12
· dropped
"""
    assert view(cnnops, *call) == shown
    assert cnnops.json(*call) == "[[2.0,0.0,0.0],[0.0,10.0,12.0]]"
    screen = terminal(*call)
    assert [line.rstrip() for line in screen.lines] == shown.splitlines()
    assert screen.raw.count("\x1b[38;5;16;48;5;249m") == 3


@pytest.mark.parametrize(
    ("options", "last"),
    [
        (["--mask", "[1,1]"], "2  0"),
        (["-p", "0"], "1  0"),
        (["--eval", "--mask", "[0,0]"], "1  0"),
        (["-p", "1"], "· dropped"),
    ],
)
def test_nothing_is_said_where_nothing_is_dropped(cnnops, options, last):
    call = ["dropout", "--seed", "1", *options]
    call = [word for word in call if word not in ("--seed", "1")] if "--mask" in options else call
    lines = view(cnnops, *call, "[1,0]").splitlines()
    assert lines[-1].rstrip() == last


@pytest.mark.parametrize("channelwise", [False, True])
def test_dots_are_where_the_mask_is_0(cnnops, tmp_path, channelwise):
    np.save(tmp_path / "x.npy", np.ones((3, 5, 2, 3)))
    options = ["--channelwise"] * channelwise
    call = ["dropout", "--seed", "4", *options, "x.npy", "--mask-output", "m.npy"]
    lines = view(cnnops, *call, columns=200, lines=100).splitlines()
    bands = [lines[start + 1 : start + 3] for start, line in enumerate(lines) if "[" in line]
    planes = [
        [row.split()[3 * place : 3 * place + 3] for row in band]
        for band in bands
        for place in range(len(band[0].split()) // 3)
    ]
    mask = np.load(tmp_path / "m.npy").reshape(15, 2, 3)
    assert (np.array(planes) == "·").tolist() == (mask == 0).tolist()


def test_of_many_rows_the_shown_ones_have_their_dots(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((400, 3)))
    call = ["dropout", "--seed", "4", "x.npy", "--mask-output", "m.npy"]
    rows = [line.split() for line in view(cnnops, *call).splitlines()[1:-2]]
    place = next(i for i, row in enumerate(rows) if "⋮" in row)
    mask = np.load(tmp_path / "m.npy")
    shown = np.array(rows[:place] + rows[place + 1 :]) == "·"
    expected = [*mask[:place], *mask[place + 1 - len(rows) :]]
    assert shown.tolist() == (np.array(expected) == 0).tolist()


def test_a_map_of_single_values_has_dropped_ones_in_grey(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(1600.0).reshape(40, 40))
    cnnops.text("dropout", "--seed", "4", "x.npy", "-o", "y.npy", "--view", "v.svg")
    text = (tmp_path / "v.svg").read_text()
    assert 'stroke="#b2b2b2"' in text
    assert ">dropped<" in text
    plain = view(cnnops, "dropout", "--seed", "4", "x.npy")
    assert "dropped" not in plain  # a cell is the mean of several


def test_dropout_with_its_input(cnnops):
    call = ["dropout", "--mask", "[[1,0]]", "-p", "0.2", "--with-input", "[[4,8]]"]
    assert (
        view(cnnops, *call)
        == """\
dropout  (1, 2)  float64  min 0  max 5  mean 2.5  std 2.5

input  (1, 2)    mask  (1, 2)  p 0.2    result  (1, 2)
4  8             scale 1.25             5  ·
                 1  0                   · dropped
"""
    )


def test_batchnorm_with_its_input_in_training(cnnops):
    call = ["batchnorm", "--with-input", "--weight", "[2,3]", "[[1,10],[3,30]]", "--eps", "1"]
    assert words(view(cnnops, *call, columns=120)) == [
        "batchnorm (N 2, C 2) float64 min -2.98511 max 2.98511 mean 0 std 2.33569",
        "",
        "input (N 2, C 2) mean (C 2) variance (C 2) weight (C 2) result (N 2, C 2)",
        "1 10 2 20 eps 1 2 3 -1.4142 -2.9851",
        "3 30 1 100 1.4142 2.9851",
    ]


def test_batchnorm_with_its_input_in_evaluation(cnnops):
    call = ["batchnorm", "--eval", "--with-input", "--running-mean", "[2,3]", "--bias", "1"]
    assert words(view(cnnops, *call, "--eps", "0", "[[1,10],[3,30]]", columns=120)) == [
        "batchnorm (N 2, C 2) float64 min 0 max 28 mean 9.5 std 11.0793",
        "",
        "input (N 2, C 2) running mean (C 2) running variance (C 2) bias (C 2) result (N 2, C 2)",
        "1 10 2 3 eps 0 1 1 0 8",
        "3 30 1 1 2 28",
    ]


def test_statistics_are_those_of_the_operator_far_from_zero(cnnops):
    call = ["batchnorm", "--with-input", "[[100000000],[100000008],[100000016]]"]
    shown = view(cnnops, *call, columns=120)
    assert "1.0000e+08" in shown or "100000008" in shown
    assert "42.6667" in shown


def test_planes_that_differ_a_hundredfold_have_decimals_and_colours_of_their_own(cnnops, terminal):
    planes = "[[[0.125,1]],[[25,100]]]"
    shown = view(cnnops, "maxpool", "-k", "1", planes)
    assert shown.splitlines()[1:] == ["[0]             [1]", "0.125  1.000       25    100"]
    common = view(cnnops, "maxpool", "-k", "1", planes.replace("100", "99"))
    assert common.splitlines()[2].split() == ["0.125", "1.000", "25.000", "99.000"]
    screen = terminal("maxpool", "-k", "1", planes, columns=100)
    assert screen.lines[-1] == "each plane has a scale of its own"
    assert len(set(screen.raw.split("48;5;227m")[1:])) == 2  # the largest of each is yellow


def input_of(shown):
    """Return the words of each line of the first section, up to where the next one begins."""
    lines = shown.splitlines()[2:]
    width = re.search(r"kernel|window", lines[0]).start()
    return [" ".join(line[:width].split()) for line in lines[1:]]


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("zeros", ["(0) (0) (0) (0)", "(0) 1 2 3", "(0) 4 5 6"]),
        ("reflect", ["(5) (4) (5) (6)", "(2) 1 2 3", "(5) 4 5 6"]),
        ("replicate", ["(1) (1) (2) (3)", "(1) 1 2 3", "(4) 4 5 6"]),
        ("circular", ["(6) (4) (5) (6)", "(3) 1 2 3", "(6) 4 5 6"]),
    ],
)
def test_padding_is_what_it_holds_in_parentheses(cnnops, mode, rows):
    call = ["conv", "-k", "[[1,1],[1,1]]", "-p", "1:0,1:0", "--padding-mode", mode]
    shown = view(cnnops, *call, "[[1,2,3],[4,5,6]]", "--with-input", columns=120)
    assert input_of(shown) == [*rows, "( ) padding"]


def test_padding_of_maxpool_is_never_a_number(cnnops, terminal):
    call = ["maxpool", "-k", "2", "-p", "1", "--with-input", "[[-1,-2],[-3,-4]]"]
    rows = ["- - - -", "- -1 -2 -", "- -3 -4 -", "- - - -", "- padding"]
    assert input_of(view(cnnops, *call)) == rows
    assert re.search(r"\x1b\[2m *- *\x1b", terminal(*call).raw)


def test_padding_by_word_and_of_letters(cnnops):
    call = ["conv", "-k", "[a,b,c]", "-p", "same", "[x,2]", "--with-input"]
    assert input_of(view(cnnops, *call)) == ["(0) x 2 (0)", "( ) padding"]


def test_padding_has_no_colour_and_changes_no_scale(cnnops):
    call = ["conv", "-k", "[[1]]", "[[5,9]]", "--with-input", "-o", "y.npy"]
    texts = []
    for padding in ("0", "1"):
        cnnops.text(*call, "-p", padding, "--view", f"v{padding}.svg")
        texts.append((cnnops.folder / f"v{padding}.svg").read_text())
    assert texts[1].count(">(0)<") == 10
    for colour in ("#440154", "#fde725"):  # of the least and the largest number
        assert all(f'stroke="{colour}"' in text for text in texts)
    ink = re.search(r'<text [^>]*fill="(#\w+)"[^>]*>\(0\)<', texts[1])
    assert ink[1] == "#59636e"


@pytest.mark.parametrize(
    ("shape", "size", "is_drawn"),
    [
        ((64, 64), {"columns": 400, "lines": 100}, True),
        ((1, 4097), {"columns": 20000, "lines": 100}, False),  # more than 4096 values
        ((3,), {}, True),
        ((3, 3, 3), {}, False),
        ((6, 12), {"columns": 41, "lines": 18}, True),
        ((6, 12), {"columns": 40, "lines": 18}, False),
        ((6, 12), {"columns": 41, "lines": 17}, False),
        ((30, 30), {}, False),
    ],
)
def test_padding_is_drawn_around_few_numbers_or_said_not_to_be(
    cnnops, tmp_path, shape, size, is_drawn
):
    np.save(tmp_path / "x.npy", np.ones(shape, int))
    call = ["maxpool", "-k", "3", "--dims", str(len(shape)), "-p", "1", "x.npy", "--with-input"]
    shown = view(cnnops, *call, **size)
    assert "padding 1" in " ".join(words(shown))
    assert ("- padding" in shown) == is_drawn
    assert ("padding not drawn" in " ".join(words(shown))) == (not is_drawn)


@pytest.mark.parametrize("options", [["-p", "0"], ["-p", "0:0"]])
def test_nothing_is_said_of_padding_where_there_is_none(cnnops, options):
    call = ["conv", "-k", "[[1,1],[1,1]]", "--with-input", "x.npy", *options]
    np.save(cnnops.folder / "x.npy", np.ones((40, 40)))
    assert "drawn" not in view(cnnops, *call)
    np.save(cnnops.folder / "x.npy", np.ones((0, 1, 4, 4)))
    assert "drawn" not in view(cnnops, *call[:-1], "1")


@pytest.mark.parametrize("suffix", ["svg", "html", "txt"])
def test_padding_is_no_part_of_a_picture(cnnops, suffix):
    """With letters too, next to whose formulas the input has what room is left."""
    np.save(cnnops.folder / "x.npy", np.arange(100.0, 1700).reshape(40, 40))
    for kernel in ("[[1]]", "[[a]]"):
        call = ["conv", "-k", kernel, "x.npy", "--with-input", "-o", "y.json", "--view"]
        texts = []
        for padding in ("0", "2"):
            cnnops.text(*call, f"v.{suffix}", "-p", padding)
            text = re.sub("<[^>]*>", "", (cnnops.folder / f"v.{suffix}").read_text())
            texts.append(" ".join(text.split()))
        assert "padding" not in texts[0]
        assert "input (H 40, W 40) padding not drawn" in texts[1]
        assert "( )" not in texts[1]


def test_padding_is_drawn_next_to_a_result_that_is_cut(cnnops):
    np.save(cnnops.folder / "k.npy", np.ones((64, 1, 2, 2), int))
    call = ["conv", "-k", "k.npy", "-p", "1", "[[1,2],[3,4]]", "--with-input"]
    shown = view(cnnops, *call)
    assert "more planes" in shown
    assert "(0)   1    2   (0)" in shown
    assert "not drawn" not in shown
    lower = view(cnnops, *call, columns=24, lines=19)
    assert "padding not drawn" in lower
    assert "(0)" not in lower
