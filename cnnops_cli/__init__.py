"""Tensor operations of convolutional networks, exact about PyTorch's semantics.

The four operators are functions on NumPy arrays:

>>> import numpy as np
>>> from cnnops_cli import maxpool
>>> maxpool(np.arange(1, 13).reshape(1, 3, 4), (2, 2), stride=(1, 2))
array([[[ 6,  8],
        [10, 12]]])
"""

TYPE_CHECKING = False  # that of `typing`, without the time that its import takes
if TYPE_CHECKING:
    from cnnops_cli.errors import CnnopsError
    from cnnops_cli.ops.batchnorm import batchnorm
    from cnnops_cli.ops.conv import conv
    from cnnops_cli.ops.dropout import dropout
    from cnnops_cli.ops.maxpool import maxpool

__version__ = "0.1.0"
__all__ = ["CnnopsError", "batchnorm", "conv", "dropout", "maxpool"]


def __getattr__(name: str) -> object:
    """Import an operator when it is first asked for, so that the command starts without NumPy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = "cnnops_cli.errors" if name == "CnnopsError" else f"cnnops_cli.ops.{name}"
    return getattr(import_module(home), name)
