"""`cnnops conv`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cnnops_cli import options, parsers
from cnnops_cli.commands.delivery import Delivery
from cnnops_cli.commands.layer import fresh_layer
from cnnops_cli.commands.operands import Form, check_letters, computing
from cnnops_cli.commands.run import run
from cnnops_cli.commands.settle import settle
from cnnops_cli.commands.view import in_words
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.ops.conv import convolve, place_windows
from cnnops_cli.options import Settings
from cnnops_cli.tensors.read import Reading
from cnnops_cli.tensors.tensor import Tensor, unify
from cnnops_cli.tensors.write import Writer, array_writer, named_writer
from cnnops_cli.words import PADDING_MODES, PADDING_WORDS

if TYPE_CHECKING:
    from cnnops_cli.views.sections import Section

_USUAL_DIMS = {1: 1, 3: 1, 2: 2, 4: 2, 5: 3}

_USUAL_GEOMETRY = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "padding_mode": "zeros",
}

kernel_option = options.in_section("Kernel")


def conv(
    kernel: Annotated[
        str | None,
        kernel_option(
            "--kernel",
            "-k",
            metavar="TENSOR",
            help="The filters, (O, I/groups, *spatial). Rank 3 is 1-D, rank 4 is 2-D, rank 5 is "
            "3-D. Rank 1 or 2 is one bare filter for one channel. Letters, here, in INPUT or in "
            "--bias, give formulas: '[[a,b],[c,d]]'. An .npz archive of exactly weight and bias "
            "is that layer.",
        ),
    ] = None,
    bias: Annotated[
        str | None,
        kernel_option(
            "--bias",
            "-b",
            metavar="TENSOR",
            help="(O,), or one number for all output channels. It takes the place of the one "
            "in a layer's archive.",
        ),
    ] = None,
    dims: Annotated[
        int | None,
        kernel_option(
            "--dims",
            metavar="1|2|3",
            parser=parsers.parse_dimensions,
            help="How many spatial axes, where the kernel's rank is not the usual one: rank DIMS "
            "is a bare filter, DIMS + 1 one filter over all channels, DIMS + 2 the full form.",
        ),
    ] = None,
    out_channels: Annotated[
        int | None,
        kernel_option(
            "--out-channels",
            metavar="N",
            parser=parsers.integer_from(1),
            help="Instead of --kernel: a fresh layer of N filters. They have PyTorch's default "
            "initialisation, in float32, or in INPUT's dtype where that is a floating array's.",
        ),
    ] = None,
    kernel_size: Annotated[
        Any,
        kernel_option(
            "--kernel-size",
            metavar="SIZE",
            parser=parsers.parse_size,
            help="The fresh layer's kernel, as 3 or 3,5. One integer is for 2-D (or --dims).",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        kernel_option(
            "--seed",
            metavar="N",
            parser=parsers.integer_from(0),
            help="The fresh layer's seed, as torch.manual_seed. Without it a fresh one is drawn, "
            "and named in the view or the summary.",
        ),
    ] = None,
    no_bias: Annotated[
        bool,
        kernel_option("--no-bias", help="A fresh layer without bias."),
    ] = False,
    save_kernel: Annotated[
        str | None,
        kernel_option(
            "--save-kernel",
            metavar="FILE",
            parser=parsers.parse_array_file,
            help="Write the kernel that was used, in its full form. .npz holds weight and bias, "
            ".npy and .json the kernel alone.",
        ),
    ] = None,
    stride: Annotated[
        Any,
        options.geometry_option(
            "--stride",
            "-s",
            metavar="SIZE",
            parser=parsers.parse_size,
            help="Cells from one window to the next, as 2 or 1,2. Default 1.",
        ),
    ] = "1",
    padding: Annotated[
        Any,
        options.geometry_option(
            "--padding",
            "-p",
            metavar="PAD",
            parser=parsers.parse_padding,
            autocompletion=parsers.completing(PADDING_WORDS),
            help="As SIZE, begin:end pairs, or a word such as same. SIZE is for both sides; pairs "
            "are as 0:1,2:2 (one pair is for every axis); the words are valid (none), same "
            "(PyTorch's: the same length, at a stride of 1 only), same-upper and same-lower "
            "(ONNX's: ceil(length / stride), an odd cell at the end or the start). Default 0.",
        ),
    ] = "0",
    padding_mode: Annotated[
        str,
        options.geometry_option(
            "--padding-mode",
            metavar="zeros|reflect|replicate|circular",
            parser=parsers.one_of("padding mode", PADDING_MODES),
            autocompletion=parsers.completing(PADDING_MODES),
            help="What padding holds. Default zeros. reflect adds fewer cells than the axis has, "
            "circular no more.",
        ),
    ] = "zeros",
    dilation: options.Dilation = "1",
    groups: Annotated[
        int | None,
        options.geometry_option(
            "--groups",
            "-g",
            metavar="N",
            parser=parsers.integer_from(1),
            help="Blocks of channels that are convolved apart from each other. Default 1.",
        ),
    ] = None,
    depthwise: Annotated[
        bool,
        options.geometry_option(
            "--depthwise",
            help="One group per channel. A bare kernel is applied to every channel.",
        ),
    ] = False,
    with_input: options.WithInput = False,
    inputs: options.Inputs = None,
    *,
    settings: Settings,
) -> None:
    """Convolve a tensor with a bank of filters, in 1-D, 2-D or 3-D.

        cnnops conv --kernel k.json --stride 1,2 input.npy
        cnnops conv -k '[[1,0,-1]]' -p same --depthwise rgb.npy -o edges.npy
        cnnops conv --out-channels 8 --kernel-size 3 --seed 0 x.npy
        cnnops conv --explain --at 0,0 -k '[[1,10],[100,1000]]' x.npy
        cnnops conv -k k.npy a.npy b.npy c.npy -o results/

    INPUT is (*spatial), (C, *spatial) or (N, C, *spatial), and the result has the same rank, but
    that a bare (*spatial) input gains a channel axis where there are several filters. As PyTorch's
    conv1d, conv2d and conv3d, this is cross-correlation: the kernel is not flipped. Integers are
    summed exactly, into int64; a sum that int64 cannot hold is an error.
    """
    layer = fresh_layer(
        kernel,
        bias,
        settings.dtype,
        out_channels=out_channels,
        kernel_size=kernel_size,
        seed=seed,
        no_bias=no_bias,
        inputs=inputs or [],
    )
    settings = settle(
        settings, inputs, kernel, bias, save_kernel=save_kernel, with_input=with_input
    )
    if depthwise and groups is not None:
        raise CnnopsError("--depthwise sets the groups; leave --groups out")

    def convolve_input(tensors: dict[str, Tensor]) -> Delivery:
        letters = check_letters(tensors, settings, save_kernel=save_kernel, with_input=with_input)
        with computing(settings, tensors) as hints:
            rank = dims or (layer.dims if layer else _usual_dims(tensors["kernel"]))
            form = Form.spatial(tensors["input"].array.shape, rank, settings.layout)
            channels = form.to_operator(tensors["input"].array).shape[max(form.lead, 0)]
            blocks = channels if depthwise else 1 if groups is None else groups
            if layer:
                tensors |= layer.draw(
                    tensors["input"], channels, blocks, rank, header=settings.dry_run
                )
            arrays = unify(tensors, settings.dtype)
            geometry: dict[str, Any] = {
                "stride": stride,
                "padding": padding,
                "dilation": dilation,
                "groups": blocks,
                "padding_mode": padding_mode,
            }
            if not layer:
                hints.append(lambda: _layout_hint(form, arrays, rank, geometry, depthwise))
            weight = _full_kernel(arrays["kernel"], rank, channels, depthwise)
            operands = (form.to_operator(arrays["input"]), weight, arrays.get("bias"))
            if settings.dry_run:
                from cnnops_cli.explain.estimators import estimate_conv

                headers = not all(t.weak for t in tensors.values())
                estimate = estimate_conv(*operands, headers=headers, **geometry)
                return Delivery.planned("conv", estimate, form)
            note = f"seed {layer.seed}" if layer else ""
            if letters:
                from cnnops_cli.explain.formulas import conv_formulas

                formulas = conv_formulas(*operands, settings.precision, **geometry)
                return Delivery.of_formulas("conv", formulas, form, settings, note)
            result, algorithm = convolve(*operands, **geometry)
        delivery = Delivery("conv", result, form, note, algorithm)
        if settings.explain:
            from cnnops_cli.explain.conv import conv_cells

            delivery.cells = conv_cells(*operands, result, **geometry)
        if save_kernel is not None:
            delivery.files[save_kernel] = _kernel_writer(save_kernel, weight, arrays.get("bias"))
        if with_input:
            image, _, offsets = operands
            words = in_words(geometry, **_USUAL_GEOMETRY)
            shape, planes = form.shape_in_words(image), form.planes(image)
            delivery.operands = _sections(shape, planes, weight, words, offsets)
        return delivery

    reading = Reading(letters=True)
    run("conv", convolve_input, settings, inputs, reading=reading, kernel=kernel, bias=bias)


def _sections(
    shape: str, planes: Array, weight: Array, words: list[str], bias: Array | None
) -> list["Section"]:
    """Put together what the view shows before the result; `shape` is INPUT's."""
    from cnnops_cli.views.sections import Section

    sections = [
        Section("input", [shape], planes),
        Section("kernel", [str(weight.shape), *words], weight),
    ]
    if bias is not None:
        sections.append(Section("bias", [str(bias.shape)] if bias.ndim else [], bias))
    return sections


