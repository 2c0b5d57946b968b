"""The options that commands share, and how the text of an option becomes a value.

Every word, size and path is checked here, before anything is read.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import typer

from cnnops_cli.errors import CnnopsError
from cnnops_cli.words import (
    DTYPES,
    FORMATS,
    LAYOUTS,
    PADDING_WORDS,
    SUFFIXES,
    check_word,
    suggest,
)

Value = TypeVar("Value")

Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        show_default=False,
        help="A .npy file, archive.npz:name, a .json file, JSON text such as '[[1,2],[3,4]]', or - "
        "for standard input (JSON or .npy), which is also the default. JSON numbers take the dtype "
        "of the array files they meet.",
    ),
]

_MOST_DECIMALS = 400
"""More than the smallest double has."""

_INTEGER = re.compile(r"[+-]?\d{1,99}")


def in_section(title: str) -> Callable[..., Any]:
    """Make options that stand in one section of `--help`."""
    return partial(typer.Option, rich_help_panel=title, show_default=False)


shared_option = in_section("Input and output")
geometry_option = in_section("Geometry")
explanation_option = in_section("Explanation")


def parser(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Make what `parse` refuses an error of the option that it parses for."""

    @wraps(parse)
    def checked(text: str) -> Value:
        try:
            return parse(text)
        except CnnopsError as error:
            raise typer.BadParameter(str(error)) from error

    return checked


@parser
def parse_size(text: str) -> int | tuple[int, ...]:
    """Parse SIZE: ``2`` or ``1,2``."""
    items = [item.strip() for item in text.split(",")]
    if not all(map(_INTEGER.fullmatch, items)):
        raise CnnopsError(f"{text!r} is not a size: an integer such as 2, or one an axis, as 1,2")
    numbers = tuple(map(int, items))
    return numbers if len(numbers) > 1 else numbers[0]


def dims_of(option: str, kernel_size: int | Sequence[int]) -> int:
    """Tell how many spatial axes a kernel size has; two where it is one integer.

    Raises
    ------
    CnnopsError
        If it has more than three.
    """
    dims = 2 if isinstance(kernel_size, int) else len(kernel_size)
    if dims > 3:
        raise CnnopsError(f"{option} has {dims} sizes; accepted are one to three, one an axis")
    return dims


@parser
def parse_padding(text: str) -> int | str | tuple[int, ...] | tuple[tuple[int, int], ...]:
    """Parse PAD: SIZE, a word, or ``begin:end`` pairs."""
    if re.search(r"[A-Za-z]", text):
        check_word("padding", text, PADDING_WORDS, ", a size as 1,2, or begin:end pairs as 0:1,2:2")
        return text
    if ":" not in text:
        return parse_size(text)
    pairs = [[side.strip() for side in pair.split(":")] for pair in text.split(",")]
    if not all(len(pair) == 2 and all(map(_INTEGER.fullmatch, pair)) for pair in pairs):
        raise CnnopsError(
            f"{text!r} is not begin:end pairs, one for all axes or one an axis: 0:1,2:2"
        )
    return tuple((int(begin), int(end)) for begin, end in pairs)


@parser
def parse_index(text: str) -> tuple[int, ...]:
    """Parse INDEX: ``3`` or ``0,-1``."""
    items = [item.strip() for item in text.split(",")]
    if not all(map(_INTEGER.fullmatch, items)):
        raise CnnopsError(f"{text!r} is not an index: one integer an axis of the result, as 0,1,2")
    return tuple(map(int, items))


@parser
def parse_real(text: str) -> float:
    """Parse a number."""
    return _number(text, "is not a number, such as 0.5 or 1e-5")


@parser
def parse_momentum(text: str) -> float | None:
    """Parse ``--momentum``: a number, or ``none``."""
    if text == "none":
        return None
    return _number(text, "is neither a number from 0 to 1 nor none", words=("none",))


def _number(text: str, otherwise: str, words: tuple[str, ...] = ()) -> float:
    try:
        return float(text)
    except ValueError:
        raise CnnopsError(f"{text!r} {otherwise}{suggest(text, words)}") from None


