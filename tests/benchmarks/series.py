"""The calls that growth.py times: in each series one size grows."""

from collections.abc import Callable
from dataclasses import dataclass

from suite import Case


@dataclass(frozen=True)
class Series:
    """Calls that differ in one size.

    Attributes
    ----------
    label : str
    size : str
        What grows.
    sizes : tuple of int
    case : callable
        The call of one size.
    loop : int
        The exponent of a loop over all windows.
    """

    label: str
    size: str
    sizes: tuple[int, ...]
    case: Callable[[int], Case]
    loop: int

    @property
    def description(self) -> str:
        """The series in one line."""
        return f"{self.label:<42}  {self.size}"


BATCHES = (1, 4, 16, 64)


def _conv(shape: tuple[int, ...], filters: int, kernel: int, groups: int = 1) -> Case:
    sizes = (kernel,) * (len(shape) - 2)
    weight = (filters, shape[1] // groups, *sizes)
    return Case("conv", "", shape, weight, {"padding": kernel // 2, "groups": groups})


def _pool(shape: tuple[int, ...], kernel: int, **arguments: bool) -> Case:
    sizes = (kernel,) * (len(shape) - 2)
    arguments_of_all = {"kernel_size": sizes, "stride": 1, "padding": kernel // 2}
    return Case("maxpool", "", shape, (), arguments_of_all | arguments)


def _batchnorm(label: str, shape: tuple[int, ...], training: bool) -> Series:
    def case(batch: int) -> Case:
        return Case("batchnorm", "", (batch * shape[0], *shape[1:]), (), {"training": training})

    mode = "train" if training else "eval"
    return Series(f"batchnorm {mode}, {label}", "batch", BATCHES, case, 1)


CONV = [
    Series(
        "conv 3x3, 64 channels, 56x56",
        "batch",
        (1, 2, 4, 8, 16),
        lambda n: _conv((n, 64, 56, 56), 64, 3),
        1,
    ),
    Series(
        "conv 3x3, 16 channels",
        "image side",
        (32, 64, 128, 256, 512),
        lambda n: _conv((1, 16, n, n), 16, 3),
        2,
    ),
    Series(
        "conv 3x3, 28x28",
        "channels",
        (16, 32, 64, 128, 256),
        lambda n: _conv((1, n, 28, 28), n, 3),
        2,
    ),
    Series(
        "conv, 8 channels, 128x128",
        "kernel side",
        (3, 5, 9, 17, 33),
        lambda n: _conv((1, 8, 128, 128), 8, n),
        2,
    ),
    Series(
        "conv, grey, 512x512",
        "kernel side",
        (3, 5, 9, 17, 33),
        lambda n: _conv((1, 1, 512, 512), 1, n),
        2,
    ),
    Series(
        "conv, 1-D, 160000 samples",
        "kernel side",
        (17, 65, 257, 1025),
        lambda n: _conv((1, 1, 160000), 1, n),
        1,
    ),
    Series(
        "conv depthwise, 64 channels, 112x112",
        "kernel side",
        (3, 5, 7, 11, 15),
        lambda n: _conv((1, 64, 112, 112), 64, n, groups=64),
        2,
    ),
    Series(
        "conv depthwise 3x3, 56x56",
        "channels",
        (32, 64, 128, 256, 512),
        lambda n: _conv((1, n, 56, 56), n, 3, groups=n),
        1,
    ),
]

MAXPOOL = [
    Series(
        "maxpool 3x3/1, 64 channels, 56x56",
        "batch",
        (1, 2, 4, 8, 16),
        lambda n: _pool((n, 64, 56, 56), 3),
        1,
    ),
    Series(
        "maxpool 3x3/1, 16 channels",
        "image side",
        (64, 128, 256, 512),
        lambda n: _pool((1, 16, n, n), 3),
        2,
    ),
    Series(
        "maxpool/1, 64 channels, 112x112",
        "kernel side",
        (3, 5, 9, 17, 33),
        lambda n: _pool((1, 64, 112, 112), n),
        2,
    ),
    Series(
        "maxpool/1 with indices, 64 channels, 56x56",
        "kernel side",
        (3, 5, 9, 17),
        lambda n: _pool((1, 64, 56, 56), n, return_indices=True),
        2,
    ),
    Series(
        "maxpool/1, 1-D, 64 channels, 16000 samples",
        "kernel side",
        (3, 9, 33, 129),
        lambda n: _pool((1, 64, 16000), n),
        1,
    ),
]

BATCHNORM = [
    _batchnorm(label, shape, training)
    for label, shape in (("64 channels, 56x56", (1, 64, 56, 56)), ("rows of 512", (512, 512)))
    for training in (True, False)
]

DROPOUT = [
    Series(
        "dropout 0.5, rows of 65536",
        "batch",
        BATCHES,
        lambda n: Case("dropout", "", (n, 1 << 16), (), {"p": 0.5}),
        1,
    )
]

SERIES = [*CONV, *MAXPOOL, *BATCHNORM, *DROPOUT]
