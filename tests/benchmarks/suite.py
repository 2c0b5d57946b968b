"""The layers that the kernel benchmark times: those of known networks, photographs and audio."""

import math
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Case:
    """One call of one operator.

    Attributes
    ----------
    operator : str
    label : str
        What it stands for.
    shape : tuple of int
        The input's.
    weight : tuple of int
        The kernel's shape, of a conv.
    arguments : dict
        What else the operator takes, by the names of `cnnops_cli`.
    dtype : str
    """

    operator: str
    label: str
    shape: tuple[int, ...]
    weight: tuple[int, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float32"

    @property
    def description(self) -> str:
        """The case in one line, without its operator."""
        dtype = "" if self.dtype == "float32" else f" {self.dtype}"
        return f"{self.label}  {'x'.join(map(str, self.shape))}{dtype}"

    @property
    def peer(self) -> str:
        """The package on the other side; PyTorch computes integers in another way."""
        return "numpy" if self.dtype.startswith(("int", "uint")) else "torch"

    @property
    def limit(self) -> float:
        """The largest ratio to PyTorch that the project accepts for this kind of call."""
        if self.operator == "maxpool":
            one_axis = len(self.shape) == 3
            return 2 if one_axis else 0.8 if "return_indices" in self.arguments else 0.4
        depthwise = bool(self.weight) and self.arguments.get("groups", 1) == self.shape[1] > 1
        return {"conv": 5 if depthwise else 2, "batchnorm": 4, "dropout": 0.3}[self.operator]

    @property
    def is_large(self) -> bool:
        """Whether the kernel has more elements than 11x11."""
        return math.prod(self.weight[2:]) > 11 * 11

    @property
    def exact_limit(self) -> float:
        """The largest ratio of the exact mode to the fast one that the project accepts."""
        return 60 if self.dtype == "float64" else 15 if self.is_large else 8

    def summed(self, accumulate: str) -> "Case":
        """Return the case in a mode of `accumulate`."""
        return replace(self, arguments=self.arguments | {"accumulate": accumulate})

    def of(self, dtype: str) -> "Case":
        """Return the case on data of another dtype."""
        return replace(self, dtype=dtype)


def _conv(
    label: str,
    shape: tuple[int, ...],
    filters: int,
    kernel: int | tuple[int, ...],
    dtype: str = "float32",
    **arguments: Any,
) -> Case:
    dims = len(shape) - 2
    sizes = kernel if isinstance(kernel, tuple) else (kernel,) * dims
    weight = (filters, shape[1] // arguments.get("groups", 1), *sizes)
    return Case("conv", label, shape, weight, arguments, dtype)


def _depthwise(channels: int, side: int, kernel: int, batch: int = 1, stride: int = 1) -> Case:
    slashed = f"/{stride}" * (stride > 1)
    return _conv(
        f"depthwise {kernel}x{kernel}{slashed}, {channels} channels",
        (batch, channels, side, side),
        channels,
        kernel,
        stride=stride,
        padding=kernel // 2,
        groups=channels,
    )


def _three_by_three(batch: int) -> list[Case]:
    return [
        _conv(
            f"3x3, {channels} channels",
            (batch, channels, side, side),
            channels,
            3,
            padding=1,
        )
        for channels, side in ((64, 56), (128, 28), (256, 14), (512, 7))
    ]


CONV = [
    _conv("7x7/2, first layer", (1, 3, 224, 224), 64, 7, stride=2, padding=3),
    _conv("7x7/2, first layer", (8, 3, 224, 224), 64, 7, stride=2, padding=3),
    *_three_by_three(1),
    *_three_by_three(8),
    _conv("3x3, 64 channels", (16, 64, 56, 56), 64, 3, padding=1),
    _conv("3x3/2, 128 channels", (1, 128, 56, 56), 128, 3, stride=2, padding=1),
    _conv("3x3, 3 to 32 channels", (1, 3, 224, 224), 32, 3, stride=2, padding=1),
    _conv("1x1, 64 to 256 channels", (1, 64, 56, 56), 256, 1),
    _conv("1x1, 256 to 64 channels", (8, 256, 56, 56), 64, 1),
    _conv("1x1, 512 to 2048 channels", (1, 512, 7, 7), 2048, 1),
    _conv("1x1/2, 256 to 512 channels", (1, 256, 56, 56), 512, 1, stride=2),
    _depthwise(32, 112, 3),
    _depthwise(144, 56, 3, stride=2),
    _depthwise(384, 14, 3),
    _depthwise(960, 7, 3),
    _depthwise(192, 28, 3, batch=8),
    _depthwise(64, 56, 3, batch=16),
    _depthwise(120, 28, 5),
    _depthwise(240, 14, 5, batch=8),
    _conv("32 groups, 3x3", (1, 128, 56, 56), 128, 3, padding=1, groups=32),
    _conv("32 groups, 3x3", (8, 256, 28, 28), 256, 3, padding=1, groups=32),
    _conv("dilation 2, 3x3", (1, 64, 56, 56), 64, 3, padding=2, dilation=2),
    _conv("dilation 12, 3x3", (1, 256, 33, 33), 256, 3, padding=12, dilation=12),
    _conv("15x15, 16 channels", (1, 16, 64, 64), 16, 15, padding=7),
    *(
        _conv(f"photograph {size}x{size}, grey", (1, 1, 768, 1024), 1, size, padding=size // 2)
        for size in (3, 5, 11, 31)
    ),
    *(
        _conv(f"photograph {size}x{size}, RGB", (1, 3, 768, 1024), 3, size, padding=size // 2)
        for size in (3, 5, 11, 31)
    ),
    _conv("audio 3, 64 channels", (1, 64, 16000), 64, 3, padding=1),
    _conv("audio 400/160, 1 to 257 channels", (1, 1, 160000), 257, 400, stride=160),
    _conv("audio 400", (1, 1, 160000), 1, 400),
    _conv("audio 1025", (1, 1, 160000), 1, 1025),
    _conv("3x3x3, 3 to 64 channels", (1, 3, 16, 112, 112), 64, 3, padding=1),
    _conv("3x3x3, 64 channels", (1, 64, 8, 28, 28), 64, 3, padding=1),
    _conv("3x3, 64 channels", (1, 64, 56, 56), 64, 3, "float64", padding=1),
    _conv("photograph 11x11, grey", (1, 1, 768, 1024), 1, 11, "float64", padding=5),
    _conv("photograph 3x3, grey", (1, 1, 768, 1024), 1, 3, "uint8", padding=1),
    _conv("3x3, 64 channels", (1, 64, 56, 56), 64, 3, "int32", padding=1),
]

FURTHER = [
    _conv("7x7/2, first layer", (2, 3, 192, 256), 64, 7, stride=2, padding=3),
    _conv("3x3/2, 3 to 16 channels", (1, 3, 320, 480), 16, 3, stride=2, padding=1),
    _conv("3x3, 96 channels", (1, 96, 48, 48), 96, 3, padding=1),
    _conv("3x3, 160 to 64 channels", (1, 160, 24, 24), 64, 3, padding=1),
    _conv("3x3, 256 channels", (4, 256, 20, 20), 256, 3, padding=1),
    _conv("3x3, 512 channels", (1, 512, 10, 10), 512, 3, padding=1),
    _conv("3x3/2, 64 to 128 channels", (2, 64, 60, 80), 128, 3, stride=2, padding=1),
    _conv("1x1, 128 channels", (1, 128, 40, 40), 128, 1),
    _conv("1x1, 24 to 144 channels", (4, 24, 56, 56), 144, 1),
    _depthwise(96, 112, 3, stride=2),
    _depthwise(256, 32, 3),
    _depthwise(512, 14, 3, batch=4),
    _conv("depthwise 5x5, low map", (1, 480, 6, 80), 480, 5, padding=2, groups=480),
    _depthwise(672, 14, 5),
    _depthwise(192, 28, 7),
    _conv("32 groups, 3x3", (2, 256, 40, 40), 256, 3, padding=1, groups=32),
    _conv("dilation 4, 3x3", (1, 128, 33, 33), 128, 3, padding=4, dilation=4),
    _conv("15x15, 8 channels", (1, 8, 96, 96), 8, 15, padding=7),
    _conv("audio 7/2, 32 to 64 channels", (2, 32, 8000), 64, 7, stride=2, padding=3),
    _conv("3x3x3, 16 to 32 channels", (1, 16, 12, 40, 40), 32, 3, padding=1),
]
"""Layers that are in no table: only choices.py times them."""


def _pool(label: str, shape: tuple[int, ...], kernel: int, **arguments: Any) -> Case:
    sizes = (kernel,) * (len(shape) - 2)
    return Case("maxpool", label, shape, (), {"kernel_size": sizes, **arguments})


MAXPOOL = [
    _pool("2x2/2", (1, 64, 224, 224), 2, stride=2),
    _pool("2x2/2", (16, 64, 56, 56), 2, stride=2),
    _pool("2x2/2", (1, 512, 14, 14), 2, stride=2),
    _pool("3x3/2", (1, 64, 112, 112), 3, stride=2, padding=1),
    _pool("3x3/2", (16, 64, 112, 112), 3, stride=2, padding=1),
    _pool("3x3/2, ceil mode", (8, 128, 56, 56), 3, stride=2, ceil_mode=True),
    _pool("3x3/1", (1, 192, 28, 28), 3, stride=1, padding=1),
    _pool("3x3/3", (1, 32, 150, 150), 3),
    _pool("5x5/1", (1, 512, 20, 20), 5, stride=1, padding=2),
    _pool("9x9/1", (1, 512, 20, 20), 9, stride=1, padding=4),
    _pool("13x13/1", (1, 512, 20, 20), 13, stride=1, padding=6),
    _pool("3x3/1, dilation 2", (1, 64, 56, 56), 3, stride=1, padding=1, dilation=2),
    _pool("photograph 5x5/1", (1, 3, 768, 1024), 5, stride=1, padding=2),
    _pool("2/2, 1-D", (8, 64, 16000), 2, stride=2),
    _pool("3/2, 1-D", (1, 64, 16000), 3, stride=2, padding=1),
    _pool("9/1, 1-D", (1, 64, 16000), 9, stride=1, padding=4),
    _pool("2x2x2/2", (1, 64, 16, 56, 56), 2, stride=2),
    _pool("3x3x3/2", (1, 64, 16, 56, 56), 3, stride=2, padding=1),
    _pool("2x2/2, indices", (1, 64, 224, 224), 2, stride=2, return_indices=True),
    _pool("3x3/2, indices", (8, 64, 112, 112), 3, stride=2, padding=1, return_indices=True),
    _pool("5x5/1, indices", (1, 256, 20, 20), 5, stride=1, padding=2, return_indices=True),
]

BATCHNORM = [
    Case("batchnorm", "train" if training else "eval", shape, (), {"training": training})
    for shape in (
        (4096, 512),
        (128, 1024),
        (1, 64, 56, 56),
        (8, 64, 112, 112),
        (16, 256, 56, 56),
        (32, 512, 7, 7),
        (8, 32, 4096),
        (4, 32, 8, 28, 28),
    )
    for training in (True, False)
]

DROPOUT = [
    Case("dropout", f"p = {p}", shape, (), {"p": p})
    for shape, p in (
        ((64, 1024), 0.5),
        ((256, 1024), 0.1),
        ((128, 4096), 0.5),
        ((16, 64, 32, 32), 0.2),
        ((16, 64, 56, 56), 0.5),
        ((32, 512, 768), 0.1),
    )
]

SUITE = [*CONV, *MAXPOOL, *BATCHNORM, *DROPOUT]
