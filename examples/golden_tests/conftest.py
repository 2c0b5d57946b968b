"""Golden files in pytest: `pytest` compares with them, `pytest --update` makes them anew."""

import subprocess

import pytest


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="write the golden files that differ")


@pytest.fixture
def cnnops(request):
    """Run the command in the folder of the test; fail where the result is not as expected."""
    update = ["--update-expected"] if request.config.getoption("--update") else []

    def run(*call, expect):
        command = ["cnnops", *call, "--expect", expect, *update]
        done = subprocess.run(command, cwd=request.path.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return run
