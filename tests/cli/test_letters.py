"""Letters for numbers: the result is formulas."""

import json

import numpy as np
import pytest

from cnnops_cli.commands.call import Call
from cnnops_cli.commands.operands import has_any_letters
from cnnops_cli.errors import CnnopsError
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.tensor import Tensor

IMAGE = "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"
LETTERS = ["conv", "-k", "[[a,b],[c,d]]", "-s", "1,2"]
FORMULAS = [
    ["a*1 + b*2 + c*5 + d*6", "a*3 + b*4 + c*7 + d*8"],
    ["a*5 + b*6 + c*9 + d*10", "a*7 + b*8 + c*11 + d*12"],
]


def formulas(cnnops, *arguments, **options):
    return json.loads(cnnops.text(*arguments, **options))


def test_the_formulas_of_the_notes(cnnops, terminal):
    text = cnnops.text(*LETTERS, IMAGE)
    assert text == json.dumps(FORMULAS, separators=(",", ":")) + "\n"
    assert terminal(*LETTERS, IMAGE).lines == [
        "conv  (H 2, W 2)  formulas",
        "  a*1 + b*2 + c*5 + d*6    a*3 + b*4 + c*7 + d*8",
        "  a*5 + b*6 + c*9 + d*10   a*7 + b*8 + c*11 + d*12",
    ]


def test_a_narrow_terminal_has_a_list(terminal):
    assert terminal(*LETTERS, IMAGE, columns=40).lines[1:3] == [
        "  [0, 0]  a*1 + b*2 + c*5 + d*6",
        "  [0, 1]  a*3 + b*4 + c*7 + d*8",
    ]
    screen = terminal(*LETTERS, IMAGE, columns=20)
    assert max(map(len, screen.lines)) <= 22
    assert "d*8" in screen.shown


@pytest.mark.parametrize(
    "kernel", ['[["a","b"],["c","d"]]', "[[ a ,b],\n[c, d]]", '[["a",b],[c,"d"]]']
)
def test_names_are_bare_or_quoted(cnnops, tmp_path, kernel):
    call = ["conv", "-s", "1,2", "-k"]
    assert formulas(cnnops, *call, kernel, IMAGE) == FORMULAS
    (tmp_path / "k.json").write_text(kernel)
    assert formulas(cnnops, *call, "k.json", IMAGE) == FORMULAS
    assert formulas(cnnops, *call, "-", IMAGE, stdin=kernel) == FORMULAS


def test_names_may_begin_as_words_of_json(cnnops):
    for kernel in ("[2,NaNx]", "[NaN,Infinity_1]", "[NaN,Infinityé]", "[trueish,1]"):
        (formula,) = formulas(cnnops, "conv", "-k", kernel, "[1,5]")
        first, second = kernel.strip("[]").split(",")
        assert formula == f"{first}*1 + {second}*5"


def test_beside_an_array_file(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(1, 13, dtype=np.float32).reshape(3, 4))
    assert formulas(cnnops, *LETTERS, "x.npy") == FORMULAS


def test_letters_in_the_input_the_bias_and_both(cnnops):
    both = formulas(cnnops, "conv", "-k", "[x1,2,-3]", "-b", "[bias]", "[p,q,5,-6]")
    assert both == ["x1*p + 2*q + (-3)*5 + bias", "x1*q + 2*5 + (-3)*(-6) + bias"]


def test_negative_numbers_after_an_operator_are_in_parentheses(cnnops):
    call = ["conv", "--dims", "1", "-k", "[[[-1,a],[-2,-3]]]", "[[-4,0],[5,-6]]"]
    written = "-1*(-4) + (-2)*5 + (-3)*(-6) + (-0.5)"
    assert formulas(cnnops, *call, "-b", "-0.5") == [[written]]
    assert formulas(cnnops, "conv", "-k", "[0,-2]", "[a,b]") == ["-2*b"]
    assert formulas(cnnops, "conv", "-k", "[0]", "-b", "-2", "[a]") == ["-2"]
    assert cnnops.text(*call, "-b", "-0.5", "--explain", "-f", "table").splitlines()[-3:] == [
        "  channel 0: -1*(-4) + a*0",
        "  channel 1: -2*5 + (-3)*(-6)",
        f"  {written}",
    ]


