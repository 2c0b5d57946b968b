"""Every option of the contract is in the help, and every option in the help is explained."""

import re

import pytest

SHARED = [
    *["--output", "-o", "--format", "-f", "--precision", "--dtype", "--layout", "--threads"],
    *["--quiet", "-q", "--no-color", "--help"],
    *["--expect", "--rtol", "--atol", "--ulp", "--equal-nan", "--no-equal-nan"],
    "--update-expected",
    "--stretch",
]
OPTIONS = {
    "conv": [
        *["--kernel", "-k", "--dims", "--bias", "-b", "--stride", "-s", "--padding", "-p"],
        *["--padding-mode", "--dilation", "-d", "--groups", "-g", "--depthwise"],
        *["--out-channels", "--kernel-size", "--seed", "--no-bias", "--save-kernel"],
    ],
    "maxpool": [
        *["--kernel", "--kernel-size", "-k", "--stride", "-s", "--padding", "-p"],
        *["--dilation", "-d", "--ceil-mode", "--dims", "--indices"],
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
