"""The shapes that memory.py runs: each would be out of hand if a command kept too much of it."""

from dataclasses import dataclass

MEBI = 1 << 20
ANY_SHAPE = 64 * MEBI
FOURIER = 128 * MEBI
"""Where a long kernel makes a Fourier transform the best way."""


@dataclass(frozen=True)
class Load:
    """One command on one large tensor.

    Attributes
    ----------
    operator, label : str
    shape : tuple of int
        The input's.
    options : str
        Of the command, beside input, kernel and output.
    kernel : tuple of int
        The kernel's shape, of a conv.
    dtype : str
    limit : int
        The most bytes that the command may need beside what it reads and writes.
    """

    operator: str
    label: str
    shape: tuple[int, ...]
    options: str = ""
    kernel: tuple[int, ...] = ()
    dtype: str = "float32"
    limit: int = ANY_SHAPE

    @property
    def description(self) -> str:
        """The load in one line."""
        dtype = "" if self.dtype == "float32" else f" {self.dtype}"
        return f"{self.operator:<9}  {self.label}  {'x'.join(map(str, self.shape))}{dtype}"


def _conv(
    label: str,
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    options: str = "",
    dtype: str = "float32",
    limit: int = ANY_SHAPE,
) -> Load:
    return Load("conv", label, shape, options, kernel, dtype, limit)


CONV = [
    _conv("1x1, 64 channels", (1, 64, 512, 512), (64, 64, 1, 1)),
    _conv("3x3, 64 channels", (1, 64, 512, 512), (64, 64, 3, 3), "-p 1"),
    _conv("3x3, 512 channels", (4, 512, 56, 56), (512, 512, 3, 3), "-p 1"),
    _conv("3x3/2, same-upper", (1, 32, 1024, 1024), (32, 32, 3, 3), "-s 2 -p same-upper"),
    _conv("3x3, batch", (4096, 3, 32, 32), (16, 3, 3, 3), "-p 1"),
    _conv("3x3, one plane", (1, 1, 8192, 8192), (1, 1, 3, 3), "-p 1"),
    _conv("3x3, bias", (1, 8, 2048, 2048), (8, 8, 3, 3), "-p 1 -b 0.5"),
    _conv("3x3, 32 groups", (1, 128, 512, 512), (128, 4, 3, 3), "-p 1 -g 32"),
    _conv("3x3, dilation 12", (1, 64, 384, 384), (64, 64, 3, 3), "-p 12 -d 12"),
    _conv("depthwise 3x3", (1, 128, 384, 384), (128, 1, 3, 3), "-p 1 --depthwise"),
    _conv("depthwise 7x7", (1, 128, 384, 384), (128, 1, 7, 7), "-p 3 --depthwise"),
    _conv("7x7/2", (1, 3, 2048, 2048), (32, 3, 7, 7), "-s 2 -p 3"),
    _conv("7x7", (1, 16, 1024, 1024), (16, 16, 7, 7), "-p 3"),
    _conv("31x31, grey", (1, 1, 4096, 4096), (1, 1, 31, 31), "-p 15", limit=FOURIER),
    _conv("31x31, 8 channels", (1, 8, 512, 512), (8, 8, 31, 31), "-p 15", limit=FOURIER),
    _conv("7x7, reflect", (1, 3, 2048, 2048), (3, 3, 7, 7), "-p 3 --padding-mode reflect"),
    _conv("5x5, circular", (1, 1, 8192, 8192), (1, 1, 5, 5), "-p 2 --padding-mode circular"),
    _conv("channels last 3x3", (8, 256, 256, 64), (64, 64, 3, 3), "-p 1 --layout channels-last"),
    _conv("channels last 1x1", (8, 256, 256, 64), (32, 64, 1, 1), "--layout channels-last"),
    _conv("1-D, 3", (1, 1, 1 << 25), (1, 1, 3), "-p 1"),
    _conv("1-D, 3, 16 channels", (1, 16, 1 << 21), (16, 16, 3), "-p 1"),
    _conv("1-D, 400/160", (1, 1, 1 << 24), (64, 1, 400), "-s 160"),
    _conv("1-D, 1025", (1, 1, 1 << 25), (1, 1, 1025), limit=FOURIER),
    _conv("3x3x3, 16 channels", (1, 16, 32, 192, 192), (16, 16, 3, 3, 3), "-p 1"),
    _conv("3x3, 64 channels", (1, 64, 256, 256), (64, 64, 3, 3), "-p 1", "float64"),
    _conv("3x3, 64 channels", (1, 64, 512, 512), (64, 64, 3, 3), "-p 1", "float16"),
    *(
        _conv(f"{label}, {mode}", shape, kernel, f"{options} --accumulate {mode}")
        for mode in ("fast", "sequential", "fma")
        for label, shape, kernel, options in (
            ("3x3, 64 channels", (1, 64, 512, 512), (64, 64, 3, 3), "-p 1"),
            ("5x5, grey", (1, 1, 4096, 4096), (1, 1, 5, 5), "-p 2"),
        )
    ),
    _conv(
        "31x31, grey, fast",
        (1, 1, 4096, 4096),
        (1, 1, 31, 31),
        "-p 15 --accumulate fast",
        limit=FOURIER,
    ),
    _conv("3x3, RGB", (1, 3, 2048, 2048), (3, 3, 3, 3), "-p 1", "uint8"),
    _conv("3x3, 16 channels", (1, 16, 512, 512), (16, 16, 3, 3), "-p 1", "int32"),
]

