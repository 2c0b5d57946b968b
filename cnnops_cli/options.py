"""The groups of options in `--help`, and the options that several commands have."""

from typing import Annotated, Any

import typer

from cnnops_cli.option_kinds import OptionGroup
from cnnops_cli.tensors.formats import members_in_words, pictures_in_words
from cnnops_cli.words import series

SHARED = OptionGroup("Input and output")
BATCH = OptionGroup("Many tensors")
ZARR = OptionGroup("Zarr")
GEOMETRY = OptionGroup("Geometry")
CHECK = OptionGroup("Check")
EXPLANATION = OptionGroup("Explanation")

_PICTURE = f"a picture ({pictures_in_words()}, read as (C, H, W); needs pip install pillow)"
_INPUT_FILE = series([*members_in_words(), _PICTURE])

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...",
        show_default=False,
        rich_help_panel=SHARED.title,
        help="A file, JSON text, or - for standard input. The default is -. A file is "
        f"{_INPUT_FILE}. JSON text is, for example, '[[1,2],[3,4]]'. JSON numbers take the dtype "
        "of the array files they meet. Several files need -o DIRECTORY/. A Zarr array (x.zarr, "
        "x.zarr/PATH or a URL) is computed in blocks, and needs -o y.zarr.",
    ),
]

Dilation = Annotated[
    Any,
    GEOMETRY.size(
        "--dilation -d", "Elements of INPUT from one element of the kernel to the next. Default 1."
    ),
]


WithInput = Annotated[
    bool,
    SHARED.flag(
        "--with-input",
        "Show INPUT too in the view, and the kernel, the window, the statistics and parameters, or "
        "the mask. They are next to the result where the width allows it. In 1-D and 2-D, padding "
        "is drawn around at most 4096 values that are all shown as numbers; elsewhere the view "
        "says that it is not drawn.",
    ),
]


Relu = Annotated[
    bool,
    SHARED.flag(
        "--relu",
        "Replace negative values of the result by 0. It is done before the result is written, "
        "shown or compared. NaN stays NaN.",
    ),
]
