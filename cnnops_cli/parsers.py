"""The text of options to values. Every word, size and path is checked before anything is read."""

import math
import os
import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TypeVar

import typer

from cnnops_cli import paths
from cnnops_cli.errors import CnnopsError
from cnnops_cli.paths import descriptor_of, is_device, status_of, system_reason
from cnnops_cli.tensors.formats import (
    array_suffixes,
    format_of_name,
    named_suffixes,
    output_suffixes,
)
from cnnops_cli.words import PADDING_WORDS, PAGE_SUFFIXES, VIEW_SUFFIXES, check_word, suggest

Value = TypeVar("Value")

_SEPARATORS = ("/", os.sep)
_ZARR_METADATA = "zarr.json"

_INTEGER = re.compile(r"[+-]?\d{1,99}")
_ADDRESS = r"((tcp|tls|ucx|ws|wss)://)?([\w.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"


def parser(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Turn a function's refusal into an error about the option that it parses."""

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
    numbers = _integers(text)
    if numbers is None:
        raise CnnopsError(
            f"{text!r} is not a size: an integer such as 2, or one per axis, as 1,2{_joined(text)}"
        )
    return numbers if len(numbers) > 1 else numbers[0]


@parser
def parse_chunks(text: str) -> tuple[int, ...]:
    """Parse SIZES: one positive integer per axis."""
    numbers = _integers(text)
    if numbers is None or min(numbers) < 1:
        hint = "" if numbers else _joined(text)
        raise CnnopsError(
            f"{text!r} is not the shape of a chunk: an integer of 1 or more per axis, as "
            f"1,8,64,64{hint}"
        )
    return numbers


@parser
def parse_scheduler(text: str) -> str:
    """Parse ADDRESS of a Dask scheduler: ``tcp://host:8786``, or without ``tcp://``."""
    found = re.fullmatch(_ADDRESS, text)
    if not found or not found["port"] or not 0 < int(found["port"]) < 1 << 16:
        hint = f"; did you mean {text}:8786?" if found and not found["port"] else ""
        if text.startswith(("http://", "https://")):
            hint = "; http is what its dashboard speaks"
        raise CnnopsError(
            f"{text!r} is not the address of a Dask scheduler, such as tcp://host:8786{hint}"
        )
    return text


def _integers(text: str, separator: str = ",") -> tuple[int, ...] | None:
    items = [item.strip() for item in text.split(separator)]
    return tuple(map(int, items)) if all(map(_INTEGER.fullmatch, items)) else None


def _joined(text: str) -> str:
    """Suggest commas for integers that are joined otherwise, as in 1x2 and (1, 2)."""
    numbers = re.findall(r"[+-]?\d+", text)
    others = re.sub(r"[+-]?\d+|[\s,;x×*()\[\]]", "", text)
    return f"; did you mean {','.join(numbers)}?" if numbers and not others else ""


def dims_of(option: str, kernel_size: int | Sequence[int]) -> int:
    """Return the number of spatial axes of a kernel size; 2 for a single integer."""
    dims = 2 if isinstance(kernel_size, int) else len(kernel_size)
    if dims > 3:
        raise CnnopsError(f"{option} has {dims} sizes; accepted are one to three, one per axis")
    return dims


@parser
def parse_padding(text: str) -> int | str | tuple[int, ...] | tuple[tuple[int, int], ...]:
    """Parse PAD: SIZE, a word, or ``begin:end`` pairs."""
    if re.search(r"[A-Za-z]", text) and not _joined(text):
        check_word("padding", text, PADDING_WORDS, ", a size as 1,2, or begin:end pairs as 0:1,2:2")
        return text
    if ":" not in text:
        return parse_size(text)
    pairs = [_integers(pair, ":") or () for pair in text.split(",")]
    if not all(len(pair) == 2 for pair in pairs):
        raise CnnopsError(
            f"{text!r} is not begin:end pairs, one for all axes or one per axis: 0:1,2:2"
        )
    return tuple((begin, end) for begin, end in pairs)


@parser
def parse_index(text: str) -> tuple[int | None, ...]:
    """Parse INDEX: ``3``, ``0,-1`` or ``0,:``, where None is for a whole axis."""
    items = [item.strip() for item in text.split(",")]
    if not all(item == ":" or _INTEGER.fullmatch(item) for item in items):
        raise CnnopsError(
            f"{text!r} is not an index: one integer or : per axis of the result, as 0,1,2 or "
            f"0,:,2{_joined(text)}"
        )
    return tuple(None if item == ":" else int(item) for item in items)


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


parse_array_file = parser(lambda text: _check_file(text, array_suffixes()))
parse_result_file = parser(
    lambda text: text if names_zarr(text) else _check_file(text, array_suffixes())
)
parse_named_arrays_file = parser(lambda text: _check_file(text, named_suffixes()))
parse_view_file = parser(lambda text: _check_file(text, VIEW_SUFFIXES))
parse_page_file = parser(lambda text: _check_file(text, PAGE_SUFFIXES))
"""Parsers of a FILE to write."""
parse_named_arrays_source = parser(lambda text: _check_suffix(text, named_suffixes()))
"""The parser of a FILE from which several arrays are read by name."""


@parser
def parse_output(text: str) -> str:
    """Parse where results go: ``-``, a FILE, a DIRECTORY/ that may be missing, a device or a pipe.

    Any other name is left to `output_of_one` and `output_of_several`, for which it may be a
    directory.
    """
    descriptor = descriptor_of(text)
    if descriptor is not None:
        try:
            os.fstat(descriptor)
        except OSError as error:
            raise CnnopsError(f"{text} is not open: {system_reason(error)}") from None
    elif text.endswith(_SEPARATORS) and not paths.is_directory(text):
        _check_new_directory(text)
    elif Path(text).suffix.lower() in output_suffixes() and not paths.is_directory(text):
        _check_file(text, output_suffixes())
    return text


def output_of_one(output: str) -> str:
    """Return where one result goes; a file needs the suffix of a format."""
    if output != "-" and not is_directory(output) and not is_device(output):
        if not Path(output).suffix:
            accepted = ", ".join(output_suffixes())
            raise CnnopsError(
                f"--output: {output!r} ends in none of {accepted}, nor in / as a new directory does"
            )
        return _check_suffix(output, output_suffixes(), "--output: ")
    return output


def output_of_several(output: str | None) -> str | None:
    """Return the directory that several results go to, or None if `output` is not a directory."""
    if output in (None, "-") or is_device(output):
        return None
    if not is_directory(output):
        if Path(output).suffix.lower() in output_suffixes():
            return None
        _check_new_directory(output)
    return os.path.join(output, "")


def is_directory(output: str | None) -> bool:
    """Return whether results go to a directory, each under its input's name."""
    return output not in (None, "-") and (
        output.endswith(_SEPARATORS) or paths.is_directory(output)
    )


def takes_any_format(output: str | None) -> bool:
    """Return whether results go to a device or a pipe whose name has no suffix."""
    return (
        output not in (None, "-")
        and Path(output).suffix.lower() not in output_suffixes()
        and is_device(output)
    )


def names_zarr(text: str) -> bool:
    """Return whether an argument names a Zarr array; most do not, which takes no import."""
    if ".zarr" not in text and "://" not in text and not os.path.isdir(text):
        return False
    from cnnops_cli.tensors.zarr_places import is_zarr

    return is_zarr(text)


def _check_suffix(text: str, suffixes: tuple[str, ...], option: str = "") -> str:
    suffix = Path(text).suffix
    known = suffix.lower() if format_of_name(text).is_picture else suffix
    if known not in suffixes:
        ends = f"ends in none of {', '.join(suffixes)}"
        if len(suffixes) == 1:
            ends = f"does not end in {suffixes[0]}"
        raise CnnopsError(f"{option}{text!r} {ends}{suggest(suffix, suffixes)}")
    return text


def _check_file(text: str, suffixes: tuple[str, ...]) -> str:
    _check_suffix(text, suffixes)
    if text.endswith(_SEPARATORS) or paths.is_directory(text):
        raise CnnopsError(f"{text} is a directory")
    if Path(text).name == _ZARR_METADATA:
        raise CnnopsError(f"{text} is the name of a Zarr array's metadata; name another file")
    _check_parent(text, "written")
    return text


def _check_new_directory(text: str) -> None:
    if status_of(text.rstrip("".join(_SEPARATORS))) is not None:
        raise CnnopsError(f"{text} is not a directory, but a file")
    _check_parent(text, "made")


def _check_parent(text: str, done: str) -> None:
    parent = str(Path(text).parent)
    if not paths.is_directory(parent):
        raise CnnopsError(f"{text} cannot be {done}: no such directory: {parent}")
