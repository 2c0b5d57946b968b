"""BLAS computes on one thread while conv runs, and as the host wishes before, between and after."""

import os
import threading
from functools import partial

import numpy as np
import pytest
from storm import CALLS
from threadpoolctl import threadpool_limits

from cnnops_cli.ops import blas


@pytest.fixture
def counts(monkeypatch):
    """A library of two threads, in place of those that there are."""
    counts = [2, 5]
    libraries = [(partial(counts.__getitem__, n), partial(counts.__setitem__, n)) for n in (0, 1)]
    monkeypatch.setattr(blas, "_is_limited", lambda: False)
    monkeypatch.setattr(blas, "_libraries", lambda: libraries)
    monkeypatch.setattr(blas, "_limit", blas._Limit())
    return counts


def limited(function):
    return blas.on_one_thread(function)()


def test_the_limit_is_set_and_lifted(counts):
    assert limited(lambda: list(counts)) == [1, 1]
    assert counts == [2, 5]


def test_it_is_lifted_when_the_function_fails(counts):
    def fail():
        raise ValueError(counts.copy())

    with pytest.raises(ValueError, match=r"\[1, 1\]"):
        limited(fail)
    assert counts == [2, 5]


def test_the_last_of_several_users_lifts_it(counts):
    inside, go_on = threading.Event(), threading.Event()

    def first():
        inside.set()
        go_on.wait(10)

    thread = threading.Thread(target=limited, args=[first])
    thread.start()
    inside.wait(10)
    assert limited(lambda: list(counts)) == [1, 1]
    assert counts == [1, 1]
    go_on.set()
    thread.join()
    assert counts == [2, 5]


def test_what_the_host_sets_meanwhile_stays(counts):
    def host():
        counts[0] = 3

    limited(host)
    assert counts == [3, 5]


def test_it_is_there_without_another_thread(counts, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert limited(lambda: list(counts)) == [1, 1]
    assert counts == [2, 5]
    with pytest.raises(KeyboardInterrupt):
        limited(interrupted)
    assert counts == [2, 5]


def interrupted():
    raise KeyboardInterrupt


def test_another_thread_lifts_it_where_its_user_cannot(counts, monkeypatch):
    """As if a second interrupt came before the first has been looked after."""
    leave, lifted = blas._Limit.leave, threading.Event()

    def leave_by_another(limit, user):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        leave(limit, user)
        lifted.set()

    monkeypatch.setattr(blas._Limit, "leave", leave_by_another)
    with pytest.raises(KeyboardInterrupt):
        limited(interrupted)
    assert lifted.wait(10)
    assert counts == [2, 5]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_is_born_meanwhile_has_no_limit(counts, monkeypatch):
    monkeypatch.setattr(blas._limit, "start_anew", blas._limit.start_anew)
    os.register_at_fork(after_in_child=blas._limit.start_anew)

    def child_of():
        child = os.fork()
        if not child:
            os._exit(counts != [2, 5] or limited(lambda: list(counts)) != [1, 1])
        return child

    assert os.waitpid(limited(child_of), 0)[1] == 0
    assert counts == [2, 5]


def test_it_is_lifted_whichever_thread_controls_threadpoolctl():
    """Which heeds one thread at a time: the first that set something, or for whom it is limited."""
    real = [get for get, _ in blas._libraries()]
    inside, go_on = threading.Event(), threading.Event()

    def control():
        with threadpool_limits(2):
            inside.set()
            go_on.wait(10)

    before = [get() for get in real]
    thread = threading.Thread(target=control)
    thread.start()
    inside.wait(10)
    seen = blas.on_one_thread(lambda: [get() for get in real])
    try:
        assert set(seen()) <= ({1} if not blas._is_limited() else {1, 2})
        assert {get() for get in real} <= {2}
    finally:
        go_on.set()
        thread.join()
    assert [get() for get in real] == before


def test_a_hosts_own_limits_work_after_a_call():
    CALLS["conv"]()
    seen = []

    def host():
        with threadpool_limits(1):
            seen.extend(get() for get, _ in blas._libraries())

    thread = threading.Thread(target=host)
    thread.start()
    thread.join()
    assert set(seen) <= {1}


def test_the_environment_is_the_hosts():
    before = dict(os.environ)
    CALLS["conv"]()
    assert dict(os.environ) == before
    assert np.array_equal(CALLS["conv"](), CALLS["conv"]())
