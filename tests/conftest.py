"""What all tests have in common."""

import os

from cnnops_cli import large_arrays


def pytest_addoption(parser):
    parser.addoption(
        "--large",
        type=int,
        metavar="BYTES",
        help="map files from this size on, in calls that are made in the process of the tests",
    )


def pytest_configure(config):
    for variable in ("COLUMNS", "LINES"):  # of the terminal in which the tests run
        os.environ.pop(variable, None)
    if (size := config.getoption("--large")) is not None:
        large_arrays.LARGE = size
