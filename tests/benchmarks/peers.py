"""The same call on the other side: PyTorch, or NumPy's int64 matrix product."""

from collections.abc import Callable

import numpy as np
from suite import Case


def torch_call(case: Case, operands: list[np.ndarray]) -> Callable[[], object]:
    """PyTorch's function on the same data, without gradients."""
    import torch
    import torch.nn.functional as functional

    tensors = [torch.from_numpy(operand) for operand in operands]
    dims = len(case.shape) - 2
    names = {
        "conv": f"conv{dims}d",
        "maxpool": f"max_pool{dims}d",
        "batchnorm": "batch_norm",
        "dropout": "dropout",
    }
    function = getattr(functional, names[case.operator])

    def call() -> object:
        with torch.inference_mode():
            return function(*tensors, **case.arguments)

    return call


def int64_conv(
    image: np.ndarray, kernel: np.ndarray, *, padding: int, stride: int = 1
) -> Callable[[], object]:
    """All windows as columns and one int64 matrix product."""
    size = kernel.shape[-1]

    def call() -> object:
        padded = np.pad(image, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(2, 3))
        windows = windows[:, :, ::stride, ::stride]
        columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(len(image), kernel[0].size, -1)
        weights = kernel.reshape(len(kernel), -1).astype(np.int64)
        return weights @ columns.astype(np.int64)

    return call
