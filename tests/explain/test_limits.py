"""Where an explanation is cut short, and how numbers are written, on both sides of each limit."""

import json
import re
from itertools import islice

import numpy as np
import pytest

from cnnops_cli.commands import explained
from cnnops_cli.errors import CnnopsError
from cnnops_cli.explain import formulas
from cnnops_cli.explain.arithmetic import arithmetic_lines, shortened
from cnnops_cli.explain.indices import indices_of
from cnnops_cli.explain.windows import window_grid
from cnnops_cli.text.numbers import Decimals
from cnnops_cli.text.styled_lines import PLAIN, text_of

TABLE = ["--explain", "-f", "table"]


def test_64_parts_are_written_out_and_65_are_not():
    def folded(parts):
        words = shortened([*(f"{part}," for part in parts[:-1]), parts[-1]])
        return " ".join(text_of(line).strip() for line in arithmetic_lines(words, "9", 80))

    parts = [str(number) for number in range(65)]
    assert folded(parts[:64]) == f"{', '.join(parts[:64])} = 9"
    assert folded(parts) == f"{', '.join(parts[:32])}, … 1 more …, {', '.join(parts[33:])} = 9"


def planes_of(text):
    return [line for line in text.splitlines() if re.fullmatch(r"  channel \d+", line)]


def test_6_planes_are_drawn_and_of_7_the_last_is_not(call, saved):
    six, seven = (saved(f"x{n}", np.ones((n, 1, 1))) for n in (6, 7))
    kernels = [saved(f"k{n}", np.ones((1, n, 1, 1))) for n in (6, 7)]
    drawn = [f"  channel {number}" for number in range(6)]
    text = call("conv", "-k", kernels[0], six, *TABLE)
    assert planes_of(text) == drawn
    assert "more plane" not in text
    text = call("conv", "-k", kernels[1], seven, *TABLE)
    assert planes_of(text) == drawn
    assert "  … 1 more plane, as these\n" in text


def sums_of(text):
    return [line for line in text.splitlines() if re.match(r"  channels? .*:|  \d", line)]


def test_16_channels_have_a_line_each_and_of_17_those_in_the_middle_share_one(call, saved):
    x16, x17 = (saved(f"x{n}", np.arange(n).reshape(n, 1)) for n in (16, 17))
    k16, k17 = (saved(f"k{n}", np.ones((1, n, 1), int)) for n in (16, 17))
    *channels, total = sums_of(call("conv", "-k", k16, x16, *TABLE))[-17:]
    assert channels == [f"  channel {number}: 1*{number} = {number}" for number in range(16)]
    assert total == f"  {' + '.join(map(str, range(16)))} = 120"
    assert sums_of(call("conv", "-k", k17, x17, *TABLE))[-8:] == [
        *("  channel 0: 1*0 = 0", "  channel 1: 1*1 = 1", "  channel 2: 1*2 = 2"),
        "  channels 3 to 13: … 11 products … = 88",
        *("  channel 14: 1*14 = 14", "  channel 15: 1*15 = 15", "  channel 16: 1*16 = 16"),
        "  0 + 1 + 2 + 88 + 14 + 15 + 16 = 136",
    ]


def test_12_elements_are_explained_and_of_13_the_last_is_not(call, saved):
    twelve, thirteen = (saved(f"x{n}", np.ones((n, 1))) for n in (12, 13))
    text = call("dropout", "-p", "0", twelve, *TABLE)
    assert "[11, 0] = " in text
    assert "more element" not in text
    text = call("dropout", "-p", "0", thirteen, *TABLE)
    assert "[12, 0] = " not in text
    assert text.endswith("… 1 more element; --at picks others\n")


