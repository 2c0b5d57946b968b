"""The rectifier, max(0, x), which follows an operator where --relu asks for it."""

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.ops import parallel
from cnnops_cli.slabs import slabs


def relu(array: Array) -> None:
    """Replace what is below 0 by 0; NaN stays NaN and -0 stays -0, as in PyTorch.

    Examples
    --------
    >>> x = np.array([-1.5, -0.0, 2, np.nan])
    >>> relu(x)
    >>> x
    array([ 0., -0.,  2., nan])
    """
    axes = sorted(range(array.ndim), key=array.strides.__getitem__, reverse=True)
    in_memory = array.transpose(axes)
    rows = in_memory.reshape(-1) if in_memory.flags.c_contiguous else in_memory

    def rectify(slab: Array) -> None:
        np.copyto(slab, 0, where=slab < 0)

    parallel.for_each(rectify, list(slabs(rows)))
