"""When a scheduler is given up, by a clock of our own; real ones are in tests/cluster."""

import re
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from cnnops_cli import CnnopsError
from cnnops_cli.blocks import scheduler as scheduler_module
from cnnops_cli.blocks.scheduler import Scheduler

CLIENT = SimpleNamespace(status="running", scheduler_info=lambda: {"services": {}}, nthreads=None)
SILENT = "the scheduler at tcp://host:1 has not answered for 30 seconds"
NO_WORKERS = (
    "the scheduler at tcp://host:1 had no workers for 30 seconds: start some with dask worker "
    "tcp://host:1"
)


class Asked(Scheduler):
    """A scheduler whose answers a test gives."""

    def __init__(self):
        self.questions = []
        super().__init__("tcp://host:1", CLIENT)

    def _asked(self, question):
        self.questions.append(Future())
        return self.questions[-1]


@pytest.fixture
def clock(monkeypatch):
    """Each look takes as many seconds as `clock.step` says."""
    clock = SimpleNamespace(now=0.0, step=0.5)

    def sleep(_):
        clock.now += clock.step

    time = SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep)
    monkeypatch.setattr(scheduler_module, "time", time)
    return clock


def looks(scheduler, count):
    for _ in range(count):
        scheduler.look()


def gives_up(scheduler, reason):
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        scheduler.look()


def test_silence_of_thirty_seconds(clock):
    scheduler = Asked()
    scheduler.questions[-1].set_result({"worker": 1})
    looks(scheduler, 3)
    assert len(scheduler.questions) == 2
    looks(scheduler, 60)
    gives_up(scheduler, SILENT)


def test_questions_are_a_second_apart(clock):
    scheduler = Asked()
    for count in range(1, 100):
        assert len(scheduler.questions) == count
        scheduler.questions[-1].set_result({"worker": 1})
        looks(scheduler, 2)
        assert len(scheduler.questions) == count
        looks(scheduler, 1)


def test_answers_that_come_late_count(clock):
    scheduler = Asked()
    for _ in range(5):
        looks(scheduler, 59)
        scheduler.questions[-1].set_result({"worker": 1})
        looks(scheduler, 1)


def test_time_in_which_this_process_stood_still_is_left_out(clock):
    scheduler = Asked()
    clock.step = 1000.0
    looks(scheduler, 1)
    clock.step = 0.5
    looks(scheduler, 58)
    gives_up(scheduler, SILENT)


def test_no_workers_for_thirty_seconds(clock):
    scheduler = Asked()
    for _ in range(20):
        scheduler.questions[-1].set_result({})
        looks(scheduler, 3)
    gives_up(scheduler, NO_WORKERS)


def test_workers_that_come_back_in_time(clock):
    scheduler = Asked()
    for answer in [{}] * 19 + [{"worker": 1}] + [{}] * 20:
        scheduler.questions[-1].set_result(answer)
        looks(scheduler, 3)
    gives_up(scheduler, NO_WORKERS)


def test_a_connection_that_is_lost_is_left_to_the_tasks(clock):
    scheduler = Asked()
    for _ in range(50):
        scheduler.questions[-1].set_exception(OSError("connection refused"))
        looks(scheduler, 3)
