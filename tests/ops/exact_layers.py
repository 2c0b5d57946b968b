"""Shapes and options of layers that are compared with exact sums."""

from dataclasses import dataclass
from typing import Any

from oracle import pad_pairs

MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True)
class Geometry:
    """Shapes of an input and a kernel, and what conv takes besides."""

    shape: tuple[int, ...]
    weight: tuple[int, ...]
    options: dict[str, Any]

    @property
    def for_oracle(self):
        """The oracle's arguments."""
        dims = len(self.shape) - 2
        stride, dilation = (
            (size,) * dims if isinstance(size, int) else size
            for size in (self.options.get("stride", 1), self.options.get("dilation", 1))
        )
        padding = self.options.get("padding", 0)
        return {
            "stride": stride,
            "pairs": pad_pairs(padding, self.shape[2:], self.weight[2:], stride, dilation),
            "dilation": dilation,
            "groups": self.options.get("groups", 1),
            "mode": self.options.get("padding_mode", "zeros"),
        }


def _layer(shape, weight, **options):
    return Geometry(shape, weight, options)


LAYERS = {
    "3x3": _layer((1, 32, 14, 14), (32, 32, 3, 3), padding=1),
    "3x3 of a batch": _layer((3, 16, 13, 9), (24, 16, 3, 3), padding=1),
    "1x1": _layer((2, 64, 9, 9), (48, 64, 1, 1)),
    "1x1 on one pixel": _layer((1, 96, 1, 1), (40, 96, 1, 1)),
    "stem": _layer((1, 3, 64, 64), (16, 3, 7, 7), stride=2, padding=3),
    "RGB 5x5": _layer((1, 3, 60, 70), (8, 3, 5, 5), padding=2),
    "grey 3x3": _layer((1, 1, 120, 160), (1, 1, 3, 3), padding=1, padding_mode="reflect"),
    "grey 3x3, two filters": _layer((1, 1, 90, 80), (2, 1, 3, 3), padding=1),
    "depthwise": _layer((2, 40, 15, 17), (40, 1, 3, 3), padding=1, groups=40),
    "depthwise 5x5/2": _layer((1, 24, 6, 80), (24, 1, 5, 5), padding=2, stride=2, groups=24),
    "groups": _layer((1, 64, 12, 12), (64, 8, 3, 3), padding=1, groups=8),
    "dilation": _layer((1, 16, 33, 33), (8, 16, 3, 3), padding=12, dilation=12),
    "separable": _layer((1, 2, 70, 50), (2, 2, 1, 9), padding=(0, 4), padding_mode="replicate"),
    "audio": _layer((1, 1, 6000), (8, 1, 81), stride=4),
    "long filter": _layer((2, 1, 1500), (1, 1, 501), padding=250),
    "dilated audio": _layer((1, 8, 3000), (8, 8, 3), padding=((128, 0),), dilation=64),
    "circular audio": _layer((3, 2, 700), (4, 2, 9), padding=4, padding_mode="circular"),
    "one window": _layer((1, 1, 30000), (1, 1, 30000)),
    "3-D": _layer((1, 4, 8, 9, 10), (6, 4, 3, 3, 3), padding=1),
    "3-D, depthwise": _layer((2, 6, 7, 8, 9), (6, 1, 2, 3, 3), groups=6, stride=(1, 2, 1)),
    "13x13": _layer((1, 2, 24, 24), (2, 2, 13, 13), padding=6),
    "15x15, depthwise": _layer((1, 3, 20, 20), (3, 1, 15, 15), padding=7, groups=3),
}
"""Layers of all kinds, which take seconds at most even where every sum is hard."""

LARGE_KERNELS = {
    "13x13, large": _layer((1, 4, 100, 90), (4, 4, 13, 13), padding=6),
    "15x15, depthwise, large": _layer((1, 8, 64, 64), (8, 1, 15, 15), padding=7, groups=8),
    "21x21, strided": _layer((1, 2, 200, 200), (3, 2, 21, 21), stride=2),
    "31x31": _layer((1, 1, 400, 400), (1, 1, 31, 31), padding=15),
    "long filter, large": _layer((2, 1, 20000), (1, 1, 1025), padding=512),
    "9x9x9": _layer((1, 1, 20, 24, 28), (2, 1, 9, 9, 9), padding=4),
}
"""Kernels for which a transform may pay."""


def any_geometry(rng):
    """A small layer with any options that fit."""
    dims = int(rng.integers(1, 4))
    room = (0, 60, 12, 6)[dims]

    def sizes(low, high):
        return tuple(rng.integers(low, high, dims).tolist())

    kernel = sizes(1, (0, 12, 6, 4)[dims])
    dilation, stride = (sizes(1, 4) if rng.random() < 0.5 else (1,) * dims for _ in range(2))
    reaches = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    pairs = tuple(tuple(rng.integers(0, 4, 2).tolist()) for _ in range(dims))
    if rng.random() < 0.3:
        pairs = ((0, 0),) * dims
    lengths = tuple(max(4, reach) + int(rng.integers(0, room)) for reach in reaches)
    groups = int(rng.choice([1, 1, 2, 5]))
    channels, filters = (groups * int(rng.choice([1, 1, 2, 3])) for _ in range(2))
    options = {
        "stride": stride,
        "padding": pairs,
        "dilation": dilation,
        "groups": groups,
        "padding_mode": str(rng.choice(MODES)),
    }
    shape = (int(rng.choice([1, 1, 2, 3])), channels, *lengths)
    return Geometry(shape, (filters, channels // groups, *kernel), options)
