"""What a mistyped call was meant to be: a number in place of a tensor, a tensor in another's place.

Imported only for several INPUTs, a number for a tensor, or a call that could not be parsed.
"""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from cnnops_cli.errors import CnnopsError
from cnnops_cli.parsers import is_directory
from cnnops_cli.tensors.read import is_inline, split_member

_NUMBER = re.compile(r"[-+]?[.\d][.\d,:]*(e[-+]?\d+)?", re.IGNORECASE)
_NUMBERS = re.compile(r"\s*[-+]?[.\d][-+.\de]*([,\s]+[-+]?[.\d][-+.\de]*)+\s*")
_SIZE = re.compile(r"\s*\d+(\s*[,x×]\s*\d+)*\s*")
_TENSOR = re.compile(r"\[\s*\[.*|.*\.(npy|npz(:.*)?|json)")
_JOINED = {"SIZE": "sizes are", "PAD": "sizes are", "INDEX": "an index is"}
"""By metavar: options that take several numbers as one value."""
_MOST_SHOWN = 40
_NAMES = {
    "conv": {"--kernel": "k kernel kernels w weight weights filter filters", "--bias": "b bias"},
    "batchnorm": {
        "--gamma": "gamma",
        "--beta": "beta",
        "--weight": "weight weights scale",
        "--bias": "bias shift",
        "--running-mean": "mean",
        "--running-var": "var variance",
    },
    "dropout": {"--mask": "mask"},
}
"""By command and option: what files meant for it are called."""


def check_call(
    command: str, typed: Sequence[str], params: Sequence[Any], given: Mapping[str, Any]
) -> None:
    """Refuse a mistyped call, and say what it was meant to be.

    `params` are the command's, as Typer has them; `given` has the values that could be parsed.
    """
    options = {
        name: param
        for param in params
        if param.param_type_name == "option"
        for name in (*param.opts, *param.secondary_opts)
    }
    _check_dashes(typed, options)
    _check_brackets(typed, options)
    _check_numbers(command, typed, options)
    inputs, output = given.get("inputs") or [], given.get("output")
    is_one_result = output is None or (Path(output).suffix and not is_directory(output))
    if len(inputs) > 1 and is_one_result and command != "conv":  # which says what it needs itself
        meant = meant_options(command, inputs)
        if meant:
            raise CnnopsError(f"several INPUTs need -o DIRECTORY/; did you mean {meant}?")


def check_tensor(text: str, argument: str) -> None:
    """Refuse numbers without brackets, and a size for a kernel, unless there is such a file."""
    if os.path.lexists(text):
        return
    if argument == "--kernel" and _SIZE.fullmatch(text):
        what = "has rank 0" if text.strip().isdecimal() else "is not a file"
        raise CnnopsError(
            f"{text} {what}: --kernel takes a tensor; a size is maxpool's, or --kernel-size of a "
            "new layer"
        )
    if _NUMBERS.fullmatch(text):
        joined = ",".join(re.split(r"[,\s]+", text.strip()))
        raise CnnopsError(f"{argument}: no such file: {text}; JSON text has brackets: '[{joined}]'")


def meant_options(command: str, inputs: Sequence[str]) -> str:
    """Return the options that INPUTs are meant for, judging by their names; empty where unclear.

    Examples
    --------
    >>> meant_options("batchnorm", ["x.npy", "bn/gamma.npy", "running_mean.npy"])
    '--gamma bn/gamma.npy --running-mean running_mean.npy'
    >>> meant_options("conv", ["digit.npy", "sobel.json"]), meant_options("conv", ["a.npy"])
    ('--kernel sobel.json', '')
    """
    words = _NAMES.get(command, {})
    meant = {
        text: option
        for text in inputs
        for option, names in words.items()
        if not is_inline(text) and not _words_of(text).isdisjoint(names.split())
    }
    if command == "conv" and "--kernel" not in meant.values():  # an image is seldom JSON
        written = [text for text in inputs if text.startswith("[") or text.endswith(".json")]
        meant = {text: "--kernel" for text in written if (len(inputs), len(written)) == (2, 1)}
    clear = len(set(meant.values())) == len(meant) and all(len(t) <= _MOST_SHOWN for t in meant)
    return " ".join(f"{option} {shlex.quote(t)}" for t, option in meant.items()) if clear else ""


