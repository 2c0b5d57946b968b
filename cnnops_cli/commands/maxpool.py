"""`cnnops maxpool`."""

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from cnnops_cli import options, parsers
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.commands.run import run
from cnnops_cli.commands.validate import validate
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.geometry import per_axis
from cnnops_cli.ops.maxpool import maxpool as pool
from cnnops_cli.ops.maxpool import place_windows
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import array_suffixes
from cnnops_cli.tensors.write import Writer, array_writer
from cnnops_cli.words import series

if TYPE_CHECKING:
    from cnnops_cli.blocks.operator import BlockOperator
    from cnnops_cli.explain.estimate import Estimate
    from cnnops_cli.explain.explanation import Explainer
    from cnnops_cli.explain.formulas import Formulas
    from cnnops_cli.lessons.lesson_plan import LessonPlan
    from cnnops_cli.views.sections import Section


def maxpool(
    kernel_size: Annotated[
        Any,
        options.GEOMETRY.size(
            "--kernel --kernel-size -k",
            "The size of the window, such as 2 or 2,3. One number is for every axis. Required.",
        ),
    ] = None,
    stride: Annotated[
        Any,
        options.GEOMETRY.size(
            "--stride -s", "Elements from one window to the next. Default: the kernel size."
        ),
    ] = None,
    padding: Annotated[
        Any,
        options.GEOMETRY.padding(
            "SIZE, begin:end pairs, or a word such as same. Default 0. SIZE is for both "
            "sides, at most half of the dilated kernel; pairs such as 0:1,2:2 may be larger. The "
            "words are those of conv: valid, same (at stride 1), same-upper, same-lower. Padding "
            "is never the maximum."
        ),
    ] = "0",
    dilation: options.Dilation = "1",
    ceil_mode: Annotated[
        bool,
        options.GEOMETRY.flag(
            "--ceil-mode",
            "Keep a last window that reaches beyond the end, if it starts before the end padding.",
        ),
    ] = False,
    dims: Annotated[
        int | None,
        options.GEOMETRY.dims(
            "The number of spatial axes. Default: as many as --kernel has numbers, 2 where it "
            "has one."
        ),
    ] = None,
    indices: Annotated[
        str | None,
        options.SHARED.file(
            "--indices",
            f"Write where each maximum is to FILE. It is {series(array_suffixes())}: "
            "int64, flat in each channel's plane without padding. For a Zarr INPUT it is .zarr.",
            parsers.parse_result_file,
        ),
    ] = None,
    with_input: options.WithInput = False,
    relu: options.Relu = False,
    inputs: options.Inputs = None,
    *,
    settings: Settings,
) -> None:
    """Take the largest value of each window, channel by channel.

        cnnops maxpool --kernel 2,2 --stride 1,2 input.npy
        cnnops maxpool -k 3 -s 2 -p 1 --indices where.npy x.npy -o y.npy
        echo '[3, 1, 2, 5]' | cnnops maxpool -k 2 --dims 1
        cat tensors.jsonl | cnnops maxpool -k 2 --lines

    INPUT is (*spatial), (C, *spatial) or (N, C, *spatial), and the result has the same rank and
    dtype, as PyTorch's max_pool2d. NaN wins over every number. A window that lies wholly in padding
    is an error. Letters in INPUT take the place of numbers, and give formulas: '[[a,b],[c,d]]'.
    """
    if kernel_size is None:
        raise CnnopsError("maxpool needs --kernel SIZE, such as -k 2 or -k 2,3")
    call = validate(
        Call(settings, inputs, files={"indices": indices}, with_input=with_input, relu=relu)
    )
    dims_of_window = parsers.dims_of("--kernel", kernel_size) if dims is None else dims
    run(
        MaxPooling,
        call,
        size=per_axis(kernel_size, dims_of_window, "kernel", minimum=1),
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )


class MaxPooling(Operation):
    """Max pooling of one INPUT."""

    name = "maxpool"

    def __init__(self, given: Operands, size: tuple[int, ...], **geometry: Any) -> None:
        array = given.arrays()["input"]
        self.layout = InputLayout.spatial(array.shape, len(size), given.layout)
        self._image = self.layout.to_operator(array)
        self._size = size
        self._geometry = geometry
        self._finds_indices = "indices" in given.writes

    @cached_property
    def _values_and_indices(self) -> tuple[Array, Array]:
        values, indices = pool(self._image, self._size, return_indices=True, **self._geometry)
        return values, indices

    def result(self) -> Array:
        if self._finds_indices:
            return self._values_and_indices[0]
        values: Array = pool(self._image, self._size, **self._geometry)
        return values

    def blocks(self) -> "BlockOperator":
        from cnnops_cli.blocks.maxpool import MaxpoolBlocks

        return MaxpoolBlocks.planned(
            self._image.shape,
            self._image.dtype,
            self._size,
            return_indices=self._finds_indices,
            **self._geometry,
        )

    def explained(self) -> "tuple[Array, Explainer]":
        from cnnops_cli.explain.maxpool import maxpool_explainer

        values, indices = self._values_and_indices
        return values, maxpool_explainer(self._image, self._size, values, indices, **self._geometry)

    def estimate(self) -> "Estimate":
        from cnnops_cli.explain.estimators import estimate_maxpool

        return estimate_maxpool(self._image, self._size, **self._geometry)

    def formulas(self, precision: int | None) -> "Formulas":
        from cnnops_cli.explain.formulas import maxpool_formulas

        return maxpool_formulas(self._image, self._size, precision, **self._geometry)

    def lesson(self, relu: bool) -> "LessonPlan":
        from cnnops_cli.lessons.maxpool import MaxpoolLesson

        axes = self.layout.axes
        return MaxpoolLesson(self._image, self._size, axes, relu=relu, **self._geometry)

    def writer(self, option: str, path: str) -> Writer:
        indices = self.layout.from_operator(self._values_and_indices[1])
        return array_writer(path, option, indices)

    def sections(self) -> "list[Section]":
        from cnnops_cli.commands.result_view import in_words, input_section
        from cnnops_cli.text.shapes import sizes_in_words
        from cnnops_cli.views.sections import Section

        windows = place_windows(self._image.shape, self._size, **self._geometry)
        stride = self._geometry["stride"]
        steps = self._geometry | {"stride": self._size if stride is None else stride}
        usual = {"padding": 0, "dilation": 1, "ceil_mode": False}
        return [
            input_section(self.layout, self._image, windows.padding, sign="-"),
            Section("window", [sizes_in_words(self._size), *in_words(steps, **usual)]),
        ]

    def likely_cause(self) -> str:
        from cnnops_cli.commands.layout_hints import of_input, of_picture

        def check(shape: tuple[int, ...]) -> None:
            place_windows(shape, self._size, **self._geometry)
            if shape != self._image.shape:
                of_picture(shape, self.layout.lead)

        return of_input(self.layout, self._image, check)
