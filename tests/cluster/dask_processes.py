"""A Dask scheduler and workers on the loopback address, each a process of its own, for tests."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

DASK = str(Path(sys.executable).with_name("dask"))
HERE = str(Path(__file__).parent)
PATIENCE = 60.0
"""Seconds after which a process that was started is taken for one that failed."""


class Dask:
    """A scheduler and its workers."""

    def __init__(self, folder):
        self._folder = folder
        self._processes = []
        told = folder / "scheduler.json"
        self.scheduler = self.start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(told),
        )  # fmt: skip
        wait_until(told.exists)
        self.address = json.loads(told.read_text())["address"]

    def start(self, *arguments, **environment):
        """Start a process of Dask in a group of its own."""
        with open(self._folder / "log.txt", "ab") as log:
            process = subprocess.Popen(
                [DASK, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | environment,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def start_worker(self, name, *options, threads=1, memory="4GiB", **environment):
        """Start a worker, whose process has a nanny as its parent unless --no-nanny is given."""
        return self.start(
            "worker", self.address, "--host", "127.0.0.1", "--no-dashboard", "--name", name,
            "--nthreads", str(threads), "--memory-limit", memory,
            "--local-directory", str(self._folder), *options, PYTHONPATH=HERE, **environment,
        )  # fmt: skip

    def client(self):
        """Return a client of the scheduler."""
        from distributed import Client

        return Client(self.address, timeout=PATIENCE, set_as_default=False)

    def wait_for_workers(self, count):
        """Wait until there are so many workers."""
        with self.client() as client:
            client.wait_for_workers(count, timeout=PATIENCE)

    def stop(self):
        """End all processes, those of nannies included."""
        for process in reversed(self._processes):
            end(process)


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
        yield dask
    finally:
        dask.stop()
