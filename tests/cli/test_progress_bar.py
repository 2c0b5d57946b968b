"""The progress bar of long work: on a terminal's standard error, and gone when it is done.

Its clock runs fast, so that work of a few hundredths of a second takes seconds.
"""

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from calling import PATIENCE, InstalledCommand
from pseudo_terminal import ESCAPE, run_on_terminal

from cnnops_cli.views import progress

LINES = 1000
TIMES_AS_FAST = 50
HURRIED = f"""\
#!{{python}}
import time
from types import SimpleNamespace
from cnnops_cli.views import progress

progress.time = SimpleNamespace(monotonic=lambda: {TIMES_AS_FAST} * time.monotonic())
from cnnops_cli.__main__ import main
main()
"""
BAR = re.compile(r"(\d+) of (\d+) (tiles|INPUTs)  \S+/s  \d+:\d\d left")
CONTROL = re.compile(r"\x1b\[\?25[lh]|\x1b\[[\d;]*m|\x1b\[(\d*)([AK])|\r|\n|[^\x1b\r\n]+")


def left_on_the_screen(raw):
    """What a person sees in the end: the lines, after what was written over and erased."""
    lines, row = [""], 0
    column = 0
    for found in CONTROL.finditer(raw):
        text = found.group()
        if text == "\r":
            column = 0
        elif text == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif found[2] == "A":
            row -= int(found[1] or 1)
        elif found[2] == "K":
            lines[row] = ""
        elif not text.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + text
            column += len(text)
    return "\n".join(lines[: row + 1])


@pytest.fixture
def hurried(executable, tmp_path_factory):
    """The installed command, whose progress bar has a clock that runs fast."""
    script = tmp_path_factory.mktemp("hurried") / "cnnops"
    script.write_text(HURRIED.format(python=executable.with_name("python")))
    script.chmod(0o755)
    return script


@pytest.fixture
def cnnops(cnnops, hurried, tmp_path, monkeypatch):
    """The command wherever it runs, whose progress bar has a clock that runs fast."""
    if isinstance(cnnops, InstalledCommand):
        return InstalledCommand(hurried, tmp_path)
    clock = SimpleNamespace(monotonic=lambda: TIMES_AS_FAST * time.monotonic())
    monkeypatch.setattr(progress, "time", clock)
    return cnnops


@pytest.fixture
def slow(tmp_path):
    """A call of many tiles."""
    np.save(tmp_path / "x.npy", np.ones((12, 8, 120, 120)))
    np.save(tmp_path / "k.npy", np.ones((4, 8, 15, 15)))
    return ["conv", "-k", "k.npy", "x.npy", "--threads", "1", "-o", "y.npy"]


@pytest.fixture
def many(tmp_path, slow):
    x = np.load(tmp_path / "x.npy")[:3]
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", x)
    return [*slow[:3], *(f"{number}.npy" for number in range(4)), "-o", "out/"]


@pytest.mark.parametrize("columns", [40, 120])
def test_one_long_call_counts_its_tiles(terminal, slow, tmp_path, columns):
    screen = terminal(*slow, columns=columns)
    assert screen.status == 0
    found = BAR.findall(screen.shown)
    assert found
    assert {unit for _, _, unit in found} == {"tiles"}
    done = [int(count) for count, _, _ in found]
    assert done == sorted(done)
    (total,) = {int(total) for _, total, _ in found}
    assert 0 < done[0] < total
    assert screen.coloured
    left = left_on_the_screen(screen.raw)
    assert re.fullmatch(r"y\.npy  \(N 12, C 4, H 106, W 106\)  float64  .*\n", left)
    assert screen.raw.rindex("\x1b[?25l") < screen.raw.rindex("\x1b[?25h")
    drawn = re.split(r"[\r\n]", ESCAPE.sub("", screen.raw.split("y.npy")[0]))
    assert max(len(line) for line in drawn) <= columns - len("^C")


def test_the_result_is_the_same_with_a_bar(cnnops, terminal, slow, tmp_path):
    call = [*slow[:-2], "-f", "json"]
    screen = terminal(*call, on=("stderr",))
    assert BAR.search(screen.shown)
    assert left_on_the_screen(screen.raw) == ""
    assert screen.out.decode() == cnnops.text(*call)


