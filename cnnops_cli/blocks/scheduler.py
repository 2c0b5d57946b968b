"""The connection to a Dask scheduler, which may end, hang, or have no workers."""

import asyncio
import logging
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from threading import Thread
from types import ModuleType
from typing import Any

from cnnops_cli.errors import CnnopsError

_CONNECTING = 5.0
"""Seconds in which there is a connection to a scheduler, and in which it is closed."""
_PATIENCE = 30.0
"""Seconds in which a scheduler answers, and has workers again."""
_BETWEEN_QUESTIONS = 1.0
"""Seconds from one question to the next about the workers."""
_NEEDED = {
    "tls": "TLS certificates (distributed.comm.tls in its configuration)",
    "wss": "TLS certificates (distributed.comm.tls in its configuration)",
    "ucx": "UCX (the package distributed-ucxx)",
}
"""By scheme of an address: what its transport needs."""
_LOOKING = 0.01
"""Seconds between two looks for what is waited for."""


class Scheduler:
    """A scheduler that is connected.

    Attributes
    ----------
    address : str
    client : distributed.Client
    dashboard : str or None
        The address of the page on which the scheduler shows what it does.
    """

    def __init__(self, address: str, client: Any) -> None:
        self.address = address
        self.client = client
        self.dashboard: str | None = None
        if "dashboard" in client.scheduler_info()["services"]:
            self.dashboard = client.dashboard_link
        self._has_workers = False
        self._threads = self._asked(client.nthreads)
        self._looked = time.monotonic()
        self._since_question = self._since_answer = self._since_workers = 0.0

    def answer(self, question: Callable[[], Awaitable[Any]]) -> Any:
        """Wait for the answer to a question, as long as the scheduler answers others."""
        asked = self._asked(question)
        while not asked.done():
            self.look()
        try:
            return asked.result()
        except Exception as error:  # of the connection: workers' are in answers
            raise self.ended() from error

    def submit(self, function: Callable[..., Any], *arguments: Any, retries: int = 0) -> Any:
        """Have a worker call a function, and return the future of what it returns."""
        try:
            return self.client.submit(function, *arguments, pure=False, retries=retries)
        except Exception as error:  # a connection that was lost
            raise self.ended() from error

    def wait_for_workers(self) -> None:
        """Wait until there is a worker."""
        while not self._has_workers:
            self.look()

    def look(self) -> None:
        """Wait for a moment, and give up if there has been no answer, or no worker, for long.

        Time in which this process did not run, or not for long enough to look, is left out.
        """
        time.sleep(_LOOKING)
        now = time.monotonic()
        passed = min(now - self._looked, _BETWEEN_QUESTIONS)
        self._looked = now
        self._since_question += passed
        self._since_answer += passed
        if self._threads.done():
            self._since_answer = 0
            # Without an answer the connection is lost, of which all tasks are told.
            self._has_workers = bool(self._threads.exception() or self._threads.result())
            if self._since_question > _BETWEEN_QUESTIONS:
                self._since_question = 0
                self._threads = self._asked(self.client.nthreads)
        self._since_workers = 0 if self._has_workers else self._since_workers + passed
        if self.client.status == "closed":
            raise self.ended()
        if self._since_answer > _PATIENCE:
            raise CnnopsError(
                f"the scheduler at {self.address} has not answered for {_PATIENCE:.0f} seconds"
            )
        if self._since_workers > _PATIENCE:
            raise CnnopsError(
                f"the scheduler at {self.address} had no workers for {_PATIENCE:.0f} seconds: "
                f"start some with dask worker {self.address}"
            )

    def ended(self) -> CnnopsError:
        """Return what to raise where the scheduler has ended."""
        return CnnopsError(
            f"the scheduler at {self.address} has ended, or the blocks were cancelled there"
        )

    def _asked(self, question: Callable[[], Awaitable[Any]]) -> "Future[Any]":
        async def asked() -> Any:
            return await question()

        return asyncio.run_coroutine_threadsafe(asked(), self.client.loop.asyncio_loop)


@contextmanager
def connected_scheduler(address: str) -> Iterator[Scheduler]:
    """Connect to the scheduler at an address; what it still does for us is cancelled at the end."""
    try:
        import distributed
    except ImportError as error:
        raise CnnopsError("--scheduler needs Dask: pip install 'cnnops-cli[dask]'") from error
    with _silence():
        connecting = _connecting(address, distributed)
        if not wait([connecting], _PATIENCE).done:
            raise CnnopsError(
                f"--scheduler {address}: no Dask scheduler answers there in {_PATIENCE:.0f} "
                "seconds; its port is usually 8786, and that of its dashboard 8787"
            )
        try:
            scheduler = connecting.result()
        except (OSError, ValueError) as error:
            raise CnnopsError(
                f"--scheduler {address}: no Dask scheduler answers: {described(error)}"
            ) from error
        except Exception as error:  # whatever Dask makes of what another server sends
            needed = _NEEDED.get(address.partition("://")[0])
            if needed and isinstance(error, (TypeError, ImportError)):
                raise CnnopsError(f"--scheduler {address}: Dask has no {needed} here") from error
            raise CnnopsError(
                f"--scheduler {address}: what answers there is not a Dask scheduler"
            ) from error
        try:
            yield scheduler
        finally:
            scheduler.client.close(timeout=_CONNECTING)


def described(error: BaseException) -> str:
    """Return the kind of an error of Dask's, and what it says."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@contextmanager
def _silence() -> Iterator[None]:
    """Keep from standard error what Dask would write there, about lost connections above all."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _connecting(address: str, distributed: ModuleType) -> "Future[Scheduler]":
    """Connect on another thread: where a scheduler hangs, Dask does not come back from it."""
    scheduler: Future[Scheduler] = Future()

    def connect() -> None:
        try:
            client = distributed.Client(address, timeout=_CONNECTING, set_as_default=False)
            scheduler.set_result(Scheduler(address, client))
        except BaseException as error:
            scheduler.set_exception(error)

    Thread(target=connect, daemon=True).start()
    return scheduler
