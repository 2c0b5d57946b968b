"""The examples that `--help` shows run as they stand, in their order."""

import os
import re
import subprocess
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from cnnops_cli import app
from cnnops_cli.app import OPERATORS

DOCSTRINGS = {"cnnops": app.app.registered_callback.help} | {
    name: getattr(import_module(f"cnnops_cli.commands.{name}"), name).__doc__ for name in OPERATORS
}
EXAMPLES = {
    name: re.findall(r"^ +(.*\bcnnops \w.*)$", text, re.MULTILINE)
    for name, text in DOCSTRINGS.items()
}


@pytest.fixture
def files(tmp_path):
    """Make the files that the examples read."""
    arrays = {
        "input.npy": (3, 4),
        "x.npy": (5, 6),
        "rgb.npy": (3, 5, 6),
        "batch.npy": (4, 2),
        "k.npy": (1, 3, 2, 2),
        **dict.fromkeys(("a.npy", "b.npy", "c.npy"), (3, 5, 6)),
        "activations.npy": (4, 5),
    }
    for name, shape in arrays.items():
        np.save(tmp_path / name, np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    (tmp_path / "k.json").write_text("[[1,10],[100,1000]]")
    (tmp_path / "tensors.jsonl").write_text("[[1,2],[3,4]]\n[[5,6],[7,8]]\n")
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / "photo.png")
    return tmp_path


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_help(executable, files, name):
    assert len(EXAMPLES[name]) >= 3
    for line in EXAMPLES[name]:
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=files,
            env={"PATH": f"{executable.parent}:{os.defpath}", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), line