def test_pooling(cnnops, terminal):
    call = ["maxpool", "-k", "2", "-s", "1", "-p", "1:0"]
    expected = [["max(a)", "max(a, b)"], ["max(a, 3)", "max(a, b, 3, NaN)"]]
    assert formulas(cnnops, *call, "[[a,b],[3,NaN]]") == expected
    assert terminal(*call, "[[a,b],[3,NaN]]").lines[1] == "  max(a)             max(a, b)"


def test_known_zeros_and_padding_are_left_out(cnnops):
    assert formulas(cnnops, "conv", "-k", "[a,0,c]", "-p", "1", "[1,0,3]") == [
        "0",
        "a*1 + c*3",
        "0",
    ]
    assert formulas(cnnops, "conv", "-k", "[a]", "-b", "0", "[2]") == ["a*2"]


def test_zero_times_infinity_is_not_known_to_be_zero(cnnops):
    assert formulas(cnnops, "conv", "-k", "[1,Infinity]", "[a,0]") == ["1*a + Infinity*0"]
    assert formulas(cnnops, "conv", "-k", "[b,NaN]", "-p", "0:1", "[1]") == ["b*1 + NaN*0"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-p", "1", "--padding-mode", "reflect"], ["a*2 + b*1", "a*1 + b*2", "a*2 + b*1"]),
        (["-p", "1:0", "--padding-mode", "circular"], ["a*2 + b*1", "a*1 + b*2"]),
        (["-p", "same-upper", "-s", "2"], ["a*1 + b*2"]),
        (["-p", "0:1", "-d", "2"], ["a*1"]),
        (["-p", "1", "--padding-mode", "replicate", "-d", "2"], ["a*1 + b*2", "a*1 + b*2"]),
    ],
)
def test_geometry(cnnops, options, expected):
    assert formulas(cnnops, "conv", "-k", "[a,b]", *options, "[1,2]") == expected


def test_groups_and_layout(cnnops):
    call = ["conv", "--dims", "1", "--depthwise", "--layout", "channels-last", "-k", "[a,b]"]
    assert formulas(cnnops, *call, "[[1,10],[2,20]]") == [["a*1 + b*2", "a*10 + b*20"]]


def test_a_file_of_formulas(cnnops, tmp_path):
    assert cnnops.text(*LETTERS, IMAGE, "-o", "y.json") == ""
    assert json.loads((tmp_path / "y.json").read_text()) == FORMULAS


def test_a_summary_of_formulas(terminal):
    assert terminal(*LETTERS, IMAGE, "-o", "y.json").lines == ["y.json  (H 2, W 2)"]


def test_explained_with_letters(cnnops):
    lines = cnnops.text(*LETTERS, IMAGE, "--explain").splitlines()
    first = json.loads(lines[0])
    assert first["terms"][0] == {"input_at": [0, 0], "input": 1, "weight": "a"}
    assert first["formula"] == first["value"] == FORMULAS[0][0]
    (pooled,) = cnnops.text("maxpool", "-k", "2", "[[a,b],[c,4]]", "--explain").splitlines()
    assert json.loads(pooled)["max_at"] is None


def test_the_formula_is_said_once(cnnops):
    shown = cnnops.text("conv", "-k", "[a,b]", "[1,2]", "--explain", "-f", "table").splitlines()
    assert shown[2] == "[0]"
    assert shown[-1] == "  a*1 + b*2"
    shown = cnnops.text("maxpool", "-k", "2", "[[a,b],[c,d]]", "--explain", "-f", "table")
    assert shown.endswith("\n  max(a, b, c, d)\n")


