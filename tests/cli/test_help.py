"""Every option of the contract is in the help, and every option in the help is explained."""

import re

import pytest
import typer

from cnnops_cli.app import app
from cnnops_cli.help import _MOST_USED

SHARED = [
    *["--output", "-o", "--format", "-f", "--precision", "--dtype", "--layout", "--threads"],
    *["--quiet", "-q", "--no-color", "--help"],
    *["--expect", "--rtol", "--atol", "--ulp", "--equal-nan", "--no-equal-nan"],
    "--update-expected",
    *["--stretch", "--view", "--lines", "--keep-going", "--explain", "--at", "--dry-run"],
    *["--lesson", "--output-chunks", "--overwrite", "--scheduler"],
]
OPTIONS = {
    "conv": [
        *["--kernel", "-k", "--dims", "--bias", "-b", "--stride", "-s", "--padding", "-p"],
        *["--padding-mode", "--dilation", "-d", "--groups", "-g", "--depthwise"],
        *["--out-channels", "--kernel-size", "--seed", "--no-bias", "--save-kernel"],
        *["--with-input", "--accumulate"],
    ],
    "maxpool": [
        *["--kernel", "--kernel-size", "-k", "--stride", "-s", "--padding", "-p"],
        *["--dilation", "-d", "--ceil-mode", "--dims", "--indices", "--with-input"],
    ],
    "batchnorm": [
        *["--train", "--eval", "--weight", "--gamma", "--bias", "--beta", "--running-mean"],
        *["--running-var", "--eps", "--momentum", "--state", "--save-state"],
    ],
    "dropout": [
        *["--p", "-p", "--train", "--eval", "--seed", "--channelwise", "--mask"],
        "--mask-output",
    ],
}
OPTION = r"(?<![\w-])(--?[a-z][a-z-]*)"
WORDS = {
    "conv": [
        *["valid", "same", "same-upper", "same-lower", "zeros", "reflect", "replicate"],
        *["circular", "channels-first", "channels-last", "auto", "table", "json", "npy"],
        *["exact", "fast", "sequential", "fma"],
    ],
    "maxpool": ["same-upper", "channels-last"],
    "batchnorm": ["none", "0.1", "1e-05|1e-5|0.00001", "num_batches_tracked"],
    "dropout": ["0.5"],
}


def entries(text):
    """The option lines of a help text, each with the lines that continue it."""
    listed, current = [], None
    for line in text.splitlines():
        if re.match(r" {1,6}-{1,2}[a-z]", line):
            current = [line.strip()]
            listed.append(current)
        elif not line.startswith("       "):
            current = None
        elif current is not None:
            current.append(line.strip())
    return ["  ".join(parts) for parts in listed]


@pytest.mark.parametrize("command", OPTIONS)
def test_the_help_of_a_command(cnnops, command):
    text = cnnops.text(command, "--help")
    listed = entries(text)
    spelled = {name for entry in listed for name in re.findall(OPTION, entry)}
    assert set(SHARED) | set(OPTIONS[command]) <= spelled
    for words in WORDS[command]:
        assert any(re.search(rf"(?<![\w-]){word}(?![\w-])", text) for word in words.split("|"))
    for entry in listed:
        first_column, *described = re.split(r"\s{2,}", entry)
        prose = " ".join(described)
        assert len(re.findall(r"\b[a-z]{2,}\b", prose)) >= 2, first_column
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(rf"^\W*cnnops {command} .*\S", text, re.MULTILINE)
    assert re.search(rf"^\W*\$? ?cnnops {command} (?!\[OPTIONS)\S", text, re.MULTILINE)
    assert "INPUT" in text


def test_the_help_of_the_whole(cnnops):
    text = cnnops.text("--help")
    for command in OPTIONS:
        (line,) = re.findall(rf"^\W*{command}\s{{2,}}(.*)$", text, re.MULTILINE)
        assert re.search(r"[a-z]{3,}", line)
    assert "--version" in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_on_a_terminal(terminal):
    screen = terminal("conv", "--help", columns=100)
    assert screen.status == 0
    assert "--padding-mode" in screen.shown
    assert max(map(len, screen.lines)) <= 100


def test_help_without_colour(terminal, cnnops):
    for off in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert not terminal("conv", "--help", env=off).coloured
    assert "\x1b" not in cnnops.text("conv", "--help")


