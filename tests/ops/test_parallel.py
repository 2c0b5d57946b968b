"""The work runs on the threads that were asked for, and the result does not show how many."""

import threading
import time

import numpy as np
import pytest

from cnnops_cli import batchnorm, conv, dropout, maxpool
from cnnops_cli.ops.parallel import (
    WORKING_BYTES,
    for_each,
    one_by_one,
    using_threads,
    watched_by,
)
from cnnops_cli.spans import spans

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.standard_normal((3, 6, 40, 300)).astype(np.float32)
KERNEL = RANDOM.standard_normal((4, 3, 3, 3)).astype(np.float32)


def threads_used(count, asked_for=None, bytes_of_a_part=0):
    """Let `count` parts wait for each other, which they only can on `count` threads."""
    used = set()
    meeting = threading.Barrier(count, timeout=10)

    def work(_):
        used.add(threading.get_ident())
        meeting.wait()

    with using_threads(asked_for or count):
        for_each(work, range(2 * count if asked_for else count), bytes_of_a_part)
    return used


@pytest.mark.parametrize("count", [1, 2, 5])
def test_as_many_threads_as_asked_for(count):
    assert len(threads_used(count)) == count


def test_one_thread_is_the_callers_own():
    assert threads_used(1) == {threading.get_ident()}


def test_no_more_threads_than_have_room():
    assert len(threads_used(2, asked_for=5, bytes_of_a_part=WORKING_BYTES // 2)) == 2
    assert len(threads_used(1, asked_for=5, bytes_of_a_part=WORKING_BYTES * 2)) == 1


def test_what_is_cut_again_stays_on_its_thread():
    seen = []
    meeting = threading.Barrier(2, timeout=10)

    def work(part):
        meeting.wait()
        for_each(lambda _: seen.append((part, threading.get_ident())), range(20))

    with using_threads(2):
        for_each(work, range(2))
    assert len(seen) == 40
    assert len(set(seen)) == len({thread for _, thread in seen}) == 2


def test_what_a_part_raises_comes_back():
    def fail(part):
        raise ValueError(f"part {part}")

    with using_threads(2), pytest.raises(ValueError, match="part 0"):
        for_each(fail, range(4))


@pytest.mark.parametrize(
    ("first", "last", "raised"),
    [
        (ValueError, ValueError, "part 0"),
        (KeyboardInterrupt, ValueError, "part 0"),
        (ValueError, KeyboardInterrupt, "part 1"),
    ],
)
@pytest.mark.parametrize("later", [0, 1])
def test_of_several_failures_an_interrupt_or_the_first_part_comes_back(first, last, raised, later):
    meeting = threading.Barrier(2, timeout=10)

    def fail(part):
        meeting.wait()
        if part == later:
            time.sleep(0.02)  # the other has most likely failed by then
        raise (first, last)[part](f"part {part}")

    with using_threads(2), pytest.raises((ValueError, KeyboardInterrupt), match=f"^{raised}$"):
        for_each(fail, range(2))


def test_what_a_part_is_cut_into_ends_where_another_part_failed():
    begun, failed = threading.Event(), threading.Event()
    seen = []

    def fail_or_go_on(part):
        if part == 1:
            begun.wait(10)
            failed.set()
            raise OSError("no")
        for_each(small, range(1000))

    def small(part):
        seen.append(part)
        begun.set()
        failed.wait(10)
        time.sleep(0.01)

    with using_threads(2), pytest.raises(OSError, match=r"^no$"):
        for_each(fail_or_go_on, range(2))
    assert 1 <= len(seen) < 100


def test_spans_cover_everything_once():
    assert [list(range(7))[span] for span in spans(7, 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert spans(0, 3) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda: conv(IMAGE, KERNEL, groups=2, padding=1),
        lambda: maxpool(IMAGE, 3, padding=1),
        lambda: batchnorm(IMAGE, training=True),
        lambda: dropout(np.tile(IMAGE, 4), 0.3, seed=1),
    ],
    ids=["conv", "maxpool", "batchnorm", "dropout"],
)
def test_the_result_does_not_depend_on_the_threads(call):
    results = []
    for count in (1, 2, 7):
        with using_threads(count):
            results.append(call().tobytes())
    assert len(set(results)) == 1


class Counter:
    """Notes what a watcher is told."""

    def __init__(self):
        self.totals = []
        self.done = []

    def __call__(self, total):
        self.totals.append(total)
        return lambda: self.done.append(threading.get_ident())


@pytest.mark.parametrize("count", [1, 3])
def test_a_watcher_is_told_of_every_part(count):
    counter, seen = Counter(), []
    with using_threads(count), watched_by(counter):
        for_each(seen.append, range(20))
        for_each(seen.append, range(5))
    assert counter.totals == [20, 5]
    assert len(counter.done) == 25
    assert sorted(seen) == sorted([*range(20), *range(5)])
    for_each(seen.append, range(3))
    assert len(counter.done) == 25


@pytest.mark.parametrize("count", [1, 2])
def test_a_watcher_is_not_told_of_what_a_part_is_cut_into(count):
    counter = Counter()
    with using_threads(count), watched_by(counter):
        for_each(lambda _: for_each(lambda _: None, range(7)), range(4))
    assert counter.totals == [4]
    assert len(counter.done) == 4


def test_a_watcher_is_told_of_what_one_part_alone_is_cut_into():
    counter = Counter()
    with watched_by(counter):
        for_each(lambda _: for_each(lambda _: None, range(7)), range(1))
    assert counter.totals == [7]


def test_a_watcher_is_told_of_parts_that_use_all_threads_but_not_of_theirs():
    counter, seen = Counter(), []
    with using_threads(2), watched_by(counter):
        one_by_one(lambda part: for_each(seen.append, [part] * 7), "abcd")
        assert counter.totals == [4]
        assert len(counter.done) == 4
        one_by_one(lambda part: for_each(seen.append, [part] * 7), "e")
    assert counter.totals == [4, 7]
    assert seen == [letter for letter in "abcde" for _ in range(7)]


def test_a_watcher_is_told_nothing_of_a_part_that_failed():
    def fail_at_last(part):
        if part == 3:
            raise ValueError("the last")

    counter = Counter()
    with using_threads(1), watched_by(counter), pytest.raises(ValueError, match="the last"):
        for_each(fail_at_last, range(4))
    assert len(counter.done) == 3


LARGE = np.tile(IMAGE, (16, 2, 2, 1))


@pytest.mark.parametrize(
    "call",
    [
        lambda: conv(LARGE, np.ones((4, 12, 3, 3), np.float32)),
        lambda: maxpool(LARGE, 3, padding=1),
        lambda: batchnorm(LARGE, training=True),
        lambda: dropout(LARGE, 0.3, seed=1),
    ],
    ids=["conv", "maxpool", "batchnorm", "dropout"],
)
def test_a_watcher_hears_of_every_operator(call):
    counter = Counter()
    with watched_by(counter):
        call()
    assert counter.totals
    assert len(counter.done) == sum(counter.totals)
