"""The options that commands share."""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Annotated, Any, NamedTuple

import typer

from cnnops_cli.parsers import (
    completing,
    integer_from,
    one_of,
    parse_index,
    parse_output,
    parse_size,
    parse_tolerance,
    parse_view_file,
)
from cnnops_cli.tensors.formats import (
    array_suffixes,
    headers_in_words,
    member_suffixes,
    members_in_words,
    pictures_in_words,
)
from cnnops_cli.words import DTYPES, FORMATS, LAYOUTS, series

_SHARED = "Input and output"
_ARRAYS, _PICTURES = array_suffixes(), pictures_in_words()
_PICTURE_READ = f"a picture ({_PICTURES}, read as (C, H, W); needs pip install pillow)"
_INPUT_FILE = series([*members_in_words(), _PICTURE_READ])
_OUTPUT_FILE = series([*_ARRAYS, f"a picture ({_PICTURES})"])
_GOLDEN_FILE = ", or ".join([", ".join(_ARRAYS), *(f"archive{s}:name" for s in member_suffixes())])

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...",
        show_default=False,
        rich_help_panel=_SHARED,
        help="A file, JSON text, or - for standard input. The default is -. A file is "
        f"{_INPUT_FILE}. JSON text is, for example, '[[1,2],[3,4]]'. JSON numbers take the dtype "
        "of the array files they meet. Several files need -o DIRECTORY/.",
    ),
]

_MOST_DECIMALS = 400
"""More than the smallest double has."""


def in_section(title: str) -> Callable[..., Any]:
    """Make options of one section of `--help`."""
    return partial(typer.Option, rich_help_panel=title, show_default=False)


shared_option = in_section(_SHARED)
batch_option = in_section("Many tensors")
geometry_option = in_section("Geometry")
check_option = in_section("Check")
explanation_option = in_section("Explanation")


def choice_option(
    name: str,
    words: tuple[str, ...],
    *names: str,
    section: Callable[..., Any] = shared_option,
    **settings: Any,
) -> Any:
    """Make an option that takes one of several words: its metavar, its check and its completion."""
    subject = name.removeprefix("--").replace("-", " ")
    settings = {"metavar": "|".join(words)} | settings
    return section(
        name, *names, parser=one_of(subject, words), autocompletion=completing(words), **settings
    )


Dilation = Annotated[
    Any,
    geometry_option(
        "--dilation", "-d",
        metavar="SIZE",
        parser=parse_size,
        help="Elements of INPUT from one element of the kernel to the next. Default 1.",
    ),
]  # fmt: skip


WithInput = Annotated[
    bool,
    shared_option(
        "--with-input",
        help="Show INPUT and the kernel in the view too. They are next to the result where the "
        "width allows it.",
    ),
]


Relu = Annotated[
    bool,
    shared_option(
        "--relu",
        help="Replace negative values of the result by 0. It is done before the result is written, "
        "shown or compared. NaN stays NaN.",
    ),
]


