"""Random bit generators for seeds that are used again and again, as the parts of one mask do."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from cnnops_cli.dtypes import Array


class _Words(ISeedSequence):
    """What `numpy.random.SeedSequence` makes of a seed for PCG64, which takes most of its time."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.SeedSequence(seed).generate_state(4, np.uint64)

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> Array:
        return self._words


_words = lru_cache(maxsize=16)(_Words)


def pcg64(seed: int) -> np.random.PCG64:
    """Return the generator ``numpy.random.PCG64(seed)``."""
    return np.random.PCG64(_words(seed))  # type: ignore[arg-type] # the stub wants SeedSequence
