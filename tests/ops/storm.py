"""Interrupt calls at random instants, and look whether anything of the host's is left changed.

    python tests/ops/storm.py [--interrupts 600] [--affinities 200]

The storm is of KeyboardInterrupts; then another thread changes the affinity of the calling one.
What differs afterwards is printed, and the exit status is 1 if anything does. When callers were
bound to their cores, and `with` statements in Python set things back, 600 interrupts left the
affinity changed 49 times, the limit of BLAS 4, NumPy's error state 81 and its buffer size 41 times,
and of 200 changes of the affinity 185 were undone. Now nothing is.
"""

import argparse
import os
import random
import signal
import sys
import threading
import time
from contextlib import suppress

import numpy as np
from threadpoolctl import ThreadpoolController

from cnnops_cli import batchnorm, conv, maxpool

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.standard_normal((8, 32, 64, 64)).astype(np.float32)
KERNEL = RANDOM.standard_normal((32, 32, 3, 3)).astype(np.float32)
TINY = IMAGE[:1, :1, :5, :5]
SAMPLES = RANDOM.standard_normal((9, 32, 64, 64)).astype(np.float32)
"""Just more than one thread normalises alone."""

CALLS = {
    "conv": lambda: conv(IMAGE, KERNEL, padding=1),
    "tiny conv": lambda: conv(TINY, KERNEL[:1, :1]),
    "maxpool": lambda: maxpool(IMAGE, 3, padding=1),
    "batchnorm": lambda: batchnorm(SAMPLES, training=True),
}

LIBRARIES = ThreadpoolController().lib_controllers
INTERRUPTING = []


def affinity():
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def host_state():
    """What a call may not leave changed."""
    return {
        "affinity": affinity(),
        "BLAS": [library.get_num_threads() for library in LIBRARIES],
        "error state": np.geterr(),
        "buffer size": np.getbufsize(),
    }


def settled(before, seconds=1.0):
    """Return what is not as before; where the caller was interrupted twice, that takes a moment."""
    end = time.monotonic() + seconds
    while (now := host_state()) != before and time.monotonic() < end:
        time.sleep(0.001)
    return [name for name in before if now[name] != before[name]]


def undo(before):
    """Have every interrupt begin from the same state."""
    if before["affinity"]:
        os.sched_setaffinity(0, before["affinity"])
    np.seterr(**before["error state"])
    np.setbufsize(before["buffer size"])
    for library, count in zip(LIBRARIES, before["BLAS"], strict=True):
        library.set_num_threads(count)


def interrupt(*_):
    if INTERRUPTING:
        raise KeyboardInterrupt


def storm(interrupts):
    """Interrupt so often; return how often each thing was left changed, and the wrong results."""
    chance = random.Random(0)
    right = {name: call().tobytes() for name, call in CALLS.items()}
    took = {}
    for name, call in CALLS.items():
        start = time.perf_counter()
        call()
        took[name] = time.perf_counter() - start
    before, left = host_state(), {}
    signal.signal(signal.SIGALRM, interrupt)
    for _ in range(interrupts):
        name = chance.choice(list(CALLS))
        seconds = max(1e-5, chance.random() * took[name] * 1.5)
        pause, calm = chance.choice([0, 5e-5, 1e-3]), INTERRUPTING.clear
        with suppress(KeyboardInterrupt):
            try:
                INTERRUPTING.append(True)
                signal.setitimer(signal.ITIMER_REAL, seconds, pause)
                for _ in range(20):  # NumPy itself loses a few, in the making of a dtype
                    CALLS[name]()
            finally:
                try:
                    calm()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
        changed = settled(before)
        undo(before)
        if CALLS[name]().tobytes() != right[name]:
            changed.append("next result")
        for what in changed:
            left[what] = left.get(what, 0) + 1
    return left


def changed_affinities(changes):
    """Change this thread's affinity from another during calls; return how often it was undone."""
    whole = affinity()
    if not whole or len(whole) < 2:
        return 0
    me, undone = threading.get_native_id(), 0
    for change in range(changes):
        os.sched_setaffinity(0, whole)
        wanted = {sorted(whole)[change % len(whole)]}
        timer = threading.Timer(0.002, os.sched_setaffinity, (me, wanted))
        timer.start()
        while timer.is_alive():
            conv(IMAGE, KERNEL, padding=1)
        undone += affinity() != wanted
    os.sched_setaffinity(0, whole)
    return undone


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--interrupts", type=int, default=600)
    parser.add_argument("--affinities", type=int, default=200)
    arguments = parser.parse_args()
    left = storm(arguments.interrupts)
    print(f"{arguments.interrupts} interrupts left changed: {left or 'nothing'}")
    undone = changed_affinities(arguments.affinities)
    print(f"{arguments.affinities} changes of the affinity: {undone} undone")
    sys.exit(bool(left or undone))


if __name__ == "__main__":
    main()