def test_where_nobody_would_see_it_there_is_none(cnnops, terminal, slow):
    assert terminal(*slow, on=("stdin", "stdout")).err == ""
    assert terminal(*slow, "-q").raw == ""
    dumb = terminal(*slow, env={"TERM": "dumb"}).raw
    assert dumb.startswith("y.npy  ")
    assert "\x1b" not in dumb


def test_short_work_shows_none(terminal):
    screen = terminal("conv", "-k", "[[1]]", "[[1]]", "-o", "y.npy")
    assert screen.raw.startswith("y.npy  ")


@pytest.mark.parametrize(("env", "options"), [({"NO_COLOR": "1"}, []), ({}, ["--no-color"])])
def test_colour_is_for_those_who_want_it(terminal, slow, env, options):
    screen = terminal(*slow, *options, env=env)
    assert BAR.search(screen.shown)
    assert not screen.coloured


def test_several_files_are_counted(terminal, many, tmp_path):
    screen = terminal(*many)
    assert screen.status == 0
    assert re.search(r"[1-3] of 4 INPUTs  \S+/s  \d+:\d\d left", screen.shown)
    assert left_on_the_screen(screen.raw) == "out/  4 results\n"
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_an_error_stands_where_the_bar_was(terminal, many, tmp_path):
    (tmp_path / "2.npy").write_bytes(b"no numbers")
    screen = terminal(*many)
    assert screen.status == 2
    assert "of 4 INPUTs" in screen.shown
    bad, last, nothing = left_on_the_screen(screen.raw).split("\n")
    assert bad.startswith("cnnops conv: error: 2.npy ")
    assert last.startswith("cnnops conv: error: 1 of 4 INPUTs failed")
    assert nothing == ""


@pytest.fixture
def line_on_terminal(hurried, tmp_path):
    """Run a line of a shell whose streams are a terminal."""
    shell = InstalledCommand(Path("/bin/sh"), tmp_path)
    path = {"PATH": f"{hurried.parent}:{os.defpath}"}
    return lambda line: run_on_terminal(lambda streams: shell.run(["-c", line], streams, env=path))


@pytest.fixture
def lines(tmp_path):
    """The options of a call that takes long."""
    line = "[" + ",".join(["[1,2,3,4,5,6,7,8]"] * 8) + "]\n"
    (tmp_path / "lines.txt").write_text(line * LINES)
    return "conv -k '[[1,2],[3,4]]' --lines"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("cnnops {} < lines.txt > out.txt", r"\d+ lines  [\d.]+/s  \d+:\d\d left"),
        ("cat lines.txt | cnnops {} > out.txt", r"\d+ lines  [\d.]+/s(?!  )"),
        ("cat lines.txt | cnnops {} | cat > out.txt", None),
    ],
)
def test_lines_are_counted_where_there_is_a_file(line_on_terminal, tmp_path, lines, call, told):
    screen = line_on_terminal(call.format(lines))
    assert screen.status == 0
    assert bool(re.search(told or ".", screen.shown)) is (told is not None)
    assert left_on_the_screen(screen.raw) == ""
    assert (tmp_path / "out.txt").read_text().count("\n") == LINES


def test_answers_on_the_terminal_are_not_disturbed(line_on_terminal, lines):
    screen = line_on_terminal(f"cnnops {lines} < lines.txt")
    assert screen.status == 0
    assert "\x1b" not in screen.raw
    assert screen.raw.count("\n") == LINES


def test_an_interrupt_leaves_a_clean_screen(hurried, tmp_path, slow):
    # Sums that may leave int64 are summed by Python, which takes seconds.
    np.save(tmp_path / "x.npy", np.full((12, 8, 120, 120), 2**56))
    np.save(tmp_path / "k.npy", np.ones((4, 8, 3, 3), np.int64))
    ours, theirs = os.openpty()
    with InstalledCommand(hurried, tmp_path).start(*slow, stderr=theirs) as process:
        os.close(theirs)
        raw = b""
        while b"tiles" not in raw:
            raw += os.read(ours, 1 << 16)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) in (130, -signal.SIGINT)
    with suppress(OSError):  # Linux reports the end of a terminal as an input/output error
        while more := os.read(ours, 1 << 16):
            raw += more
    os.close(ours)
    assert left_on_the_screen(raw.decode().replace("\r\n", "\n")) == ""
    assert raw.count(b"\x1b[?25l") == 1
    assert raw.index(b"\x1b[?25l") < raw.index(b"\x1b[?25h")
    assert not (tmp_path / "y.npy").exists()
