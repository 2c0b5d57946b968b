"""The command on Zarr arrays gives what it gives on the same values in memory, byte for byte."""

import numpy as np
import pytest
import random_calls
from stores import InBoth

from cnnops_cli.commands import block_plan

pytestmark = pytest.mark.cluster


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Blocks of one chunk each, so that there are many."""
    monkeypatch.setattr(block_plan, "BLOCK_BYTES", 1)
    return InBoth(tmp_path)


@pytest.mark.parametrize("seed", range(60))
def test_random_convolutions(both, seed):
    random_calls.convolution(both, np.random.default_rng([1, seed]))


@pytest.mark.parametrize("seed", range(40))
def test_random_max_pooling(both, seed):
    random_calls.max_pooling(both, np.random.default_rng([2, seed]))


@pytest.mark.parametrize("seed", range(40))
def test_random_dropout(both, seed):
    random_calls.dropout(both, np.random.default_rng([3, seed]))


@pytest.mark.parametrize("seed", range(30))
def test_random_normalization_by_running_statistics(both, seed):
    random_calls.normalization_by_running_statistics(both, np.random.default_rng([4, seed]))


@pytest.mark.parametrize("seed", range(40))
def test_random_normalization_by_this_batch(both, seed):
    random_calls.normalization_by_this_batch(both, np.random.default_rng([5, seed]))