class Settings(NamedTuple):
    """The options that every command has."""

    output: Annotated[
        str | None,
        shared_option(
            "--output", "-o",
            metavar="FILE|DIRECTORY/",
            parser=parse_output,
            help=f"Write the result to FILE, whole or not at all. FILE is {_OUTPUT_FILE}, or - for "
            "standard output. Standard output stays empty then, unless --format is given. A "
            "device, a pipe or a descriptor (/dev/fd/3) takes JSON, or what --format says. "
            "DIRECTORY/ is made where it is missing. A result has the name of its INPUT there: "
            "dir/x.json goes to DIRECTORY/x.json, w.npz:name to DIRECTORY/name.npy. A name without "
            "a suffix of these gets .npy.",
        ),
    ] = None  # fmt: skip
    format: Annotated[
        str,
        choice_option(
            "--format", FORMATS, "-f",
            help="table (the view), json or npy on standard output. auto, the default, is a view "
            "on a terminal and JSON elsewhere. npy to a terminal is refused.",
        ),
    ] = "auto"  # fmt: skip
    precision: Annotated[
        int | None,
        shared_option(
            metavar="N",
            parser=integer_from(0, _MOST_DECIMALS),
            help="Decimals in JSON and in the view; .npy and .npz keep every bit. Without it JSON "
            "does too, in the shortest text that reads back equal.",
        ),
    ] = None
    dtype: Annotated[
        str | None,
        choice_option(
            "--dtype",
            DTYPES,
            metavar="NAME",
            help="Convert every tensor first: float16, float32, float64, int8 to int64, uint8 to "
            "uint64, bool (as uint8). Fractions are cut off towards zero; a value that does not "
            "fit is an error.",
        ),
    ] = None
    layout: Annotated[
        str,
        choice_option(
            "--layout",
            LAYOUTS,
            help="Where INPUT and the result have their channels: (N, C, *spatial), the default, "
            "or (N, *spatial, C). Kernels stay (O, I/groups, *spatial).",
        ),
    ] = "channels-first"
    threads: Annotated[
        int | None,
        shared_option(
            metavar="N",
            parser=integer_from(1),
            help="Compute on N threads; by default on all cores that this process may use. The "
            "result does not depend on it.",
        ),
    ] = None
    quiet: Annotated[
        bool,
        shared_option(
            "--quiet", "-q",
            help="No view, no summary and no progress bar: the result (JSON, where --format is "
            "auto), errors and the exit status only.",
        ),
    ] = False  # fmt: skip
    no_color: Annotated[
        bool,
        shared_option(
            "--no-color",
            help="No colour in the view. NO_COLOR, FORCE_COLOR, TERM=dumb, COLUMNS and LINES are "
            "obeyed.",
        ),
    ] = False
    lines: Annotated[
        bool,
        batch_option(
            "--lines",
            help="Every line of standard input is one JSON tensor, and is answered by one line of "
            "JSON at once, so that the command can be a co-process. A line that is wrong, or "
            "blank, ends it with status 2. Other tensors are read once.",
        ),
    ] = False
    keep_going: Annotated[
        bool,
        batch_option(
            "--keep-going",
            help="Answer a line that is wrong with null, name it on standard error, go on, and end "
            "with status 2. Several INPUT files do so in any case: the results of the others are "
            "written.",
        ),
    ] = False
    expect: Annotated[
        str | None,
        check_option(
            "--expect",
            metavar="TENSOR",
            help="Compare the result with TENSOR. Exit status 0 where shape, dtype and values are "
            "equal, 1 where not, and standard error says how. JSON takes the result's dtype; "
            "--dtype leaves TENSOR as it is. The result is printed only with --output or --format; "
            "files are written whether it is equal or not. --quiet: the status alone. Two files: "
            "cnnops dropout --eval mine.npy --expect golden.npy.",
        ),
    ] = None
    rtol: Annotated[
        float | None,
        check_option(
            "--rtol",
            metavar="X",
            parser=parse_tolerance,
            help="Equal is |result - expected| <= atol + rtol * |expected|. Default 1e-3 for "
            "float16, 1.3e-6 for float32, 1e-7 for float64, 0 for integers, and 0 where only "
            "--atol is given.",
        ),
    ] = None
    atol: Annotated[
        float | None,
        check_option(
            "--atol",
            metavar="X",
            parser=parse_tolerance,
            help="Default 1e-5 for float16 and float32, 1e-7 for float64, 0 for integers, and 0 "
            "where only --rtol is given.",
        ),
    ] = None
    ulp: Annotated[
        int | None,
        check_option(
            "--ulp",
            metavar="N",
            parser=integer_from(0),
            help="Instead of both: equal is at most N representable values apart.",
        ),
    ] = None
    equal_nan: Annotated[
        bool | None,
        check_option(
            "--equal-nan/--no-equal-nan",
            help="Whether NaN is equal to NaN. Default: it is not.",
        ),
    ] = None
    update_expected: Annotated[
        bool,
        check_option(
            "--update-expected",
            help="Where the result is not equal, write it to the FILE that --expect names "
            f"({_GOLDEN_FILE}, whose other arrays stay), whole or not at all, and say what "
            "changed; exit status 0. NaN counts as equal to NaN here.",
        ),
    ] = False

    view: Annotated[
        str | None,
        shared_option(
            "--view",
            metavar="FILE",
            parser=parse_view_file,
            help="Write the view to FILE as well, whatever standard output is: .svg or .html in "
            "colour, .txt without. It is at most 80 columns by 48 lines, or as COLUMNS and LINES "
            "say, and refers to nothing outside itself.",
        ),
    ] = None
    stretch: Annotated[
        bool,
        shared_option(
            "--stretch",
            help="In a picture, bring the least value to 0 and the largest to 255; alpha, the last "
            "of 2 or 4 channels, is left out. Otherwise values are rounded, and clipped to 0 and "
            "255.",
        ),
    ] = False
    explain: Annotated[
        bool,
        explanation_option(
            "--explain",
            help="Show the arithmetic behind the result instead. It goes element by element: the "
            "first 12, or those of --at. JSON has one object per element, each on a line. --output "
            "still writes the result. For one INPUT, without --view and --expect.",
        ),
    ] = False  # fmt: skip
    at: Annotated[
        list[Any] | None,
        explanation_option(
            "--at",
            metavar="INDEX",
            parser=parse_index,
            help="Explain this element of the result. INDEX has one number per axis, such as "
            "0,0,1,2; negative ones count from the end. Repeat it for more elements.",
        ),
    ] = None
    dry_run: Annotated[
        bool,
        explanation_option(
            "--dry-run",
            help="Compute nothing; show the result's shape and how it follows, the algorithm, the "
            f"multiply-adds and the memory. Of {headers_in_words()}, only the headers are read. "
            "For one INPUT, without options that write a file.",
        ),
    ] = False  # fmt: skip

    def given_check_options(self) -> list[str]:
        """Name the options of a check that were given."""
        given = {
            "--expect": self.expect is not None,
            "--rtol": self.rtol is not None,
            "--atol": self.atol is not None,
            "--ulp": self.ulp is not None,
            "--equal-nan": self.equal_nan is True,
            "--no-equal-nan": self.equal_nan is False,
            "--update-expected": self.update_expected,
        }
        return [option for option, is_given in given.items() if is_given]


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Settings`, which it takes as one argument, `settings`."""
    shared = inspect.signature(Settings).parameters
    own = inspect.signature(command).parameters
    parameters = [p for p in own.values() if p.name != "settings"]
    parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in shared.values()]

    @wraps(command)
    def wrapped(**options: Any) -> None:
        settings = Settings(**{name: options.pop(name) for name in shared})
        command(**options, settings=settings)

    del wrapped.__wrapped__
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapped
