"""The command run in this process: many calls take no time."""

import io
import json

import numpy as np
import pytest

from cnnops_cli.app import run


@pytest.fixture
def call(capfd):
    """Run the command, and give what it printed; it has nothing to say on standard error."""

    def called(*arguments):
        capfd.readouterr()
        status = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert (status, err) == (0, "")
        return out

    return called


@pytest.fixture
def refused(capfd):
    """Run the command, which refuses the call, and give the reason."""

    def called(*arguments):
        status = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert (status, out) == (2, "")
        return err

    return called


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
