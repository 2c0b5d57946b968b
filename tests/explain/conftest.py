"""The command run in this process: many calls take no time."""

import io
import json

import numpy as np
import pytest
from calling import CommandHere


@pytest.fixture
def call(tmp_path):
    """Run the command, and give what it printed; it has nothing to say on standard error."""
    return CommandHere(tmp_path).text


@pytest.fixture
def refused(tmp_path):
    """Run the command, which refuses the call, and give the line that says why."""
    return CommandHere(tmp_path).error


@pytest.fixture
def records(call):
    """The objects of the lines that a call prints."""
    return lambda *arguments: [json.loads(line) for line in call(*arguments).splitlines()]


@pytest.fixture
def saved(tmp_path):
    """Save an array, and give its path."""

    def save(name, array):
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        path = tmp_path / f"{name}.npy"
        path.write_bytes(stream.getvalue())
        return path

    return save
