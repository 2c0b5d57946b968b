"""A Dask scheduler and workers on the loopback address, each a process of its own, for tests."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from threadpoolctl import threadpool_info

DASK = str(Path(sys.executable).with_name("dask"))
HERE = str(Path(__file__).parent)
PATIENCE = 60.0
"""Seconds after which a process that was started is taken for one that failed."""


class Dask:
    """A scheduler and its workers."""

    def __init__(self, folder):
        self.folder = folder
        self._processes = []

    def start_scheduler(self):
        """Start the scheduler, and learn its address."""
        told = self.folder / "scheduler.json"
        self.scheduler = self.start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(told),
        )  # fmt: skip
        wait_until(lambda: address_in(told))
        self.address = address_in(told)

    def start(self, *arguments, before=(), **environment):
        """Start a process of Dask in a group of its own."""
        with open(self.folder / "log.txt", "ab") as log:
            process = subprocess.Popen(
                [*before, DASK, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | environment,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def start_worker(self, name, *options, memory="4GiB", before=(), **environment):
        """Start a worker of one thread; `before` is what starts it, such as ``unshare``.

        The process is that of a nanny, which starts a worker that died again, unless --no-nanny
        is given.
        """
        return self.start(
            "worker", self.address, "--host", "127.0.0.1", "--no-dashboard", "--name", name,
            "--nthreads", "1", "--memory-limit", memory, "--local-directory", str(self.folder),
            *options, before=before, **{"PYTHONPATH": HERE} | environment,
        )  # fmt: skip

    @contextmanager
    def another_worker(self, name, *options, **how):
        """Have another worker for a while."""
        with self.client() as client:
            there = len(client.nthreads())
            process = self.start_worker(name, *options, **how)
            try:
                client.wait_for_workers(there + 1, timeout=PATIENCE)
                yield
            finally:
                end(process)
                wait_until(lambda: len(client.nthreads()) == there)

    def pids(self):
        """Return the processes of workers, not of their nannies, by name."""
        with self.client() as client:
            return dict(client.run(_name_and_pid).values())

    def client(self):
        """Return a client of the scheduler."""
        from distributed import Client

        return Client(self.address, timeout=PATIENCE, set_as_default=False)

    def wait_for_workers(self, count):
        """Wait until there are `count` workers."""
        with self.client() as client:
            client.wait_for_workers(count, timeout=PATIENCE)

    def log(self):
        """Return what all processes have written."""
        return (self.folder / "log.txt").read_text()

    def stop(self):
        """End all processes, those of nannies included."""
        for process in reversed(self._processes):
            end(process)


def address_in(told):
    """Return the address in the file of a scheduler; None if it is not whole yet."""
    with suppress(FileNotFoundError, json.JSONDecodeError):
        return json.loads(told.read_text())["address"]


def _name_and_pid(dask_worker):
    return dask_worker.name, os.getpid()


def core_and_count(dask_worker):
    """What BLAS takes the processor of a worker for, and how many tasks it has done."""
    cores = [pool["architecture"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return cores, dask_worker.state.executed_count


def end(process):
    """Kill a process and those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(holds):
    """Wait until something holds."""
    stop = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < stop
        time.sleep(0.02)


@contextmanager
def dask_processes(folder):
    """Run a scheduler without workers."""
    dask = Dask(folder)
    try:
        dask.start_scheduler()
        yield dask
    finally:
        dask.stop()
