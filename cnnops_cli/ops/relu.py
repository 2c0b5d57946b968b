"""The rectifier, max(0, x), which follows an operator where --relu asks for it."""

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import parallel
from cnnops_cli.spans import spans

_AT_ONCE = 1 << 16
"""Elements of a part, which stay in a core's cache."""


def relu(array: Array) -> None:
    """Replace what is below 0 by 0; NaN stays NaN and -0 stays -0, as in PyTorch.

    Examples
    --------
    >>> x = np.array([-1.5, -0.0, 2, np.nan])
    >>> relu(x)
    >>> x
    array([ 0., -0.,  2., nan])
    """
    rows = array.reshape(-1) if array.flags.c_contiguous else array
    most = _AT_ONCE * len(rows) // max(1, rows.size)

    def rectify(part: slice) -> None:
        piece = rows[part]
        np.copyto(piece, 0, where=piece < 0)

    parallel.for_each(rectify, spans(len(rows), most))