def test_what_is_left_without_zeros_follows_all_terms(cnnops):
    call = ["conv", "--dims", "1", "--explain", "-f", "table", "-k"]
    shown = cnnops.text(*call, "[a,b,c]", "[1,0,2]").splitlines()
    assert shown[-1] == "  a*1 + b*0 + c*2 = a*1 + c*2"
    assert cnnops.text(*call, "[a]", "[0]").splitlines()[-1] == "  a*0 = 0"


def test_channels_of_letters_have_no_subtotals(cnnops):
    call = ["conv", "--dims", "1", "--explain", "-f", "table", "-k", "[[[a,b],[c,d]]]"]
    channels = ["  channel 0: a*1 + b*2", "  channel 1: c*3 + d*4"]
    assert cnnops.text(*call, "[[1,2],[3,4]]").splitlines()[-2:] == channels
    shown = cnnops.text(*call, "[[1,2],[3,4]]", "-b", "[e]").splitlines()
    assert shown[-3:] == [*channels, "  a*1 + b*2 + c*3 + d*4 + e"]
    shown = cnnops.text(*call, "[[1,2],[3,4]]", "--relu").splitlines()
    assert shown[-3:] == [*channels, "  max(0, a*1 + b*2 + c*3 + d*4)"]
    shown = cnnops.text(*call, "[[1,0],[3,4]]").splitlines()
    assert shown[-3:] == ["  channel 0: a*1 + b*0", channels[1], "  a*1 + c*3 + d*4"]


def test_a_long_name_is_cut_in_its_error(cnnops):
    reason = cnnops.refusal("maxpool", "-k", "1", "-", stdin=f"[[{'a' * 5000}]]")
    assert f"holds the string '{'a' * 60}…'" in reason
    assert len(reason) < 300


def test_numbers_in_formulas_are_short(cnnops):
    assert formulas(cnnops, "conv", "-k", "[a,b]", "[0.1,1e300]") == ["a*0.1 + b*1e+300"]
    assert formulas(cnnops, "conv", "-k", "[a]", "--precision", "1", "[0.25]") == ["a*0.2"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-o", "y.npy"], "formulas with letters go to .json or standard output"),
        (["-f", "npy"], "formulas with letters go to .json or standard output"),
        (["--dtype", "float32"], "letters have no dtype; leave --dtype out"),
        (
            ["--save-kernel", "k.npy"],
            "--save-kernel writes numbers, but --kernel has letters: leave --save-kernel out",
        ),
        (["--dry-run"], "--dry-run counts what numbers take; give numbers, not letters"),
    ],
)
def test_what_letters_cannot_be_given_to(cnnops, tmp_path, options, reason):
    assert cnnops.refusal(*LETTERS, IMAGE, *options).startswith(reason)
    assert list(tmp_path.iterdir()) == []


def test_letters_have_no_indices(cnnops):
    reason = cnnops.refusal("maxpool", "-k", "1", "--indices", "i.npy", "[[a]]")
    assert reason == "--indices writes numbers, but INPUT has letters: leave --indices out"


def test_letters_have_no_state():
    letters = Tensor(np.array(["a"], object), "INPUT", weak=True)
    call = Call(Settings(), ["[a]"], state_files={"save_state": "s.npz"})
    with pytest.raises(
        CnnopsError,
        match=r"^--save-state writes numbers, but INPUT has letters: leave --save-state out$",
    ):
        has_any_letters({"input": letters}, call)


@pytest.mark.parametrize("expected", ["[[a]]", "[[1,b]]"])
def test_letters_are_not_expected(cnnops, expected):
    reason = cnnops.refusal("conv", "-k", "[[1]]", "[[1]]", "--expect", expected)
    assert reason == "--expect has letters, but a result is compared with numbers"


