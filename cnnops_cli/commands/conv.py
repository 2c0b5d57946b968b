"""`cnnops conv`."""

from typing import Annotated, Any

from cnnops_cli import options, parsers
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.convolution import Convolution
from cnnops_cli.commands.new_layer import new_layer
from cnnops_cli.commands.run import run
from cnnops_cli.commands.validate import validate
from cnnops_cli.errors import CnnopsError
from cnnops_cli.option_kinds import OptionGroup
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import array_suffixes, member_suffixes
from cnnops_cli.words import ACCUMULATE, PADDING_MODES, series

KERNEL = OptionGroup("Kernel")
SUMS = OptionGroup("Sums")

_LAYERS = member_suffixes()
_KERNELS = [suffix for suffix in array_suffixes() if suffix not in _LAYERS]


def conv(
    kernel: Annotated[
        str | None,
        KERNEL.tensor(
            "--kernel -k",
            "The filters, (O, I/groups, *spatial). Rank 3 is 1-D, rank 4 is 2-D, rank 5 is "
            "3-D. Rank 1 or 2 is one bare filter for one channel. Letters, here, in INPUT or in "
            "--bias, give formulas: '[[a,b],[c,d]]'. An .npz archive of exactly weight and bias is "
            "that layer.",
        ),
    ] = None,
    bias: Annotated[
        str | None,
        KERNEL.tensor(
            "--bias -b",
            "(O,), or one number for all output channels. It replaces the bias of a layer's "
            "archive.",
        ),
    ] = None,
    dims: Annotated[
        int | None,
        KERNEL.dims(
            "The number N of spatial axes, where the kernel's rank does not tell it as above. "
            "Then rank N is a bare filter, N + 1 is one filter over all channels, and N + 2 is the "
            "full form."
        ),
    ] = None,
    out_channels: Annotated[
        int | None,
        KERNEL.integer(
            "--out-channels",
            "Instead of --kernel: a new layer of N filters. They have PyTorch's default "
            "initialisation, in float32, or in INPUT's dtype where that is a floating array's.",
            1,
        ),
    ] = None,
    kernel_size: Annotated[
        Any,
        KERNEL.size(
            "--kernel-size",
            "The new layer's kernel, such as 3 or 3,5. One integer is for 2-D (or --dims).",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        KERNEL.integer(
            "--seed",
            "The new layer's seed, as torch.manual_seed. Without it a fresh one is drawn, and "
            "named in the view or the summary.",
        ),
    ] = None,
    no_bias: Annotated[
        bool,
        KERNEL.flag("--no-bias", "A new layer without bias."),
    ] = False,
    save_kernel: Annotated[
        str | None,
        KERNEL.file(
            "--save-kernel",
            f"Write the kernel that was used, in its full form. {series(_LAYERS, 'and')} "
            f"holds weight and bias, {series(_KERNELS, 'and')} the kernel alone.",
            parsers.parse_array_file,
        ),
    ] = None,
    stride: Annotated[
        Any,
        options.GEOMETRY.size(
            "--stride -s", "Elements from one window to the next, such as 2 or 1,2. Default 1."
        ),
    ] = "1",
    padding: Annotated[
        Any,
        options.GEOMETRY.padding(
            "SIZE, begin:end pairs, or a word such as same. Default 0. SIZE is for both "
            "sides. Pairs are such as 0:1,2:2; one pair is for every axis. The words are valid "
            "(none), same (as PyTorch's: the length stays, at a stride of 1 only), same-upper and "
            "same-lower (as ONNX's: the length becomes ceil(length / stride), and an odd element "
            "of padding is at the end or at the start)."
        ),
    ] = "0",
    padding_mode: Annotated[
        str,
        options.GEOMETRY.choice(
            "--padding-mode",
            PADDING_MODES,
            "What padding holds. Default zeros. reflect adds fewer elements than the axis "
            "has, circular at most as many.",
        ),
    ] = "zeros",
    dilation: options.Dilation = "1",
    groups: Annotated[
        int | None,
        options.GEOMETRY.integer(
            "--groups -g", "Groups of channels that are convolved separately. Default 1.", 1
        ),
    ] = None,
    depthwise: Annotated[
        bool,
        options.GEOMETRY.flag(
            "--depthwise", "One group per channel. A bare kernel is applied to every channel."
        ),
    ] = False,
    accumulate: Annotated[
        str,
        SUMS.choice(
            "--accumulate",
            ACCUMULATE,
            "Where sums of floating-point numbers are rounded. exact, the default: once, at the "
            "end, so the bytes are the same on every machine. fast: as matrix products and "
            "transforms round them; it takes less time, and the last place may differ between "
            "machines. sequential: after each product and each sum, as in a plain loop over the "
            "channels and the kernel, bias last. fma: the same, but once for product and sum "
            "together, as C's fmaf; not for float64. Integers are exact in every mode.",
        ),
    ] = "exact",
    with_input: options.WithInput = False,
    relu: options.Relu = False,
    inputs: options.Inputs = None,
    *,
    settings: Settings,
) -> None:
    """Convolve a tensor with a bank of filters, in 1-D, 2-D or 3-D.

        cnnops conv --kernel k.json --stride 1,2 input.npy
        cnnops conv -k '[[1,0,-1]]' -p same --depthwise rgb.npy -o edges.npy
        cnnops conv -k '[[a,b],[c,d]]' -s 1,2 input.npy --lesson lesson.html
        cnnops conv --out-channels 8 --kernel-size 3 --seed 0 x.npy
        cnnops conv --explain --at 0,0 -k '[[1,10],[100,1000]]' x.npy
        cnnops conv -k k.npy a.npy b.npy c.npy -o results/

    INPUT is (*spatial), (C, *spatial) or (N, C, *spatial), and the result has the same rank;
    only a bare (*spatial) input gains a channel axis where there are several filters. Like
    PyTorch's conv1d, conv2d and conv3d, this is cross-correlation: the kernel is not flipped.
    Sums are exact. Those of floating-point numbers are rounded once, unless --accumulate says
    otherwise; those of integers are int64, and a sum that int64 cannot hold is an error.
    """
    layer = new_layer(
        kernel,
        bias,
        settings.dtype,
        out_channels=out_channels,
        kernel_size=kernel_size,
        seed=seed,
        no_bias=no_bias,
        inputs=inputs or [],
    )
    call = validate(
        Call(
            settings,
            inputs,
            tensors={"kernel": kernel, "bias": bias},
            files={"save_kernel": save_kernel},
            with_input=with_input,
            relu=relu,
        )
    )
    if depthwise and groups is not None:
        raise CnnopsError("--depthwise sets the groups; leave --groups out")
    run(
        Convolution,
        call,
        dims=dims,
        layer=layer,
        groups=None if depthwise else groups or 1,
        stride=stride,
        padding=padding,
        dilation=dilation,
        padding_mode=padding_mode,
        accumulate=accumulate,
    )
