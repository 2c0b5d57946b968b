"""`--view` and `--with-input`: the view as a file, the same wherever it is made."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

CALL = ["conv", "-k", "[[1,2],[3,4]]", "--with-input", "[[1,2,3],[4,5,NaN]]"]
SUFFIXES = (".svg", ".html", ".txt")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_the_same_wherever_it_is_made(cnnops, terminal, tmp_path, suffix):
    files = [tmp_path / f"{name}{suffix}" for name in "abcdef"]
    result = cnnops.text(*CALL, "--view", files[0], "--format", "json")
    assert result == "[[37.0,NaN]]\n"
    assert cnnops.text(*CALL, "--view", files[1], "-f", "json", "--threads", "1") == result
    assert terminal(*CALL, "--view", files[2], columns=40, rows=10).status == 0
    cnnops.text(*CALL, "--view", files[3], "-o", "y.npy", "-q", env={"FORCE_COLOR": "1"})
    cnnops.text(*CALL, "--view", files[4], "-o", "z.npy", "--no-color")
    set_size = {"COLUMNS": "80", "LINES": "48", "TERM": "dumb", "LANG": "C"}
    cnnops.text(*CALL, "--view", files[5], "-f", "json", env=set_size)
    assert len({file.read_bytes() for file in files}) == 1
    assert len(files[0].read_bytes()) > 100


def test_text_is_the_plain_view(cnnops, tmp_path):
    shown = cnnops.text(*CALL, "-f", "table", "--view", "v.txt", env={"LINES": "48"})
    assert (tmp_path / "v.txt").read_text() == shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_has_a_size_of_its_own_and_obeys_columns(cnnops, tmp_path, suffix):
    np.save(tmp_path / "x.npy", np.arange(4e4).reshape(200, 200))
    sizes = []
    for columns in ("", "40", "120", "wide"):
        view = tmp_path / f"v{columns}{suffix}"
        cnnops.text(
            "maxpool", "-k", "1", "x.npy", "-o", "y.npy", "--view", view, env={"COLUMNS": columns}
        )
        sizes.append(view.stat().st_size)
    assert sizes[1] < sizes[0]
    assert sizes[3] == sizes[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [3, 300])
def test_nothing_outside_the_file_is_referred_to(cnnops, tmp_path, suffix, size):
    np.save(tmp_path / "x.npy", np.arange(3.0 * size * size).reshape(3, size, size))
    view = tmp_path / f"v{suffix}"
    cnnops.text("maxpool", "-k", "1", "--with-input", "x.npy", "-o", "y.npy", "--view", view)
    text = view.read_text(encoding="utf-8").replace('"http://www.w3.org/2000/svg"', "", 1)
    assert not re.search(r"https?:|//\w|@import|@font-face|url\(|<script|<link|<image|href", text)


def test_an_svg_draws_every_number_and_every_cell(cnnops, tmp_path):
    cnnops.text(*CALL, "-o", "y.npy", "--view", "v.svg")
    root = ElementTree.parse(tmp_path / "v.svg").getroot()
    assert root.tag == f"{SVG}svg"
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"conv", "(H 1, W 2)", "1 nan!", "input", "kernel", "result", "37", "nan"} <= set(texts)
    assert "conv" in root.find(f"{SVG}title").text
    runs = [
        int(length)
        for path in root.iter(f"{SVG}path")
        for length in re.findall(r"h(\d+)", path.get("d"))
    ]
    width, height = int(root.get("width")), int(root.get("height"))
    assert 0 < sum(runs) * 8 * 8 < width * height
    assert all(path.get("stroke") for path in root.iter(f"{SVG}path"))


def test_html_is_closed_and_says_what_the_text_says(cnnops, tmp_path):
    for suffix in ("html", "txt"):
        cnnops.text(*CALL, "-o", "y.npy", "--view", f"v.{suffix}")
    parts, opened = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            opened.append(tag)

        def handle_endtag(self, tag):
            while opened.pop() != tag:
                pass

        def handle_data(self, data):
            if "pre" in opened:
                parts.append(data)

    Reader().feed((tmp_path / "v.html").read_text(encoding="utf-8"))
    assert opened == []
    # Grids on their colours have a margin.
    lines = [line.split() for line in "".join(parts).splitlines()]
    assert lines == [line.split() for line in (tmp_path / "v.txt").read_text().splitlines()]


@pytest.mark.parametrize("command", ["conv", "maxpool", "batchnorm", "dropout"])
def test_every_command_writes_its_view(cnnops, tmp_path, command):
    options = {"conv": ["-k", "[[2]]"], "maxpool": ["-k", "1"], "dropout": ["--seed", "3"]}
    cnnops.text(command, *options.get(command, []), "[[1,2],[3,5]]", "--view", "v.txt")
    text = (tmp_path / "v.txt").read_text()
    axes = {"batchnorm": "(N 2, C 2)", "dropout": "(2, 2)"}.get(command, "(H 2, W 2)")
    assert text.startswith(f"{command}  {axes}  ")
    assert ("seed 3" in text) == (command == "dropout")
    assert "product" not in text


def test_a_call_that_fails_leaves_no_view(cnnops, tmp_path):
    (tmp_path / "v.svg").write_text("before")
    reason = cnnops.refusal("conv", "-k", "[[1,2]]", "[[1],[2]]", "--view", "v.svg")
    assert "kernel" in reason
    assert (tmp_path / "v.svg").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["v.svg"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--view", "v.png"], "--view: 'v.png' ends in none of .svg, .html, .txt"),
        (
            ["--view", "v.sgv"],
            "--view: 'v.sgv' ends in none of .svg, .html, .txt; did you mean .svg?",
        ),
        (["--view", "v.svg/"], "--view: v.svg/ is a directory"),
        (["--view", "-"], "--view: '-' ends in none of .svg, .html, .txt"),
        (
            ["--view", "gone/v.svg"],
            "--view: gone/v.svg cannot be written: no such directory: gone",
        ),
        (
            ["--with-input"],
            "--with-input is part of the view, and this call shows none: add --format table or "
            "--view FILE",
        ),
        (
            ["--with-input", "-f", "npy"],
            "--with-input is part of the view, and this call shows none: add --format table or "
            "--view FILE",
        ),
    ],
)
def test_what_is_refused(cnnops, options, reason):
    # INPUT is not there: the options are checked before anything is read.
    for command in ("conv", "maxpool"):
        assert cnnops.refusal(command, "-k", "2", "gone.npy", *options) == reason


def test_two_results_do_not_go_to_one_file(cnnops, tmp_path):
    (tmp_path / "v.svg").touch()
    (tmp_path / "y.npy").symlink_to("v.svg")
    reason = cnnops.refusal("dropout", "[1]", "--view", "v.svg", "-o", "y.npy")
    assert reason == "two results cannot go to one file: v.svg"


def test_a_check_on_a_terminal_shows_no_input_unless_a_view_is_asked_for(terminal):
    call = ["maxpool", "-k", "2", "--with-input", "[[1,2],[3,4]]", "--expect", "[[4]]"]
    screen = terminal(*call, columns=160)
    assert (screen.status, screen.lines) == (
        2,
        [
            "cnnops maxpool: error: --with-input is part of the view, and this call shows none: "
            "add --format table or --view FILE"
        ],
    )
    screen = terminal(*call, "-f", "table")
    assert screen.status == 0
    assert "input  (H 2, W 2)" in screen.shown


def test_with_input_on_a_terminal(terminal, cnnops):
    call = ["maxpool", "-k", "2", "--with-input", "[[1,2,3,4],[5,6,7,8]]"]
    screen = terminal(*call)
    assert screen.coloured
    assert re.search(r"input  \(H 2, W 4\) +window  2×2 +result", screen.shown)
    plain = cnnops.text(*call, "-f", "table")
    assert [line.rstrip() for line in screen.lines] == plain.splitlines()
    narrow = terminal(*call, columns=20)
    assert all(len(line) <= 20 for line in narrow.lines)
    assert [line for line in narrow.lines if line.startswith(("input", "window", "result"))] == [
        *["input  (H 2, W 4)", "window  2×2", "result  (H 1, W 2)"]
    ]
    written = terminal(*call, "-o", "y.npy", "--view", "v.svg")
    assert written.status == 0


@pytest.mark.parametrize(("columns", "rows"), [(40, 24), (80, 24), (80, 40), (120, 30)])
@pytest.mark.parametrize("options", [[], ["--no-color"]])
def test_with_input_fits_the_terminal(terminal, tmp_path, columns, rows, options):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(3, 64, 64)))
    layer = ["--out-channels", "8", "--kernel-size", "5", "--seed", "0"]
    screen = terminal(
        *["conv", *layer, "--with-input", "x.npy", *options], columns=columns, rows=rows
    )
    assert len(screen.lines) < rows
    assert max(map(len, screen.lines)) <= columns
    assert screen.coloured == (not options)
    for name in ("input", "kernel", "bias", "result"):
        assert name in screen.shown


def test_with_input_in_the_users_layout(cnnops):
    shown = cnnops.text(
        *["conv", "-k", "[[1]]", "--depthwise", "--layout", "channels-last", "--with-input"],
        *["[[[1,10],[2,20]],[[3,30],[4,40]]]", "-f", "table"],
    )
    assert re.search(r"^ *1 +2 +10 +20 ", shown, re.MULTILINE)
    shown = cnnops.text(
        *["conv", "-k", "[[1,1]]", "--depthwise", "--layout", "channels-last", "--with-input"],
        *["[[[1,10],[2,20],[3,30]]]", "-f", "table"],
        env={"COLUMNS": "120"},
    )
    assert shown.startswith("conv  (H 1, W 2, C 2)")
    assert re.search(r"^input  \(H 1, W 3, C 2\) .*result  \(H 1, W 2, C 2\)$", shown, re.MULTILINE)


def test_with_input_says_all_that_the_result_follows_from(cnnops):
    options = ["-s", "2", "-p", "0:1,1:0", "-d", "1,2", "--padding-mode", "circular"]
    call = ["conv", "-k", "[[[[1,2],[3,4]]],[[[5,6],[7,8]]]]", *options, "-g", "2", "-b", "[0.5,9]"]
    image = "[[[1,2,3],[3,4,5],[5,6,7]],[[0,0,0],[1,1,1],[2,2,2]]]"
    shown = cnnops.text(*call, "--with-input", "-f", "table", image, env={"COLUMNS": "120"})
    for said in (
        *["(O 2, I 1, H 2, W 2)", "stride 2", "padding 0:1×1:0", "dilation 1×2", "groups 2"],
        *["padding mode", "circular", "bias  (O 2)", "0.5  9.0"],
    ):
        assert said in shown
    plain = cnnops.text("conv", "-k", "[[1]]", "-b", "0.5", "--with-input", "-f", "table", "[[1]]")
    assert re.search(r"kernel  \(O 1, I 1, H 1, W 1\) +bias +result", plain)
    assert "stride" not in plain
    pooled = cnnops.text(
        *["maxpool", "-k", "2", "-p", "0:1", "--ceil-mode", "--with-input", "-f", "table", image]
    )
    for said in ("window  2×2", "stride 2×2", "padding 0:1", "ceil mode"):
        assert said in pooled


def test_an_encoding_without_shades_gets_others(installed, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3000.0).reshape(30, 100))
    shown = installed(
        "maxpool", "-k", "1", "-f", "table", "x.npy", env={"PYTHONIOENCODING": "latin-1"}
    )
    assert shown.status == 0
    text = shown.out.decode("ascii")
    assert "?" not in text
    assert "blank from" in text
    assert "####" in text
