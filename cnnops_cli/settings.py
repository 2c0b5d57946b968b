"""The options that every command has, and how it gets them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, NamedTuple

from cnnops_cli.options import BATCH, CHECK, EXPLANATION, SHARED, ZARR
from cnnops_cli.parsers import (
    parse_chunks,
    parse_index,
    parse_output,
    parse_page_file,
    parse_scheduler,
    parse_tolerance,
    parse_view_file,
)
from cnnops_cli.tensors.formats import (
    array_suffixes,
    headers_in_words,
    member_suffixes,
    pictures_in_words,
)
from cnnops_cli.words import DTYPES, FORMATS, LAYOUTS, series

_ARRAYS = array_suffixes()
_OUTPUT_FILE = series([*_ARRAYS, f"a picture ({pictures_in_words()})"])
_GOLDEN_FILE = ", or ".join([", ".join(_ARRAYS), *(f"archive{s}:name" for s in member_suffixes())])

_MOST_DECIMALS = 400
"""More than the smallest double has."""


class Settings(NamedTuple):
    """The values of the options that every command has."""

    output: Annotated[
        str | None,
        SHARED.option(
            "--output -o",
            f"Write the result to FILE, whole or not at all. FILE is {_OUTPUT_FILE}, or - for "
            "standard output. Standard output stays empty then, unless --format is given. A "
            "device, a pipe or a descriptor (/dev/fd/3) takes JSON, or what --format says. "
            "DIRECTORY/ is made where it is missing. A result has the name of its INPUT there: "
            "dir/x.json goes to DIRECTORY/x.json, w.npz:name to DIRECTORY/name.npy. A name without "
            "a suffix of these gets .npy. The result of a Zarr INPUT is a Zarr array, as "
            "y.zarr.",
            metavar="FILE|DIRECTORY/",
            parser=parse_output,
        ),
    ] = None
    format: Annotated[
        str,
        SHARED.choice(
            "--format -f",
            FORMATS,
            "table (the view), json or npy on standard output. auto, the default, is a view "
            "on a terminal and JSON elsewhere. npy to a terminal is refused.",
        ),
    ] = "auto"
    precision: Annotated[
        int | None,
        SHARED.integer(
            "--precision",
            "Decimals in JSON and in the view; .npy and .npz keep every bit. Without it JSON "
            "does too, in the shortest text that reads back equal; --explain and --lesson round "
            "operands to three.",
            0,
            _MOST_DECIMALS,
        ),
    ] = None
    dtype: Annotated[
        str | None,
        SHARED.choice(
            "--dtype",
            DTYPES,
            "Convert every tensor first: float16, float32, float64, int8 to int64, uint8 to "
            "uint64, bool (as uint8). Fractions are cut off towards zero; a value that does not "
            "fit is an error.",
            metavar="NAME",
        ),
    ] = None
    layout: Annotated[
        str,
        SHARED.choice(
            "--layout",
            LAYOUTS,
            "Where INPUT and the result have their channels: (N, C, *spatial), the default, "
            "or (N, *spatial, C). Kernels stay (O, I/groups, *spatial).",
        ),
    ] = "channels-first"
    threads: Annotated[
        int | None,
        SHARED.integer(
            "--threads",
            "Compute on N threads; by default on all cores that this process may use. The "
            "result does not depend on it.",
            1,
        ),
    ] = None
    quiet: Annotated[
        bool,
        SHARED.flag(
            "--quiet -q",
            "No view, no summary and no progress bar: the result (JSON, where --format is "
            "auto), errors and the exit status only.",
        ),
    ] = False
    no_color: Annotated[
        bool,
        SHARED.flag(
            "--no-color",
            "No colour in the view. NO_COLOR, FORCE_COLOR, TERM=dumb, COLUMNS and LINES are "
            "obeyed; COLORTERM=truecolor gives 24-bit colours.",
        ),
    ] = False
    lines: Annotated[
        bool,
        BATCH.flag(
            "--lines",
            "Every line of standard input is one JSON tensor, and is answered by one line of "
            "JSON at once, so that the command can be a co-process. A line that is wrong, or "
            "blank, ends it with status 2. Other tensors are read once.",
        ),
    ] = False
    keep_going: Annotated[
        bool,
        BATCH.flag(
            "--keep-going",
            "Answer a line that is wrong with null, name it on standard error, go on, and end "
            "with status 2. Several INPUT files do so in any case: the results of the others are "
            "written.",
        ),
    ] = False
    output_chunks: Annotated[
        Any,
        ZARR.option(
            "--output-chunks",
            "The chunks of the result, one length per axis, such as 1,8,64,64. By default as many "
            "samples as INPUT's, all channels up to 64, and ceil(chunk / stride) spatially.",
            metavar="SIZES",
            parser=parse_chunks,
        ),
    ] = None
    overwrite: Annotated[
        bool,
        ZARR.flag(
            "--overwrite",
            "Replace a Zarr array that is at --output, when the new one is whole. Nothing in an "
            "object store is replaced.",
        ),
    ] = False
    scheduler: Annotated[
        str | None,
        ZARR.option(
            "--scheduler",
            "Compute on the workers of the Dask scheduler at ADDRESS, such as tcp://host:8786. By "
            "default blocks are computed on the threads of this machine.",
            metavar="ADDRESS",
            parser=parse_scheduler,
        ),
    ] = None
    expect: Annotated[
        str | None,
        CHECK.tensor(
            "--expect",
            "Compare the result with TENSOR. Exit status 0 where shape, dtype and values are "
            "equal, 1 where not, and standard error says how. JSON takes the result's dtype; "
            "--dtype leaves TENSOR as it is. The result is printed only with --output or --format; "
            "files are written whether it is equal or not. --quiet: the status alone. Two files: "
            "cnnops dropout --eval mine.npy --expect golden.npy.",
        ),
    ] = None
    rtol: Annotated[
        float | None,
        CHECK.number(
            "--rtol",
            "Equal is |result - expected| <= atol + rtol * |expected|. Default 1e-3 for "
            "float16, 1.3e-6 for float32, 1e-7 for float64, 0 for integers, and 0 where only "
            "--atol is given.",
            parse_tolerance,
        ),
    ] = None
    atol: Annotated[
        float | None,
        CHECK.number(
            "--atol",
            "Default 1e-5 for float16 and float32, 1e-7 for float64, 0 for integers, and 0 "
            "where only --rtol is given.",
            parse_tolerance,
        ),
    ] = None
    ulp: Annotated[
        int | None,
        CHECK.integer("--ulp", "Instead of both: equal is at most N representable values apart."),
    ] = None
    equal_nan: Annotated[
        bool | None,
        CHECK.flag(
            "--equal-nan/--no-equal-nan", "Whether NaN is equal to NaN. Default: it is not."
        ),
    ] = None
    update_expected: Annotated[
        bool,
        CHECK.flag(
            "--update-expected",
            "Where the result is not equal, write it to the FILE that --expect names "
            f"({_GOLDEN_FILE}, whose other arrays stay), whole or not at all, and say what "
            "changed; exit status 0. NaN counts as equal to NaN here.",
        ),
    ] = False

    view: Annotated[
        str | None,
        SHARED.file(
            "--view",
            "Write the view to FILE as well, whatever standard output is: .svg or .html in "
            "colour, .txt without. It refers to nothing outside itself. It has at most 120 columns "
            "(.txt 80) and 48 lines of text, or as COLUMNS and LINES say. In .svg and .html a "
            "plane too large for numbers is a picture with a cell for each value, of at most "
            "65,536 cells, and 131,072 with the other planes; of more values, a cell is a mean.",
            parse_view_file,
        ),
    ] = None
    stretch: Annotated[
        bool,
        SHARED.flag(
            "--stretch",
            "In a picture, bring the least value to 0 and the largest to 255; alpha, the last "
            "of 2 or 4 channels, is left out. Otherwise values are rounded, and clipped to 0 and "
            "255.",
        ),
    ] = False
    explain: Annotated[
        bool,
        EXPLANATION.flag(
            "--explain",
            "Show the arithmetic behind the result instead. It goes element by element: the "
            "first 12, or those of --at. JSON has one object per element, each on a line. --output "
            "still writes the result, and --view what a terminal would show, as long as it is. "
            "For one INPUT, without --expect.",
        ),
    ] = False
    at: Annotated[
        list[Any] | None,
        EXPLANATION.option(
            "--at",
            "Explain this element of the result. INDEX has one number per axis, such as "
            "0,0,1,2; negative ones count from the end, and : is for all of an axis, as 0,0,:,2. "
            "Repeat it for more elements.",
            metavar="INDEX",
            parser=parse_index,
        ),
    ] = None
    lesson: Annotated[
        str | None,
        EXPLANATION.file(
            "--lesson",
            "Write a page that shows every step to FILE, .html. It is interactive, for a browser, "
            "and refers to nothing outside itself. The result goes where it does otherwise. For "
            "one INPUT, of at most 20,000 elements with padding, kernel and result, and 200,000 "
            "terms.",
            parse_page_file,
        ),
    ] = None
    dry_run: Annotated[
        bool,
        EXPLANATION.flag(
            "--dry-run",
            "Compute nothing; show the result's shape and how it follows, the algorithm, the "
            f"multiply-adds and the memory. Of {headers_in_words()}, only the headers are read. "
            "For one INPUT, without options that write a file; those of a Zarr INPUT may stay.",
        ),
    ] = False

    def given_zarr_options(self) -> list[str]:
        """Name the options for Zarr arrays that were given."""
        given = {
            "--output-chunks": self.output_chunks is not None,
            "--overwrite": self.overwrite,
            "--scheduler": self.scheduler is not None,
        }
        return [option for option, is_given in given.items() if is_given]

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
