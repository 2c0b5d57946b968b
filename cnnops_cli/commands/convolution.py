"""What `cnnops conv` can do with one INPUT."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.commands.kernel_form import full_kernel, usual_dims
from cnnops_cli.commands.new_layer import NewLayer
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.dtypes import Array
from cnnops_cli.ops.conv import convolve, place_windows
from cnnops_cli.tensors.formats import member_suffixes
from cnnops_cli.tensors.write import Writer, array_writer, named_writer

if TYPE_CHECKING:
    from cnnops_cli.blocks.operator import BlockOperator
    from cnnops_cli.explain.estimate import Estimate
    from cnnops_cli.explain.explanation import Explainer
    from cnnops_cli.explain.formulas import Formulas
    from cnnops_cli.lessons.lesson_plan import LessonPlan
    from cnnops_cli.views.sections import Section

_USUAL_GEOMETRY = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "padding_mode": "zeros",
}


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
        notes = []
        if layer:
            drawn = layer.draw(tensor, channels, groups, self._dims, header=given.headers)
            tensors = tensors | drawn
            notes.append(f"seed {layer.seed}")
        self._draws, self._headers = layer is not None, not all(t.weak for t in tensors.values())
        arrays = given.arrays(tensors)
        self._image = self.layout.to_operator(arrays["input"])
        self._kernel, self._bias = arrays["kernel"], arrays.get("bias")
        if accumulate != "exact" and any(array.dtype.kind == "f" for array in arrays.values()):
            notes.append(f"accumulate {accumulate}")
        self.note = "  ".join(notes)

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
        return ConvLesson(
            image,
            weight,
            bias,
            self.layout.axes,
            rank,
            relu=relu,
            accumulate=self._accumulate,
            **self._geometry,
        )

    def writer(self, option: str, path: str) -> Writer:
        _, weight, bias = self._operands
        if Path(path).suffix not in member_suffixes():
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
