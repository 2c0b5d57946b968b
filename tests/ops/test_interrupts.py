"""What interrupts a call, wherever it comes, leaves the host's process as it was."""

import subprocess
import sys
import threading

import pytest
import storm as program
from storm import CALLS, host_state, settled

from cnnops_cli.ops import blas, parallel, threads

FILES = {module.__file__ for module in (blas, parallel, threads)}
UNINTERRUPTED = (
    "with self._",  # a lock, from the taking of which to the first line Python does not look
    "pass",
    "finally:",
    "try:",
    "alarm(user)",
    "stop()  # a call of C's",
)
"""Lines where an interrupt is not looked for: Python does so after calls and in loops."""


@pytest.fixture(autouse=True)
def _limited(monkeypatch):
    """As in a process that limits nothing by itself."""
    monkeypatch.setattr(blas, "_is_limited", lambda: False)


def uninterrupted():
    found = set()
    for path in FILES:
        with open(path) as source:
            for number, line in enumerate(source, 1):
                if any(text in line for text in UNINTERRUPTED):
                    found.add((path, number))
    return found


class Interrupt:
    """Raises KeyboardInterrupt at the n-th step of the interpreter in our files."""

    def __init__(self, step):
        self.left = step
        self.spared = uninterrupted()

    def __call__(self, frame, event, _):
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and (frame.f_code.co_filename, frame.f_lineno) not in self.spared:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def interrupted_at(step, call):
    """Return whether the call was long enough to be interrupted there."""
    sys._getframe().f_trace_opcodes = True  # Python 3.12 asks for this before
    try:
        sys.settrace(Interrupt(step))
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


@pytest.mark.parametrize("name", ["conv", "batchnorm"])
def test_an_interrupt_at_any_step(name):
    with parallel.using_threads(2):
        expected = CALLS[name]().tobytes()
        before, steps, running = host_state(), 1, threading.active_count()
        while interrupted_at(steps, CALLS[name]):
            assert settled(before) == []
            assert parallel._count.get() == 2
            steps += 7 if steps > 40 else 1
        assert steps > 200
        assert CALLS[name]().tobytes() == expected
        assert threading.active_count() == running


def test_a_storm_of_interrupts():
    call = [sys.executable, program.__file__, "--interrupts", "60", "--affinities", "0"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[0] == "60 interrupts left changed: nothing"
    assert (done.returncode, done.stderr) == (0, "")
