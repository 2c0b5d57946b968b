"""Calls of NumPy that are prepared first, and then made one after the other."""

from collections.abc import Callable
from functools import partial


class Steps:
    """Calls to be made later.

    NumPy lets other threads run while it computes, not while Python prepares the next call. A
    thread that finds the interpreter busy sleeps, and takes tens of microseconds to wake: with all
    calls prepared, that happens once or twice in a tile and not at each of them.
    """

    def __init__(self) -> None:
        self._calls: list[Callable[[], object]] = []

    def add(self, function: Callable[..., object], *args: object, **kwargs: object) -> None:
        """Have a function called with these arguments when the time comes."""
        self._calls.append(partial(function, *args, **kwargs))

    def run(self) -> None:
        """Make the calls, in the order in which they were added."""
        for call in self._calls:
            call()