def test_what_each_option_is_by_default_can_be_read(cnnops):
    text = re.sub(r"\W+", " ", cnnops.text("conv", "--help"))
    assert "zeros" in text
    assert re.search(r"default", text, re.IGNORECASE)


@pytest.fixture
def helped(called_here):
    def helped(*call, columns=80):
        return called_here(*call, env={"COLUMNS": str(columns)})

    return helped


@pytest.mark.parametrize("command", [[], *([name] for name in OPTIONS)])
def test_the_short_help_fits_a_screen_with_the_prompt(helped, command):
    lines = helped(*command, "-h").splitlines()
    assert len(lines) <= 23
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"Usage: {' '.join(['cnnops', *command])} [OPTIONS]")
    assert 2 <= sum(bool(re.match(r" {4}.*cnnops \w", line)) for line in lines) <= 3
    assert lines[-1].endswith(f"cnnops {' '.join(command) or 'conv'} --help")


@pytest.mark.parametrize("command", OPTIONS)
def test_what_the_short_help_names_is_in_the_whole(helped, command):
    short, whole = helped(command, "-h"), helped(command, "--help")
    rows = re.findall(r"^  (\S.*?) {2,}(\S.*)$", short, re.MULTILINE)
    assert len(rows) >= 9
    listed = {name for entry in entries(whole) for name in re.findall(OPTION, entry)}
    assert set(re.findall(OPTION, short)) <= listed
    joined = re.sub(r"\s+", " ", whole)
    for names, sentence in rows:
        assert sentence.endswith(".")
        assert sentence.removesuffix(".") in joined, names
    assert {"--output", "--format", "--expect", "--explain", "--lesson"} <= set(
        re.findall(OPTION, short)
    )
    assert not re.search(r"\S\|", short)


def test_every_parameter_of_the_short_help_is_one_of_a_command():
    group = typer.main.get_command(app)
    context = group.make_context("cnnops", [], resilient_parsing=True)
    commands = [group.get_command(context, name) for name in OPTIONS]
    names = {param.name for command in commands for param in command.get_params(context)}
    assert set() < _MOST_USED <= names


def test_the_short_help_lists_the_commands(helped):
    short, whole = helped("-h"), helped("--help")
    for command in OPTIONS:
        (line,) = re.findall(rf"^  {command} {{2,}}\S.*$", short, re.MULTILINE)
        assert line in whole.splitlines()


def test_a_bare_call_is_the_short_help(helped):
    assert helped() == helped("-h")


def test_a_narrow_terminal_folds_the_short_help(helped):
    examples, others = [], []
    for line in helped("dropout", "-h", columns=50).splitlines():
        (examples if line.startswith("    cnnops") else others).append(line)
    assert len(examples) == 3
    assert max(map(len, others)) <= 50


def test_a_command_without_examples_has_help(helped, monkeypatch):
    monkeypatch.setattr("cnnops_cli.commands.maxpool.maxpool.__doc__", "Pool.")
    assert helped("maxpool", "-h").startswith(
        "Usage: cnnops maxpool [OPTIONS] [INPUT]...\n\nPool.\n"
    )


def headings(text):
    return re.findall(r"^(\S.*):$", text, re.MULTILINE)


@pytest.mark.parametrize("command", OPTIONS)
def test_examples_come_first_and_what_all_share_comes_last(helped, command):
    text = helped(command, "--help")
    first, example = text.split("\n\n")[1:3]
    assert first.count("\n") == 0
    assert example.startswith("    ")
    assert f"cnnops {command}" in example
    own = {
        "conv": ["Kernel", "Geometry", "Sums"],
        "maxpool": ["Geometry"],
        "batchnorm": ["Normalization"],
    }
    shared = ["Input and output", "Many tensors", "Zarr", "Check", "Explanation", "Help", "Notes"]
    assert headings(text) == own.get(command, ["Dropout"]) + shared


def test_what_all_commands_share_is_the_same_and_in_one_place(helped):
    texts = [helped(command, "--help") for command in OPTIONS]
    tails = {re.sub(r"\s+", " ", text[text.index("  [INPUT]...") :]) for text in texts}
    assert len(tails) == 1


def test_the_help_of_the_whole_has_its_examples_first(helped):
    text = helped("--help")
    assert text.index("    cnnops conv ") < text.index("INPUT and every TENSOR")
    assert headings(text) == ["Options", "Commands"]
