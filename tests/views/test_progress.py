"""When a progress bar is shown, by a clock that the test moves."""

import io
import subprocess
import sys

import pytest

from cnnops_cli.views import progress as module
from cnnops_cli.views.progress import Progress


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class Shown:
    """What standard error has received."""

    def __init__(self, capsys):
        self._capsys = capsys
        self._text = ""

    def getvalue(self):
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def screen(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    return Shown(capsys)


def test_nothing_is_shown_within_a_second(clock, screen):
    with Progress("conv", "tiles", 10, color=False) as progress:
        clock.now += 0.99
        progress.advance()
    assert screen.getvalue() == ""


def test_a_bar_is_shown_after_a_second_ten_times_a_second_and_erased(clock, screen):
    with Progress("conv", "tiles", 10, color=False) as progress:
        clock.now += 2
        progress.advance()
        assert "1 of 10 tiles  0.5/s  0:18 left" in screen.getvalue()
        clock.now += 0.05
        progress.advance()
        assert "2 of 10 tiles" not in screen.getvalue()
        clock.now += 0.06
        progress.advance()
        assert "3 of 10 tiles" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[1A\x1b[2K")
    assert "\x1b[3" not in screen.getvalue()


def test_work_that_is_done_is_not_shown(clock, screen):
    with Progress("conv", "tiles", 1, color=False) as progress:
        clock.now += 5
        progress.advance()
    assert screen.getvalue() == ""


def test_each_pass_is_counted_anew(clock, screen):
    with Progress("conv", "tiles", None, color=False) as progress:
        tell = progress.begin(4)
        clock.now += 2
        tell()
        assert "1 of 4 tiles  0.5/s" in screen.getvalue()
        tell = progress.begin(8)
        clock.now += 1
        tell()
        assert "1 of 8 tiles  1/s  0:07 left" in screen.getvalue()


def test_parts_of_one_move_the_clock_and_not_the_count(clock, screen):
    with Progress("conv", "INPUTs", 3, color=False) as progress:
        clock.now += 2
        progress.within(10)()
        assert "0 of 3 INPUTs" in screen.getvalue()


def test_weights_tell_the_time_where_the_count_does_not(clock, screen):
    with Progress("conv", "lines", 1000, color=False) as progress:
        clock.now += 2
        progress.advance(weight=250)
        assert "1 lines  0.5/s  0:06 left" in screen.getvalue()


def test_a_cleared_bar_comes_back(clock, screen):
    with Progress("conv", "INPUTs", 5, color=False) as progress:
        clock.now += 2
        progress.advance()
        progress.clear()
        assert screen.getvalue().endswith("\x1b[1A\x1b[2K")
        progress.advance()
        assert "2 of 5 INPUTs" in screen.getvalue()


def test_what_is_told_after_the_end_shows_nothing(clock, screen):
    with Progress("conv", "tiles", 5, color=False) as progress:
        clock.now += 2
    progress.advance()
    assert screen.getvalue() == ""


class Gone(io.StringIO):
    asked = 0

    def write(self, _):
        self.asked += 1
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_gone_stops_nothing(clock, monkeypatch):
    gone = Gone()
    monkeypatch.setattr(sys, "stderr", gone)
    with Progress("conv", "tiles", 5, color=False) as progress:
        clock.now += 2
        progress.advance()
        clock.now += 2
        progress.advance()
    assert gone.asked


def test_rich_waits_for_a_bar():
    program = "import sys, cnnops_cli.views.progress; print('rich' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout == b"False\n"


def test_a_bar_needs_no_thread(clock, screen, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    with Progress("conv", "tiles", 5, color=False) as progress:
        clock.now += 2
        progress.advance()
        assert "1 of 5 tiles" in screen.getvalue()
