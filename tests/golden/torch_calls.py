"""The four operators by PyTorch, called with the arguments of the contract.

What the contract adds to PyTorch (pairs, 'same-upper', 'same-lower', integers summed in int64,
mixed dtypes) is spelled out with PyTorch's own functions.
"""

import math

import numpy as np
import torch
from torch.nn import functional


def make_sure_torch_refuses(call, *arguments, **options):
    """Fail where PyTorch takes a call that a fixture is to call refused."""
    try:
        call(*arguments, **options)
    except (RuntimeError, ValueError, IndexError):
        return
    raise AssertionError(f"PyTorch takes {call.__name__} {arguments} {options}")


def per_axis(size, dims):
    return (size,) * dims if isinstance(size, int) else tuple(size)


def pairs_of(padding, lengths, kernel, stride, dilation):
    """Pairs as they are, and what the ONNX words add at each side of each axis."""
    if not isinstance(padding, str):
        return padding
    if min(stride) < 1:
        raise ValueError(f"no window moves by {stride}")
    pairs = []
    for length, k, s, d in zip(lengths, kernel, stride, dilation, strict=True):
        total = max(0, (math.ceil(length / s) - 1) * s + d * (k - 1) + 1 - length)
        odd_at_end = (total // 2, total - total // 2)
        pairs.append(odd_at_end if padding == "same-upper" else odd_at_end[::-1])
    return tuple(pairs)


def is_beyond_torch(padding):
    """Whether PyTorch has no such padding argument: pairs and the ONNX words."""
    if isinstance(padding, str):
        return padding in ("same-upper", "same-lower")
    return not isinstance(padding, int) and not isinstance(padding[0], int)


def flat_pads(pairs):
    """Pads in the order of torch.nn.functional.pad: the last axis first."""
    return [side for pair in reversed(pairs) for side in pair]


def conv(x, weight, bias=None, *, padding_mode="zeros", padding=0, **options):
    """Convolve NumPy arrays with torch.nn.functional or, where the mode asks, a torch.nn layer."""
    arrays = [a for a in (x, weight, bias) if a is not None]
    dtype = np.result_type(*arrays)
    dtype = np.dtype(np.int64) if dtype.kind in "iu" else dtype
    x, weight, *rest = (torch.from_numpy(a.astype(dtype)) for a in arrays)
    bias = rest[0] if rest else None
    dims = weight.ndim - 2
    convolve = getattr(functional, f"conv{dims}d")
    if is_beyond_torch(padding):
        if 0 in x.shape[-dims:]:
            raise ValueError("conv refuses an empty axis, which functional.pad would hide")
        kernel = tuple(weight.shape[2:])
        sizes = (per_axis(options.get(name, 1), dims) for name in ("stride", "dilation"))
        pairs = pairs_of(padding, tuple(x.shape[-dims:]), kernel, *sizes)
        mode = "constant" if padding_mode == "zeros" else padding_mode
        # The other modes pad spatial axes of a batch only.
        batch = x if x.ndim == dims + 2 else x[None]
        padded = functional.pad(batch, flat_pads(pairs), mode=mode)
        return convolve(padded if batch is x else padded[0], weight, bias, **options)
    if padding_mode == "zeros":
        return convolve(x, weight, bias, padding=padding, **options)
    layer_class = getattr(torch.nn, f"Conv{dims}d")
    groups = options.get("groups", 1)
    layer = layer_class(
        *(groups * weight.shape[1], weight.shape[0], tuple(weight.shape[2:])),
        bias=bias is not None,
        padding=padding,
        padding_mode=padding_mode,
        dtype=weight.dtype,
        **options,
    )
    layer.weight = torch.nn.Parameter(weight)
    if bias is not None:
        layer.bias = torch.nn.Parameter(bias)
    return layer(x).detach()


def maxpool(x, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Values and indices; pairs are padded by hand, and the indices counted back from there."""
    dims = 2 if isinstance(kernel_size, int) else len(kernel_size)
    pool = getattr(functional, f"max_pool{dims}d")
    x = torch.from_numpy(x)
    if not is_beyond_torch(padding) and not isinstance(padding, str):
        return pool(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)
    if ceil_mode:
        raise AssertionError("PyTorch's last-window rule needs its own padding")
    kernel = per_axis(kernel_size, dims)
    step, spread = per_axis(stride or kernel, dims), per_axis(dilation, dims)
    lengths = tuple(x.shape[-dims:])
    if padding == "valid":
        padding = ((0, 0),) * dims
    # At stride 1 PyTorch's 'same' is the ONNX one: the odd cell at the end.
    pairs = pairs_of("same-upper" if padding == "same" else padding, lengths, kernel, step, spread)
    smallest = -math.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    padded = functional.pad(x, flat_pads(pairs), value=smallest)
    values, indices = pool(padded, kernel, step, 0, spread, return_indices=True)
    places = np.unravel_index(indices.numpy(), tuple(padded.shape[-dims:]))
    inside = [place - begin for place, (begin, _) in zip(places, pairs, strict=True)]
    return values, torch.from_numpy(np.ravel_multi_index(inside, lengths))


def batchnorm(x, running_mean, running_var, weight, bias, **options):
    """The result; running statistics are updated in place, as tensors over the given arrays."""
    vectors = (None if a is None else torch.from_numpy(a) for a in (weight, bias))
    running = (None if a is None else torch.from_numpy(a) for a in (running_mean, running_var))
    return functional.batch_norm(torch.from_numpy(x), *running, *vectors, **options)


def dropout(x, p, *, training=True, channelwise=False):
    """Dropout of a tensor; PyTorch's channelwise functions go by the number of spatial axes."""
    x = torch.from_numpy(x)
    if not channelwise:
        return functional.dropout(x, p, training)
    drop = {3: functional.dropout1d, 4: functional.dropout2d, 5: functional.dropout3d}[x.ndim]
    return drop(x, p, training)
