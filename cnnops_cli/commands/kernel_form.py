"""The ranks that a kernel may have: a bare filter, one over all channels, or the full form."""

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.large_arrays import empty
from cnnops_cli.tensors.tensor import Tensor, is_stand_in

_USUAL = {1: 1, 3: 1, 2: 2, 4: 2, 5: 3}
"""The number of spatial axes by rank."""


def usual_dims(kernel: Tensor) -> int:
    """Return the number of spatial axes that the rank of a kernel stands for without --dims."""
    rank = kernel.array.ndim
    if rank not in _USUAL:
        raise CnnopsError(
            f"kernel has rank {rank}; accepted are rank 1 and 3 (1-D), 2 and 4 (2-D) and 5 (3-D), "
            "or another with --dims"
        )
    return _USUAL[rank]


def full_kernel(kernel: Array, dims: int, channels: int, depthwise: bool) -> Array:
    """Bring a kernel to (O, I/groups, *spatial); depthwise, a bare one is for every channel."""
    missing = dims + 2 - kernel.ndim
    if missing not in (0, 1, 2):
        raise CnnopsError(
            f"kernel has rank {kernel.ndim}; in {dims}-D it has rank {dims} (one filter for one "
            f"channel), {dims + 1} (one filter for all channels) or {dims + 2}: (O, I/groups, "
            "*spatial)"
        )
    full = kernel.reshape((1,) * missing + kernel.shape)
    if missing < 2 or channels == 1 or not kernel.size:
        return full
    if not depthwise:
        raise CnnopsError(
            f"kernel expects 1 input channel, but {INPUT} has {channels}; "
            "--depthwise applies it to every one"
        )
    repeated = np.broadcast_to(full, (channels, *full.shape[1:]))
    if is_stand_in(full):
        return repeated
    weights = empty("kernel", repeated.shape, full.dtype)
    np.copyto(weights, repeated)
    return weights
