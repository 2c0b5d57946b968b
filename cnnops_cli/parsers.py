"""How the text of an option becomes a value.

Every word, size and path is checked here, before anything is read.
"""

import math
import os
import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TypeVar

import typer

from cnnops_cli.errors import CnnopsError
from cnnops_cli.words import (
    PADDING_WORDS,
    PICTURE_SUFFIXES,
    SUFFIXES,
    VIEW_SUFFIXES,
    check_word,
    suggest,
)

Value = TypeVar("Value")

_SEPARATORS = ("/", os.sep)

_INTEGER = re.compile(r"[+-]?\d{1,99}")


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
        raise CnnopsError(
            f"{text!r} is not a size: an integer such as 2, or one an axis, as 1,2{_joined(text)}"
        )
    numbers = tuple(map(int, items))
    return numbers if len(numbers) > 1 else numbers[0]


def _joined(text: str) -> str:
    """Ask for the integers of a text that only joins them otherwise, as 1x2 and (1, 2) do."""
    numbers = re.findall(r"[+-]?\d+", text)
    others = re.sub(r"[+-]?\d+|[\s,;x×*()\[\]]", "", text)
    return f"; did you mean {','.join(numbers)}?" if numbers and not others else ""


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
    if re.search(r"[A-Za-z]", text) and not _joined(text):
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
        raise CnnopsError(
            f"{text!r} is not an index: one integer an axis of the result, as 0,1,2{_joined(text)}"
        )
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


@parser
def parse_tolerance(text: str) -> float:
    """Parse ``--rtol`` or ``--atol``."""
    number = _number(text, "is not a number, such as 1e-5")
    if not 0 <= number < math.inf:
        raise CnnopsError(f"{text!r} is not a finite number of 0 or more")
    return number


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
def parse_output(text: str) -> str:
    """Parse where results go: ``-``, a FILE, or a DIRECTORY/ that is there or can be made."""
    if text == "-" or os.path.isdir(text):
        return text
    if not is_directory(text):
        accepted = SUFFIXES + PICTURE_SUFFIXES
        if not Path(text).suffix:
            raise CnnopsError(
                f"{text!r} ends in none of {', '.join(accepted)}, nor in / as a new directory does"
            )
        return _check_file(text, accepted)
    parent = Path(text).parent
    if os.path.lexists(text.rstrip("".join(_SEPARATORS))):
        raise CnnopsError(f"{text} is no directory, but a file")
    if not parent.is_dir():
        raise CnnopsError(f"{text} cannot be made: no such directory: {parent}")
    return text


def is_directory(output: str | None) -> bool:
    """Tell whether results go to a directory, each under its input's name."""
    return output not in (None, "-") and (output.endswith(_SEPARATORS) or os.path.isdir(output))


def is_picture(path: str) -> bool:
    """Tell whether a file that is written is a picture."""
    return Path(path).suffix.lower() in PICTURE_SUFFIXES


@parser
def parse_named_arrays_source(text: str) -> str:
    """Parse a FILE that several arrays are read from by name."""
    _check_suffix(text, (".npz", ".json"))
    return text


@parser
def parse_view_file(text: str) -> str:
    """Parse a FILE that a view is written to."""
    return _check_file(text, VIEW_SUFFIXES)


def _check_suffix(text: str, suffixes: tuple[str, ...]) -> None:
    suffix = Path(text).suffix
    accepted = suffix.lower() if is_picture(text) else suffix  # for cameras write .JPG
    if accepted not in suffixes:
        raise CnnopsError(
            f"{text!r} ends in none of {', '.join(suffixes)}{suggest(suffix, suffixes)}"
        )


def _check_file(text: str, suffixes: tuple[str, ...]) -> str:
    _check_suffix(text, suffixes)
    path = Path(text)
    if path.is_dir() or text.endswith(_SEPARATORS):
        raise CnnopsError(f"{text} is a directory")
    if not path.parent.is_dir():
        raise CnnopsError(f"{text} cannot be written: no such directory: {path.parent}")
    return text


def completing(words: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Offer words to the shell's completion."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]
