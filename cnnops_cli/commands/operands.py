"""The TENSOR arguments of a call: read, laid out, and named in errors."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import numpy as np

from cnnops_cli.commands.call import Call
from cnnops_cli.commands.stderr import tell
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError, naming_operands
from cnnops_cli.ops.parallel import using_threads
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import PLAIN, Reading
from cnnops_cli.tensors.read import INPUT_ARGUMENT, STDIN, read_tensor
from cnnops_cli.tensors.tensor import Tensor, has_letters, is_stand_in

FORMULAS_ARE_TEXT = "formulas with letters go to .json or standard output"
Hint: TypeAlias = Callable[[], str]

_LAID_OUT_AS_INPUT = ("input", "mask", "expect")


def read_tensors(
    reading: Reading = PLAIN, layout: str = "channels-first", /, **texts: str | None
) -> dict[str, Tensor]:
    """Read the TENSOR arguments that were given, by argument; a layer's bias where none is.

    Pictures are brought to the layout of INPUT where they are laid out like it.
    """
    check_standard_input(**texts)
    reading = reading._replace(decoding=_decoding)
    given = {name: text for name, text in texts.items() if text is not None}
    for name, text in given.items():
        check_is_tensor(text, _argument(name))
    layer = ("weight",) if "bias" in given else ("weight", "bias")
    readings = {"kernel": reading._replace(layer=layer)}
    tensors = {
        name: read_tensor(text, _argument(name), readings.get(name, reading))
        for name, text in given.items()
    }
    if "kernel" in tensors and (bias := tensors["kernel"].bias):
        tensors["bias"] = bias
    return _as_laid_out(tensors, layout)


def _decoding() -> AbstractContextManager[None]:
    from cnnops_cli.commands.hearing import hearing_libraries

    return hearing_libraries()


def check_is_tensor(text: str, argument: str) -> None:
    """Refuse what begins as a number and is neither one nor a file; see `mistakes.check_tensor`."""
    if text[:1].isdecimal() or (text[:1] in ("+", "-") and text != STDIN):
        from cnnops_cli.commands.mistakes import check_tensor

        check_tensor(text, argument)


def check_standard_input(**texts: str | None) -> None:
    """Refuse two arguments that are both standard input."""
    from_stdin = [_argument(name) for name, text in texts.items() if text == STDIN]
    if len(from_stdin) > 1:
        raise CnnopsError(
            f"{' and '.join(from_stdin)} are both - (standard input); only one argument may be"
        )


def announce_terminal(command: str, settings: Settings, *texts: str | None) -> None:
    """Say that a terminal is read, which otherwise looks as if nothing went on."""
    if STDIN in texts and not settings.quiet and sys.stdin is not None and sys.stdin.isatty():
        tensors = "JSON, one tensor per line," if settings.lines else "JSON"
        tell(f"cnnops {command}: reading {tensors} from the terminal; end with Ctrl-D")


def _as_laid_out(tensors: dict[str, Tensor], layout: str) -> dict[str, Tensor]:
    """Bring pictures, which are read as (C, H, W), to the layout of INPUT."""
    if layout != "channels-last":
        return tensors
    return tensors | {
        name: tensor._replace(array=_with_channels_last(tensor.array))
        for name, tensor in tensors.items()
        if tensor.picture and name in _LAID_OUT_AS_INPUT
    }


def _with_channels_last(planes: Array) -> Array:
    moved = np.moveaxis(planes, 0, -1)
    return moved if is_stand_in(planes) else np.ascontiguousarray(moved)


def as_batch(tensor: Tensor) -> Tensor:
    """Make a picture a batch of one, where (N, C, *spatial) is asked for."""
    return tensor._replace(array=tensor.array[np.newaxis]) if tensor.picture else tensor


def _argument(name: str) -> str:
    return INPUT_ARGUMENT if name == "input" else f"--{name.replace('_', '-')}"


@contextmanager
def computing(settings: Settings, tensors: dict[str, Tensor]) -> Iterator[list[Hint]]:
    """Run an operator on the threads asked for; an error names the tensors as the user wrote them.

    What it yields takes functions that return what may have been meant, if there is an error.
    """
    hints: list[Hint] = []
    try:
        with using_threads(settings.threads), naming_operands(**shapes_to_name(tensors)):
            yield hints
    except CnnopsError as error:
        name = tensors["input"].name
        error.input_name = "input" if name == INPUT_ARGUMENT else name
        error.hint = next(filter(None, (hint() for hint in hints)), "")
        raise


def shapes_to_name(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that an error of an operator names, as the user wrote them."""
    return {name: tensors[name].array.shape for name in ("kernel", "input") if name in tensors}


def has_any_letters(tensors: dict[str, Tensor], call: Call) -> bool:
    """Return whether a tensor has letters; refuse what only numbers can be given to."""
    named = [_argument(name) for name, tensor in tensors.items() if has_letters(tensor)]
    if not named:
        return False
    settings = call.settings
    of_numbers = {
        **{option: ("writes", path) for option, path in call.all_files.items()},
        "expect": ("compares", settings.expect),
    }
    for option, (verb, value) in of_numbers.items():
        if value:
            option = f"--{option.replace('_', '-')}"
            raise CnnopsError(
                f"{option} {verb} numbers, but {named[0]} has letters: leave {option} out"
            )
    if settings.dtype is not None:
        raise CnnopsError("letters have no dtype; leave --dtype out")
    if settings.format == "npy":
        raise CnnopsError(FORMULAS_ARE_TEXT)
    if settings.dry_run:
        raise CnnopsError("--dry-run counts what numbers take; give numbers, not letters")
    return True
