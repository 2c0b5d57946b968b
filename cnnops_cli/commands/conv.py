"""`cnnops conv`."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cnnops_cli import options, parsers
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.commands.kernel_form import full_kernel, usual_dims
from cnnops_cli.commands.new_layer import NewLayer, new_layer
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.commands.run import run
from cnnops_cli.commands.validate import validate
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.conv import convolve, place_windows
from cnnops_cli.option_kinds import OptionGroup
from cnnops_cli.options import Settings
from cnnops_cli.tensors.formats import array_suffixes, member_suffixes
from cnnops_cli.tensors.write import Writer, array_writer, named_writer
from cnnops_cli.words import ACCUMULATE, PADDING_MODES, series

if TYPE_CHECKING:
    from cnnops_cli.blocks.operator import BlockOperator
    from cnnops_cli.explain.estimate import Estimate
    from cnnops_cli.explain.explanation import Explainer
    from cnnops_cli.explain.formulas import Formulas
    from cnnops_cli.lessons.plan import LessonPlan
    from cnnops_cli.views.sections import Section

_USUAL_GEOMETRY = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "padding_mode": "zeros",
}

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


class Convolution(Operation):
    """Convolution of one INPUT.

    Parameters
    ----------
    dims : int or None
        None where the kernel's rank tells.
    layer : NewLayer or None
        What is drawn in place of a kernel.
    groups : int or None
        None where every channel is a group.
    accumulate : str
        How floating-point results are summed.
    """

    name = "conv"

    def __init__(
        self,
        given: Operands,
        dims: int | None,
        layer: NewLayer | None,
        groups: int | None,
        accumulate: str,
        **geometry: Any,
    ) -> None:
        tensors, tensor = given.tensors, given.tensors["input"]
        self._dims = dims or (layer.dims if layer else usual_dims(tensors["kernel"]))
        self.layout = InputLayout.spatial(tensor.array.shape, self._dims, given.layout)
        channels = self.layout.to_operator(tensor.array).shape[max(self.layout.lead, 0)]
        self._depthwise = groups is None
        groups = channels if groups is None else groups
        self._geometry: dict[str, Any] = {**geometry, "groups": groups}
        self._accumulate = accumulate
        if layer:
            drawn = layer.draw(tensor, channels, groups, self._dims, header=given.headers)
            tensors = tensors | drawn
            self.note = f"seed {layer.seed}"
        self._draws, self._headers = layer is not None, not all(t.weak for t in tensors.values())
        arrays = given.arrays(tensors)
        self._image = self.layout.to_operator(arrays["input"])
        self._kernel, self._bias = arrays["kernel"], arrays.get("bias")

    @cached_property
    def _operands(self) -> tuple[Array, Array, Array | None]:
        channels = self._image.shape[max(self.layout.lead, 0)]
        weight = full_kernel(self._kernel, self._dims, channels, self._depthwise)
        return self._image, weight, self._bias

    def result(self) -> Array:
        result, _ = convolve(*self._operands, accumulate=self._accumulate, **self._geometry)
        return result

    def blocks(self) -> "BlockOperator":
        from cnnops_cli.blocks.conv import ConvBlocks

        image, weight, bias = self._operands
        return ConvBlocks.planned(
            image.shape,
            image.dtype,
            weight,
            bias,
            accumulate=self._accumulate,
            **self._geometry,
        )

    def explained(self) -> "tuple[Array, Explainer]":
        from cnnops_cli.explain.conv import conv_explainer

        result = self.result()
        return result, conv_explainer(*self._operands, result, **self._geometry)

    def estimate(self) -> "Estimate":
        from cnnops_cli.explain.estimators import estimate_conv

        return estimate_conv(
            *self._operands,
            accumulate=self._accumulate,
            headers=self._headers,
            **self._geometry,
        )

    def formulas(self, precision: int | None) -> "Formulas":
        from cnnops_cli.explain.formulas import conv_formulas

        return conv_formulas(*self._operands, precision, **self._geometry)

    def lesson(self, relu: bool) -> "LessonPlan":
        from cnnops_cli.lessons.conv import ConvLesson

        image, weight, bias = self._operands
        rank = self._kernel.ndim
        return ConvLesson(image, weight, bias, self.layout.axes, rank, relu=relu, **self._geometry)

    def writer(self, option: str, path: str) -> Writer:
        _, weight, bias = self._operands
        if Path(path).suffix not in _LAYERS:
            return array_writer(path, "weight", weight)
        return named_writer(path, {"weight": weight} | ({} if bias is None else {"bias": bias}))

    def sections(self) -> "list[Section]":
        from cnnops_cli.commands.result_view import in_words, input_section
        from cnnops_cli.ops.geometry import AXES
        from cnnops_cli.text.shapes import named_shape
        from cnnops_cli.views.sections import Section

        image, weight, bias = self._operands
        shapes = image.shape, weight.shape, None if bias is None else bias.shape
        padding = place_windows(*shapes, **self._geometry).padding
        words, axes = in_words(self._geometry, **_USUAL_GEOMETRY), AXES[self._dims]
        sections = [
            input_section(self.layout, image, padding, self._geometry["padding_mode"]),
            Section("kernel", [named_shape(("O", "I", *axes), weight.shape), *words], weight),
        ]
        if bias is not None:
            sections.append(
                Section("bias", [named_shape("O", bias.shape)] if bias.ndim else [], bias)
            )
        return sections

    def likely_cause(self) -> str:
        if self._draws:
            return ""
        from cnnops_cli.commands.layout_hints import of_input, of_kernel, of_picture

        layout, image, dims = self.layout, self._image, self._dims

        def check(shape: tuple[int, ...], kernel: Array = self._kernel) -> None:
            channels = shape[max(layout.lead, 0)]
            if self._depthwise and kernel.ndim == dims and shape != image.shape:
                of_picture(shape, layout.lead)
            weight = full_kernel(kernel, dims, channels, self._depthwise)
            groups = channels if self._depthwise else self._geometry["groups"]
            offsets = None if self._bias is None else self._bias.shape
            place_windows(shape, weight.shape, offsets, **self._geometry | {"groups": groups})

        cause = of_input(layout, image, check)
        if cause or self._kernel.ndim != dims + 2:
            return cause
        return of_kernel(self._kernel, lambda kernel: check(image.shape, kernel))