def integer_from(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """Parse an integer in a range."""
    accepted = f"of {minimum} or more" if maximum is None else f"from {minimum} to {maximum}"

    @parser
    def parse_integer(text: str) -> int:
        number = int(text) if _INTEGER.fullmatch(text) else minimum - 1
        if number < minimum or (maximum is not None and number > maximum):
            raise CnnopsError(f"{text!r} is not an integer {accepted}")
        return number

    return parse_integer


@parser
def parse_dimensions(text: str) -> int:
    """Parse ``--dims``."""
    check_word("number of dimensions", text, ("1", "2", "3"))
    return int(text)


def one_of(name: str, words: tuple[str, ...]) -> Callable[[str], str]:
    """Parse one of several words."""

    @parser
    def parse_word(text: str) -> str:
        check_word(name, text, words)
        return text

    return parse_word


@parser
def parse_array_file(text: str) -> str:
    """Parse a FILE that an array is written to."""
    return _check_file(text, SUFFIXES)


@parser
def parse_named_arrays_file(text: str) -> str:
    """Parse a FILE that several arrays are written to by name."""
    return _check_file(text, (".npz", ".json"))


@parser
def parse_array_file_or_stdout(text: str) -> str:
    """Parse a FILE that an array is written to, or ``-``."""
    return text if text == "-" else _check_file(text, SUFFIXES)


@parser
def parse_named_arrays_source(text: str) -> str:
    """Parse a FILE that several arrays are read from by name."""
    _check_suffix(text, (".npz", ".json"))
    return text


def _check_suffix(text: str, suffixes: tuple[str, ...]) -> None:
    suffix = Path(text).suffix
    if suffix not in suffixes:
        raise CnnopsError(
            f"{text!r} ends in none of {', '.join(suffixes)}{suggest(suffix, suffixes)}"
        )


def _check_file(text: str, suffixes: tuple[str, ...]) -> str:
    _check_suffix(text, suffixes)
    path = Path(text)
    if path.is_dir():
        raise CnnopsError(f"{text} is a directory")
    if not path.parent.is_dir():
        raise CnnopsError(f"{text} cannot be written: no such directory: {path.parent}")
    return text


def completing(words: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Offer words to the shell's completion."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


Dilation = Annotated[
    Any,
    geometry_option(
        "--dilation", "-d",
        metavar="SIZE",
        parser=parse_size,
        help="Cells from one kernel cell to the next. Default 1.",
    ),
]  # fmt: skip


class Settings(NamedTuple):
    """The options that every command has."""

    output: Annotated[
        str | None,
        shared_option(
            "--output", "-o",
            metavar="FILE",
            parser=parse_array_file_or_stdout,
            help="Write the result to FILE, whole or not at all; .npy, .npz or .json. "
            "- is standard output. Without --format, standard output then stays empty.",
        ),
    ] = None  # fmt: skip
    format: Annotated[
        str,
        shared_option(
            "--format", "-f",
            metavar="auto|table|json|npy",
            parser=one_of("format", FORMATS),
            autocompletion=completing(FORMATS),
            help="What goes to standard output. auto (the default): a view on a terminal, "
            "JSON elsewhere. npy to a terminal is refused.",
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
        shared_option(
            metavar="NAME",
            parser=one_of("dtype", DTYPES),
            autocompletion=completing(DTYPES),
            help="Convert every tensor first: float16, float32, float64, int8 to int64, uint8 to "
            "uint64, bool (as uint8). Fractions are cut off towards zero; a value that does not "
            "fit is an error.",
        ),
    ] = None
    layout: Annotated[
        str,
        shared_option(
            metavar="channels-first|channels-last",
            parser=one_of("layout", LAYOUTS),
            autocompletion=completing(LAYOUTS),
            help="Where INPUT and the result have their channels: (N, C, *spatial), the default, "
            "or (N, *spatial, C). Kernels stay (O, I/groups, *spatial).",
        ),
    ] = "channels-first"
    threads: Annotated[
        int | None,
        shared_option(
            metavar="N",
            parser=integer_from(1),
            help="Compute on N threads; by default on all cores that this process may use. "
            "The result does not depend on it.",
        ),
    ] = None
    quiet: Annotated[
        bool,
        shared_option(
            "--quiet", "-q",
            help="No view and no summary: the result (JSON, where --format is auto), errors and "
            "the exit status only.",
        ),
    ] = False  # fmt: skip
    no_color: Annotated[
        bool,
        shared_option(
            "--no-color",
            help="No colour in the view. NO_COLOR, FORCE_COLOR, TERM=dumb, COLUMNS and LINES "
            "are obeyed.",
        ),
    ] = False
    explain: Annotated[
        bool,
        explanation_option(
            "--explain",
            help="Show the arithmetic behind the result instead of it, cell by cell: the first 12, "
            "or those of --at. JSON has one object a line and cell. --output still writes the "
            "result.",
        ),
    ] = False  # fmt: skip
    at: Annotated[
        list[Any] | None,
        explanation_option(
            "--at",
            metavar="INDEX",
            parser=parse_index,
            help="Explain this cell of the result: one number an axis, as 0,0,1,2; negative ones "
            "count from the end. Give it again for more cells.",
        ),
    ] = None
    dry_run: Annotated[
        bool,
        explanation_option(
            "--dry-run",
            help="Compute nothing; show the result's shape and how it follows, the algorithm, the "
            "multiply-adds and the memory. Array files are not read beyond their headers.",
        ),
    ] = False  # fmt: skip


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