@pytest.mark.parametrize("command", [["batchnorm"], ["dropout"]])
def test_other_commands_take_no_letters(cnnops, command):
    assert "is not JSON" in cnnops.refusal(*command, "[[a,b]]")
    assert "string" in cnnops.refusal(*command, '[["a","b"]]')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "[[a,1],\n [2,-b]]",
            "INPUT is not JSON, not even with letters for numbers: expecting value at line 2, "
            "column 5",
        ),
        (
            "[[abc,b] [c,d]]",
            "INPUT is not JSON, not even with letters for numbers: expecting ',' delimiter at "
            "line 1, column 10",
        ),
        ("[[a,1e400]]", "INPUT holds 1e400, which is too large for float64"),
        ("[[a,18446744073709551616]]", "INPUT holds an integer past 64 bits: 18446744073709551616"),
        ("[[a,-9223372036854775809]]", "INPUT holds an integer past 64 bits: -9223372036854775809"),
        ("[[" + "a" * 41 + "]]", "INPUT holds the string '" + "a" * 41 + "', which is not a name"),
        ("[[a,null]]", "INPUT holds null, which is neither a number nor a letter for one"),
        ("[[a,{}]]", "INPUT holds an object, which is neither a number nor a letter for one"),
        ('[["a b"]]', "INPUT holds the string 'a b', which is not a name for a number"),
        ('[["__import__(1)"]]', "INPUT holds the string '__import__(1)', which is not a name"),
        ("[[a,inf]]", "INPUT holds the string 'inf', which is not a name for a number"),
        ("[[a,b],[c]]", "INPUT is ragged: [0] holds 2 values, but [1] holds 1 value"),
        ("[[a,true]]", "INPUT holds true, which is neither a number nor a letter for one"),
        ("a", "INPUT: no such file: a"),
    ],
)
def test_what_is_no_letter(cnnops, text, reason):
    assert cnnops.refusal("maxpool", "-k", "1", text).startswith(reason)


def test_integers_of_64_bits_are_numbers_beside_letters(cnnops):
    image = "[a,18446744073709551615,-9223372036854775808]"
    assert formulas(cnnops, "maxpool", "--dims", "1", "-k", "3", image) == [
        "max(a, 18446744073709551615, -9223372036854775808)"
    ]


def test_too_many_terms_are_refused_but_for_the_cells_that_are_picked(cnnops, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((600, 600)))
    reason = (
        "formulas would have 1435204 terms in all; letters take at most 1000000, or --explain "
        "with --at for some elements"
    )
    assert cnnops.refusal(*LETTERS[:3], "x.npy").startswith(reason)
    picked = [*LETTERS[:3], "x.npy", "--explain", "--at", "-1,3"]
    line = json.loads(cnnops.text(*picked))
    assert (line["at"], line["formula"]) == ([598, 3], "a*1 + b*1 + c*1 + d*1")
    assert cnnops.refusal(*picked, "-o", "y.json").startswith(reason)
    pooled = cnnops.text("maxpool", "-k", "1,2", "-s", "1", "--explain", "-", stdin="[[a,1]]")
    assert json.loads(pooled)["value"] == "max(a, 1)"


def test_line_by_line(cnnops):
    said = cnnops("conv", "-k", "[a,2]", "--lines", "--keep-going", stdin="[1,2]\n[b,c]\n[b,-c]\n")
    assert said.out == b'["a*1 + 2*2"]\n["a*b + 2*c"]\nnull\n'
    assert said.err.splitlines()[0] == (
        "cnnops conv: error: line 3: INPUT is not JSON, not even with letters for numbers: "
        "expecting value at column 4"
    )


def test_several_files(cnnops, tmp_path):
    (tmp_path / "x.json").write_text("[1,2]")
    (tmp_path / "y.json").write_text("[b,c]")
    np.save(tmp_path / "z.npy", np.array([1, 2]))
    call = ["conv", "-k", "[a,2]", "x.json", "y.json"]
    assert cnnops(*call, "-o", "out/").status == 0
    assert (tmp_path / "out/y.json").read_text() == '["a*b + 2*c"]\n'
    result = cnnops(*call, "z.npy", "-o", "out/")
    assert result.status == 2
    assert result.err.splitlines()[0] == (
        "cnnops conv: error: formulas with letters go to .json or standard output, not to out/z.npy"
    )