MAXPOOL = [
    Load("maxpool", label, shape, options, dtype=dtype)
    for label, shape, options, dtype in (
        ("2x2/2", (16, 64, 224, 224), "-k 2", "float32"),
        ("2x2/2, batch", (16384, 3, 32, 32), "-k 2", "float32"),
        ("3x3/2", (16, 64, 224, 224), "-k 3 -s 2 -p 1", "float32"),
        ("3x3/2, ceil mode", (16, 64, 224, 224), "-k 3 -s 2 --ceil-mode", "float32"),
        ("3x3/1, one plane", (1, 1, 8192, 8192), "-k 3 -s 1 -p 1", "float32"),
        ("13x13/1", (1, 64, 512, 512), "-k 13 -s 1 -p 6", "float32"),
        ("3x3/1, dilation 8", (1, 64, 512, 512), "-k 3 -s 1 -p 8 -d 8", "float32"),
        ("3x3/2, indices", (16, 64, 224, 224), "-k 3 -s 2 --indices more.npy", "float32"),
        ("3x3/1, indices", (1, 1, 4096, 4096), "-k 3 -s 1 -p 1 --indices more.npy", "float32"),
        ("1-D, 9/1", (1, 1, 1 << 25), "-k 9 -s 1 --dims 1", "float32"),
        ("1-D, 1025/1", (1, 1, 1 << 24), "-k 1025 -s 1 --dims 1", "float32"),
        ("3x3x3/2", (1, 32, 32, 192, 192), "-k 3 -s 2 --dims 3", "float32"),
        ("channels last 3x3/2", (8, 256, 256, 64), "-k 3 -s 2 --layout channels-last", "float32"),
        ("3x3/2", (16, 64, 224, 224), "-k 3 -s 2", "float16"),
        ("3x3/2", (8, 64, 224, 224), "-k 3 -s 2", "float64"),
        ("3x3/1", (16, 64, 224, 224), "-k 3 -s 1", "uint8"),
    )
]

BATCHNORM = [
    Load("batchnorm", label, shape, options, dtype=dtype)
    for label, shape, options, dtype in (
        ("train", (4, 3, 2048, 2048), "--train", "float32"),
        ("train, one channel", (2, 1, 1 << 24), "--train", "float32"),
        ("train", (64, 256, 56, 56), "--train", "float32"),
        ("train", (1 << 20, 32), "--train", "float32"),
        ("train", (16, 1 << 20), "--train", "float32"),
        ("train, states", (64, 256, 56, 56), "--train --save-state more.npz", "float32"),
        ("eval", (64, 256, 56, 56), "--eval", "float32"),
        ("train, channels last", (8, 256, 256, 64), "--train --layout channels-last", "float32"),
        ("train", (64, 256, 56, 56), "--train", "float16"),
        ("train", (32, 256, 56, 56), "--train", "float64"),
        ("train", (4, 3, 1024, 2048), "--train", "uint8"),
    )
]

DROPOUT = [
    Load("dropout", label, shape, options, dtype=dtype)
    for label, shape, options, dtype in (
        ("0.5", (1 << 25,), "-p 0.5 --seed 1", "float32"),
        ("0.1", (32, 512, 768), "-p 0.1 --seed 1", "float32"),
        ("0.5, mask kept", (1 << 25,), "-p 0.5 --seed 1 --mask-output more.npy", "float32"),
        ("channelwise", (64, 256, 32, 32), "--channelwise --seed 1", "float32"),
        ("channelwise, mask", (64, 256, 32, 32), "--channelwise --mask-output more.npy", "float32"),
        ("channels last", (8, 256, 256, 64), "--seed 1 --layout channels-last", "float32"),
        ("eval", (1 << 25,), "--eval", "float32"),
        ("0.5", (1 << 25,), "-p 0.5 --seed 1", "float16"),
        ("0.5", (1 << 24,), "-p 0.5 --seed 1", "float64"),
        ("0.5", (1 << 24,), "-p 0.5 --seed 1", "uint8"),
    )
]

LOADS = [*CONV, *MAXPOOL, *BATCHNORM, *DROPOUT]