def _words_of(text: str) -> set[str]:
    path, member = split_member(text)
    return set(re.split(r"[^a-z]+", (member or Path(path).stem).lower()))


def _check_dashes(typed: Sequence[str], options: Mapping[str, Any]) -> None:
    """Refuse a long option after a single dash, which would be read as short ones."""
    for word in takewhile("--".__ne__, typed):
        name = f"-{word.partition('=')[0]}"
        if len(name) > 3 and word[:1] == "-" and name in options:
            raise CnnopsError(f"no such option: {word}; did you mean {name}?")


def _check_brackets(typed: Sequence[str], options: Mapping[str, Any]) -> None:
    """Refuse JSON text that the shell has split, after an option."""
    for start, (option, word) in enumerate(pairwise(typed), 1):
        if option in options and word.startswith("[") and word.count("[") > word.count("]"):
            for stop in range(start + 2, len(typed) + 1):
                text = " ".join(typed[start:stop])
                if text.count("[") == text.count("]"):
                    raise CnnopsError(f"JSON text needs quotes: {option} {_quoted(text)}")


def _quoted(text: str) -> str:
    return shlex.quote(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…")


def _check_numbers(command: str, typed: Sequence[str], options: Mapping[str, Any]) -> None:
    """Refuse numbers in place of an INPUT, unless there are such files."""
    groups, loose, positional = _by_option(typed, options)
    if command == "dropout" and positional < 2:  # the one INPUT may be a number there
        return
    given = {param.opts[0] for param, _ in groups}
    for param, (value, *_) in groups:
        if (command, param.opts[0]) == ("maxpool", "--kernel") and _TENSOR.fullmatch(value):
            raise CnnopsError(
                f"--kernel {value}: maxpool takes a size, such as 2 or 2,3; a tensor is conv's"
            )
    for param, numbers in groups:
        if len(numbers) > 1:
            meant = _several(command, param, numbers, given)
            raise CnnopsError(f"no file is called {numbers[1]}; {meant}")
    if loose and (meant := _alone(command, loose, given)):
        raise CnnopsError(f"no file is called {loose[0]}; {meant}")


def _several(command: str, param: Any, numbers: Sequence[str], given: set[str]) -> str:
    name, joined = param.opts[0], ",".join(number.strip(",") for number in numbers)
    if param.metavar in _JOINED:
        return f"{_JOINED[param.metavar]} joined by a comma: {name} {joined}"
    if param.metavar != "TENSOR":
        return _alone(command, numbers[1:], given) or f"{name} takes one number"
    check_tensor(numbers[0], name)
    return f"JSON text has brackets: {name} '[{joined}]'"


def _alone(command: str, numbers: Sequence[str], given: set[str]) -> str:
    """Say which option loose numbers are meant for; empty where unclear."""
    first, joined = numbers[0], ",".join(number.strip(",") for number in numbers)
    if command == "dropout" and "--p" not in given and re.fullmatch(r"[01]?\.\d*|[01]", first):
        return f"the chance is --p {first}"
    if command == "maxpool" and "--kernel" not in given:
        return f"the kernel size is --kernel {joined}"
    if command == "batchnorm":
        return f"a number is --momentum {first} or --eps {first}"
    return ""


def _by_option(
    typed: Sequence[str], options: Mapping[str, Any]
) -> tuple[list[tuple[Any, list[str]]], list[str], int]:
    """Sort numbers by the option that they follow.

    Returns each option with its value and, if that is a number, the numbers that follow it; the
    loose numbers that follow no such option; and the number of positional arguments.
    """
    groups: list[tuple[Any, list[str]]] = []
    loose: list[str] = []
    current: list[str] | None = None
    positional = 0
    words = iter(typed)
    for word in words:
        name, mark, value = word.partition("=")
        if name not in options and word[:2] in options:
            name, mark, value = word[:2], word[2:], word[2:]
        if name in options:
            current = None
            if not options[name].is_flag:
                groups.append((options[name], [value if mark else next(words, "")]))
                current = groups[-1][1] if _NUMBER.fullmatch(groups[-1][1][0]) else None
        elif _NUMBER.fullmatch(word) and not os.path.lexists(word):
            (loose if current is None else current).append(word)
            positional += 1
        elif word.startswith("-") and word != "-":
            return [], [], 0  # an unknown option, or the end of options
        else:
            current = None
            positional += 1
    return groups, loose, positional
