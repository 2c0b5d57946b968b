"""`cnnops maxpool`."""

from typing import Annotated, Any

from cnnops_cli import options, parsers
from cnnops_cli.commands.delivery import Delivery
from cnnops_cli.commands.operands import Form, check_letters, computing
from cnnops_cli.commands.run import run
from cnnops_cli.commands.settle import settle
from cnnops_cli.commands.view import in_words, sizes_in_words
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.geometry import per_axis
from cnnops_cli.ops.maxpool import maxpool as pool
from cnnops_cli.ops.maxpool import place_windows
from cnnops_cli.options import Settings
from cnnops_cli.tensors.read import Reading
from cnnops_cli.tensors.tensor import Tensor, unify
from cnnops_cli.tensors.write import array_writer
from cnnops_cli.words import PADDING_WORDS


def maxpool(
    kernel_size: Annotated[
        Any,
        options.geometry_option(
            "--kernel",
            "--kernel-size",
            "-k",
            metavar="SIZE",
            parser=parsers.parse_size,
            help="Cells of the window, as 2 or 2,3. One number is for every axis. Required.",
        ),
    ] = None,
    stride: Annotated[
        Any,
        options.geometry_option(
            "--stride",
            "-s",
            metavar="SIZE",
            parser=parsers.parse_size,
            help="Cells from one window to the next. Default: the kernel size.",
        ),
    ] = None,
    padding: Annotated[
        Any,
        options.geometry_option(
            "--padding",
            "-p",
            metavar="PAD",
            parser=parsers.parse_padding,
            autocompletion=parsers.completing(PADDING_WORDS),
            help="As SIZE, begin:end pairs, or a word such as same. SIZE is for both sides, at "
            "most half of the dilated kernel; pairs, as 0:1,2:2, may be larger; the words are "
            "conv's: valid, same (at stride 1), same-upper, same-lower. Padding is never the "
            "maximum. Default 0.",
        ),
    ] = "0",
    dilation: options.Dilation = "1",
    ceil_mode: Annotated[
        bool,
        options.geometry_option(
            "--ceil-mode",
            help="Keep a last window that reaches beyond the end, if it starts before the end "
            "padding.",
        ),
    ] = False,
    dims: Annotated[
        int | None,
        options.geometry_option(
            "--dims",
            metavar="1|2|3",
            parser=parsers.parse_dimensions,
            help="How many spatial axes. Default: as many as --kernel has numbers, 2 where it has "
            "one.",
        ),
    ] = None,
    indices: Annotated[
        str | None,
        options.shared_option(
            "--indices",
            metavar="FILE",
            parser=parsers.parse_array_file,
            help="Write where each maximum stands to FILE. It is .npy, .npz or .json: int64, flat "
            "in each channel's plane without padding.",
        ),
    ] = None,
    with_input: options.WithInput = False,
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
    is an error. Letters in INPUT stand for numbers, and give formulas: '[[a,b],[c,d]]'.
    """
    if kernel_size is None:
        raise CnnopsError("maxpool needs --kernel SIZE, such as -k 2 or -k 2,3")
    settings = settle(settings, inputs, indices=indices, with_input=with_input)
    dims_of_window = parsers.dims_of("--kernel", kernel_size) if dims is None else dims
    size = per_axis(kernel_size, dims_of_window, "kernel", minimum=1)

    def pool_input(tensors: dict[str, Tensor]) -> Delivery:
        letters = check_letters(tensors, settings, indices=indices, with_input=with_input)
        with computing(settings, tensors) as hints:
            array = unify(tensors, settings.dtype)["input"]
            form = Form.spatial(array.shape, dims_of_window, settings.layout)
            image = form.to_operator(array)
            geometry: dict[str, Any] = {
                "stride": stride,
                "padding": padding,
                "dilation": dilation,
                "ceil_mode": ceil_mode,
            }
            hints.append(lambda: _layout_hint(form, image, size, geometry))
            if settings.dry_run:
                from cnnops_cli.explain.estimators import estimate_maxpool

                return Delivery.planned("maxpool", estimate_maxpool(image, size, **geometry), form)
            if letters:
                from cnnops_cli.explain.formulas import maxpool_formulas

                formulas = maxpool_formulas(image, size, settings.precision, **geometry)
                return Delivery.of_formulas("maxpool", formulas, form, settings)
            found: tuple[Array, ...]
            if indices is None and not settings.explain:
                found = (pool(image, size, **geometry),)
            else:
                found = pool(image, size, return_indices=True, **geometry)
        values, *positions = found
        delivery = Delivery("maxpool", values, form)
        if settings.explain:
            from cnnops_cli.explain.maxpool import maxpool_cells

            delivery.cells = maxpool_cells(image, size, values, positions[0], **geometry)
        if indices is not None:
            delivery.files[indices] = array_writer(
                indices, "indices", form.from_operator(positions[0])
            )
        if with_input:
            from cnnops_cli.views.sections import Section

            steps = geometry | {"stride": size if stride is None else stride}
            usual = {"padding": 0, "dilation": 1, "ceil_mode": False}
            window = [sizes_in_words(size), *in_words(steps, **usual)]
            delivery.operands = [
                Section("input", [form.shape_in_words(image)], form.planes(image)),
                Section("window", window),
            ]
        return delivery

    run("maxpool", pool_input, settings, inputs, reading=Reading(letters=True))


def _layout_hint(form: Form, image: Array, size: tuple[int, ...], geometry: dict[str, Any]) -> str:
    from cnnops_cli.commands.layouts import of_input, of_picture

    def check(shape: tuple[int, ...]) -> None:
        place_windows(shape, size, **geometry)
        if shape != image.shape:
            of_picture(shape, form.lead)

    return of_input(form, image, check)
