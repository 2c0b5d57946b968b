"""What all tests have in common."""

from cnnops_cli import large_arrays


def pytest_addoption(parser):
    parser.addoption(
        "--large",
        type=int,
        metavar="BYTES",
        help="map files from this size on, in calls that are made in the process of the tests",
    )


def pytest_configure(config):
    if (size := config.getoption("--large")) is not None:
        large_arrays.LARGE = size