def test_12_values_of_a_channel_are_added_up_and_of_13_only_both_ends(call, saved):
    twelve, thirteen = (saved(f"x{n}", np.arange(n).reshape(n, 1)) for n in (12, 13))
    text = call("batchnorm", "--at", "0,0", twelve, *TABLE)
    assert f"  mean = ({' + '.join(map(str, range(12)))}) / 12 = 5.5\n" in text
    text = " ".join(call("batchnorm", "--at", "0,0", thirteen, *TABLE).split())
    assert "mean = (0 + 1 + 2 + … 7 more … + 10 + 11 + 12) / 13 = 6 " in text
    assert (
        "variance = ((0 - 6)^2 + (1 - 6)^2 + (2 - 6)^2 + … 7 more … + "
        "(10 - 6)^2 + (11 - 6)^2 + (12 - 6)^2) / 13 = 14 "
    ) in text


def test_dilations_of_up_to_4_are_drawn_as_they_are():
    def texts(columns, dilation):
        grid = window_grid([("a", PLAIN), ("b", PLAIN)], columns, dilation)
        return [[text for text, _ in row] for row in grid]

    assert texts(2, (1, 4)) == [["a", "·", "·", "·", "b"]]
    assert texts(2, (1, 5)) == [["a", "·", "·", "·", "b"]]
    assert texts(2, (1, 3)) == [["a", "·", "·", "b"]]
    assert texts(1, (3, 1)) == [["a"], ["·"], ["·"], ["b"]]


def test_indices_run_from_minus_the_length_to_the_last():
    picked = [(-2, -3), (1, 2), (-1, 0), (0, -1)]
    assert list(indices_of((2, 3), picked)) == [(0, 0), (1, 2), (1, 0), (0, 2)]


@pytest.mark.parametrize(
    ("picked", "indices"),
    [
        ([(None, 1)], [(0, 1), (1, 1)]),
        ([(-1, None)], [(1, 0), (1, 1), (1, 2)]),
        ([(None, None)], [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]),
        ([(1, 0), (None, 0)], [(1, 0), (0, 0), (1, 0)]),
    ],
)
def test_a_whole_axis_is_gone_through_in_row_major_order(picked, indices):
    assert list(indices_of((2, 3), picked)) == indices


def test_whole_axes_of_a_huge_or_empty_result_take_no_time():
    huge = 1 << 40
    first = islice(indices_of((huge, huge), [(None, -1)]), 2)
    assert list(first) == [(0, huge - 1), (1, huge - 1)]
    assert list(indices_of((huge, huge), None))[-1] == (0, 11)
    assert list(indices_of((huge, 0), [(None, None)])) == []
    assert list(indices_of((huge, 0), None)) == []


@pytest.mark.parametrize(
    ("shape", "index", "rule"),
    [
        ((2, 3), (-3, 0), "axis 0 takes -2 to 1, not -3"),
        ((2, 3), (2, 0), "axis 0 takes -2 to 1, not 2"),
        ((2, 3), (0, -4), "axis 1 takes -3 to 2, not -4"),
        ((2, 3), (0, 3), "axis 1 takes -3 to 2, not 3"),
    ],
)
def test_indices_beyond_them_are_refused(shape, index, rule):
    text = ",".join(map(str, index))
    with pytest.raises(CnnopsError) as caught:
        indices_of(shape, [(0, None), index])
    assert str(caught.value) == f"--at {text} is outside of the result, shape {shape}: {rule}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (999_999_999_999_999.0, "999999999999999"),
        (1e15, "1e+15"),
        (-999_999_999_999_999.0, "-999999999999999"),
        (-1e15, "-1e+15"),
        (1_234_567.5, "1.23457e+06"),
        (123_456.0, "123456"),
    ],
)
def test_whole_numbers_are_written_in_full_below_1e15(number, text):
    assert Decimals(exact=False).text(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-41.2, "-41.2"),
        (0.125, "0.125"),
        (2 / 3, "0.667"),
        (0.9996, "1"),
        (0.001, "0.001"),
        (0.001_49, "0.001"),
        (0.000_999_4, "0.000999"),
        (-0.000_012_34, "-1.23e-05"),
        (5e-324, "4.94e-324"),
        (999_999.1234, "999999.123"),
        (-1_000_000.5, "-1e+06"),
        (np.float32(0.1), "0.1"),
        (-0.0, "-0.0"),
    ],
)
def test_fractions_have_three_decimals_from_a_thousandth_to_a_million(number, text):
    assert Decimals(exact=False).text(number) == text