NOTES_WITH_INPUT = """\
conv  (H 2, W 2)  formulas

input  (H 3, W 4)    kernel  (O 1, I 1, H 2, W 2)
 1   2   3   4       stride 1×2
 5   6   7   8       a  b
 9  10  11  12       c  d

result  (H 2, W 2)
a*1 + b*2 + c*5 + d*6    a*3 + b*4 + c*7 + d*8
a*5 + b*6 + c*9 + d*10   a*7 + b*8 + c*11 + d*12
"""


def test_a_view_shows_letters_with_the_input(cnnops, terminal):
    call = [*LETTERS, "--with-input", "-f", "table", IMAGE]
    assert cnnops.text(*call, "--view", "v.txt") == NOTES_WITH_INPUT
    assert (cnnops.folder / "v.txt").read_text() == NOTES_WITH_INPUT
    screen = terminal(*LETTERS, "--with-input", IMAGE)
    assert screen.coloured
    assert [line.rstrip() for line in screen.lines] == NOTES_WITH_INPUT.splitlines()


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_a_picture_of_formulas(cnnops, suffix):
    assert json.loads(cnnops.text(*LETTERS, IMAGE, "--view", f"v.{suffix}")) == FORMULAS
    text = (cnnops.folder / f"v.{suffix}").read_text()
    for formula in (formula for row in FORMULAS for formula in row):
        assert f">{formula}<" in text or f"> {formula} " in text
    assert "#f0f0f0" in text
    assert "#e4e4e4" in text


def test_a_text_view_of_formulas_is_what_a_pipe_gets(cnnops):
    shown = cnnops.text(*LETTERS, IMAGE, "-f", "table", "--view", "v.txt")
    assert (cnnops.folder / "v.txt").read_text() == shown


def test_a_view_of_maxpool_with_letters_and_relu(cnnops):
    call = ["maxpool", "-k", "2", "-s", "1", "--relu", "[[a,b,3],[c,d,e]]", "--with-input"]
    assert (
        cnnops.text(*call, "-f", "table")
        == """\
maxpool  (H 1, W 2)  formulas

input  (H 2, W 3)    window  2×2
a  b  3              stride 1
c  d  e

result  (H 1, W 2)
max(0, max(a, b, c, d))  max(0, max(b, 3, d, e))
"""
    )


def test_formulas_that_are_too_wide_are_folded_before_operators(cnnops):
    call = ["conv", "-k", "[[a,b],[c,d]]", IMAGE, "--with-input", "-f", "table"]
    shown = cnnops.text(*call, env={"COLUMNS": "50"})
    assert (
        shown.split("result  (H 2, W 3)\n")[1]
        == """\
a*1 + b*2      a*2 + b*3      a*3 + b*4
+ c*5 + d*6    + c*6 + d*7    + c*7 + d*8

a*5 + b*6      a*6 + b*7      a*7 + b*8
+ c*9 + d*10   + c*10 + d*11  + c*11 + d*12
"""
    )


@pytest.mark.parametrize(
    ("columns", "lines", "said"),
    [
        (20, 30, "… 8 more rows\n… 2 more columns\n"),
        (80, 12, "d*1\n… 10 more rows\n"),
        (80, 100, ""),
    ],
)
def test_formulas_left_out_are_counted(cnnops, columns, lines, said):
    image = json.dumps([[row] * 4 for row in range(12)])
    call = ["conv", "-k", "[[aaaaaa,b],[c,d]]", image, "--with-input", "-f", "table"]
    shown = cnnops.text(*call, env={"COLUMNS": str(columns), "LINES": str(lines)})
    assert max(map(len, shown.splitlines())) <= columns
    assert len(shown.splitlines()) < lines
    assert (said in shown) if said else ("more" not in shown)
