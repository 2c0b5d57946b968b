"""The pool takes what the system gives, be it fewer threads, and leaves its host's alone."""

import errno
import os
import threading
from contextlib import suppress
from contextvars import copy_context

import numpy as np
import pytest
from storm import CALLS, changed_affinities

from cnnops_cli.ops import parallel, threads
from cnnops_cli.ops.parallel import available_cores, for_each, using_threads

has_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or available_cores() < 2,
    reason="there is one core, or no saying which",
)


@pytest.fixture
def pool(monkeypatch):
    pool = threads.Threads()
    monkeypatch.setattr(parallel, "_threads", pool)
    return pool


def starting_at_most(monkeypatch, count):
    """Have the system refuse to start more threads than this."""
    start, started = threading.Thread.start, []

    def refuse(thread):
        if len(started) == count:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    return started


def names_of_the_threads(count):
    """Name the threads that do parts, of which each has time to do some."""
    used = set()
    meeting = threading.Barrier(count)

    def work(_):
        used.add(threading.current_thread().name)
        with suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=0.2)

    for_each(work, range(8))
    return used


@pytest.mark.parametrize("most", [0, 1, 2])
def test_as_many_threads_as_the_system_starts(pool, monkeypatch, most):
    started = starting_at_most(monkeypatch, most)
    with using_threads(4):
        used = names_of_the_threads(1 + most)
        assert (len(started), len(used)) == (most, min(2, 1 + most))
        assert threading.current_thread().name in used


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("most", [0, 1])
def test_the_result_is_the_same_without_threads(pool, monkeypatch, name, most):
    with using_threads(3):
        expected = CALLS[name]()
        monkeypatch.setattr(parallel, "_threads", threads.Threads())
        starting_at_most(monkeypatch, most)
        result = CALLS[name]()
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    assert result.tobytes() == expected.tobytes()


def test_threads_that_were_refused_are_asked_for_again(pool, monkeypatch):
    with monkeypatch.context() as patch, using_threads(3):
        starting_at_most(patch, 0)
        assert len(names_of_the_threads(1)) == 1
    with using_threads(3):
        assert names_of_the_threads(3) == {threading.current_thread().name, "cnnops"}


def refuse(code):
    def call(*_):
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSYS])
@pytest.mark.parametrize("names", [["get"], ["set"], ["get", "set"]], ids="+".join)
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no such call")
def test_a_sandbox_may_forbid_affinities(pool, monkeypatch, names, code):
    for name in names:
        monkeypatch.setattr(os, f"sched_{name}affinity", refuse(code))
    assert available_cores() >= 1
    with using_threads(3):
        assert len(names_of_the_threads(3)) == 2


def test_there_may_be_no_saying_which_core_it_is(pool, monkeypatch):
    monkeypatch.setattr(threads, "_core_call", lambda: None)
    with using_threads(3):
        assert len(names_of_the_threads(3)) == 2


@pytest.mark.parametrize("verbs", [["get"], ["set"], ["get", "set"]], ids="+".join)
def test_a_system_may_not_know_affinities(pool, monkeypatch, verbs):
    for verb in verbs:
        monkeypatch.delattr(os, f"sched_{verb}affinity", raising=False)
    assert available_cores() >= 1
    with using_threads(3):
        assert len(names_of_the_threads(3)) == 2


def test_cores_are_counted_where_nobody_knows_them(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1


@has_affinity
def test_our_threads_keep_off_the_core_of_their_caller_which_is_left_alone(pool):
    allowed = os.sched_getaffinity(0)
    seen = {}
    meeting = threading.Barrier(2, timeout=10)

    def work(_):
        meeting.wait()
        seen[threading.get_ident()] = os.sched_getaffinity(0)

    with using_threads(2):
        for_each(work, range(2))
    assert seen.pop(threading.get_ident()) == allowed
    assert [len(allowed - others) for others in seen.values()] == [1]
    assert os.sched_getaffinity(0) == allowed
    assert [os.sched_getaffinity(thread.native_id) for thread in pool._started] == [allowed]


@has_affinity
def test_our_threads_follow_what_their_caller_may_use(pool):
    allowed = os.sched_getaffinity(0)
    one = {min(allowed)}
    meeting = threading.Barrier(2, timeout=10)

    def work(_):
        meeting.wait()
        if threading.current_thread().name != "cnnops":
            os.sched_setaffinity(0, one)
        meeting.wait()

    try:
        with using_threads(2):
            for_each(work, range(2))
        assert os.sched_getaffinity(0) == one
        assert [os.sched_getaffinity(thread.native_id) for thread in pool._started] == [one]
    finally:
        os.sched_setaffinity(0, allowed)


@has_affinity
def test_an_affinity_that_another_sets_during_a_call_stays():
    assert changed_affinities(8) == 0


def test_a_job_that_was_called_off_is_not_begun_and_one_that_ended_is_waited_for_again():
    done = []
    jobs = [threads.Job(lambda: done.append(1), copy_context()) for _ in range(2)]
    jobs[0].finish()
    jobs[0].finish()
    for job in jobs:
        job.run()
        job.finish()
        job.finish()
    assert done == [1]


def test_an_interrupt_goes_before_what_happened_to_a_part():
    meeting = threading.Barrier(2, timeout=10)

    def work(part):
        meeting.wait()
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        raise ValueError(part)

    for _ in range(5):
        with using_threads(2), pytest.raises(KeyboardInterrupt):
            for_each(work, range(2))


def test_a_handler_of_a_signal_may_call_an_operator(pool):
    """While threads are started, too."""
    with pool._lock, using_threads(3):
        assert np.array_equal(CALLS["maxpool"](), CALLS["maxpool"]())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_has_threads_of_its_own():
    with using_threads(2):
        expected = CALLS["conv"]().tobytes()
        child = os.fork()
        if not child:
            os._exit(CALLS["conv"]().tobytes() != expected or not parallel._threads._started)
    assert os.waitpid(child, 0)[1] == 0