def test_a_result_is_written_as_it_is_unless_decimals_are_asked_for():
    rounded, two = Decimals(exact=False), Decimals(2, exact=False)
    assert rounded.result(2 / 3) == "0.6666666666666666"
    assert (rounded.result(np.float32(1 / 3)), rounded.result(1.0)) == ("0.33333334", "1")
    assert (two.result(2 / 3), two.result("a*1")) == ("0.67", "a*1")


def test_settings_are_not_rounded_to_decimals():
    assert Decimals(exact=False).setting(0.123_456) == "0.123456"
    assert Decimals(2).setting(0.123_456_78) == "0.12345678"


@pytest.mark.parametrize("options", [[], ["-f", "table"]])
def test_settings_keep_their_decimals_whatever_the_precision(call, options):
    text = call(
        *["batchnorm", "--explain", "--at", "0,0", "--precision", "1", "--momentum", "0.125"],
        *["--eps", "0.0625", *options, "[[1.0],[3.0]]"],
    )
    formula = "(1.0 - 2.0) / sqrt(1.0 + 0.0625) * 1.0 + 0.0"
    update = "(1 - 0.125) * 0.0 + 0.125 * 2.0"
    if options:
        assert f"  {formula} = -1.0\n" in text
        assert f"  running_mean: {update} = 0.2\n" in text
        return
    record = json.loads(text)
    mean = record["running"]["running_mean"]
    assert (record["formula"], record["eps"]) == (formula, 0.0625)
    assert (mean["formula"], mean["momentum"], mean["after"]) == (update, 0.125, 0.2)


@pytest.mark.parametrize(
    ("count", "text"), [(1023, "1023 bytes"), (1024, "1.0 KiB"), (1 << 20, "1.0 MiB")]
)
def test_the_units_of_a_dry_run_begin_at_1024(call, saved, count, text):
    x = saved("x", np.zeros((1, count), np.uint8))
    told = call("maxpool", "-k", "1", "--dims", "1", x, "--dry-run", "-f", "table")
    assert f"memory, input: {text}\n" in told
    assert f"memory, result: {text}\n" in told


def test_letters_take_as_many_terms_as_the_limit_and_no_more(call, refused, monkeypatch):
    monkeypatch.setattr(formulas, "_MOST_TERMS", 6)
    kernel = ["conv", "--dims", "1", "-k", "[a,b]"]
    assert json.loads(call(*kernel, "[1,2,3,4]")) == ["a*1 + b*2", "a*2 + b*3", "a*3 + b*4"]
    assert refused(*kernel, "[1,2,3,4,5]").startswith(
        "cnnops conv: error: formulas would have 8 terms in all; letters take at most 6, "
        "or --explain with --at for some elements"
    )


def test_100_lines_of_formulas_are_shown_and_of_101_the_last_is_not(call):
    def shown(rows):
        column = f"[{','.join(f'[a{number}]' for number in range(rows))}]"
        return call("maxpool", "-k", "1", "-f", "table", column).splitlines()

    hundred = shown(99)  # and a heading
    assert len(hundred) == 100
    assert hundred[-1] == "  max(a98)"
    assert shown(100) == [
        hundred[0].replace("H 99", "H 100"),
        *hundred[1:],
        "… 1 more line; JSON has them all (-f json)",
    ]


def test_a_view_takes_as_many_lines_as_the_limit_and_no_more(call, refused, tmp_path, monkeypatch):
    arguments = ["conv", "-k", "[1]", "[1,2]", "--explain", "--view", "v.txt"]
    call(*arguments)
    count = len((tmp_path / "v.txt").read_text().splitlines())
    monkeypatch.setattr(explained, "_MOST_LINES", count)
    call(*arguments)
    (tmp_path / "v.txt").unlink()
    monkeypatch.setattr(explained, "_MOST_LINES", count - 1)
    assert refused(*arguments) == (
        f"cnnops conv: error: --view v.txt would have more than {count - 1} lines; pick fewer "
        "elements with --at"
    )
    assert not (tmp_path / "v.txt").exists()