def _usual_dims(kernel: Tensor) -> int:
    rank = kernel.array.ndim
    if rank not in _USUAL_DIMS:
        raise CnnopsError(
            f"kernel has rank {rank}; accepted are rank 1 and 3 (1-D), 2 and 4 (2-D) and 5 (3-D), "
            "or another with --dims"
        )
    return _USUAL_DIMS[rank]


def _full_kernel(kernel: Array, dims: int, channels: int, depthwise: bool) -> Array:
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
    return np.repeat(full, channels, axis=0)


def _layout_hint(
    form: Form, arrays: dict[str, Array], dims: int, geometry: dict[str, Any], depthwise: bool
) -> str:
    from cnnops_cli.commands.layouts import of_input, of_kernel, of_picture

    image, kernel, bias = form.to_operator(arrays["input"]), arrays["kernel"], arrays.get("bias")

    def check(shape: tuple[int, ...], kernel: Array = kernel) -> None:
        channels = shape[max(form.lead, 0)]
        if depthwise and kernel.ndim == dims and shape != image.shape:
            of_picture(shape, form.lead)
        weight = _full_kernel(kernel, dims, channels, depthwise)
        groups = channels if depthwise else geometry["groups"]
        offsets = None if bias is None else bias.shape
        place_windows(shape, weight.shape, offsets, **geometry | {"groups": groups})

    layout = of_input(form, image, check)
    if layout or kernel.ndim != dims + 2:
        return layout
    return of_kernel(kernel, lambda kernel: check(image.shape, kernel))


def _kernel_writer(path: str, weight: Array, bias: Array | None) -> Writer:
    if Path(path).suffix != ".npz":
        return array_writer(path, "weight", weight)
    return named_writer(path, {"weight": weight} | ({} if bias is None else {"bias": bias}))
