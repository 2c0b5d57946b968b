"""What every command does before its operator: read the tensors, agree on dtype and layout."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, TypeAlias

import numpy as np

from cnnops_cli.commands.report import tell
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import INPUT, CnnopsError, naming_operands
from cnnops_cli.ops.parallel import using_threads
from cnnops_cli.options import Settings
from cnnops_cli.tensors.formats import PLAIN, Reading
from cnnops_cli.tensors.read import INPUT_ARGUMENT, STDIN, read_tensor
from cnnops_cli.tensors.tensor import Tensor, has_letters, is_stand_in
from cnnops_cli.words import LAYOUTS

FORMULAS_ARE_TEXT = "formulas with letters go to .json or standard output"
Hint: TypeAlias = Callable[[], str]

_LAID_OUT_AS_INPUT = ("input", "mask", "expect")


def read_tensors(
    reading: Reading = PLAIN, layout: str = "channels-first", /, **texts: str | None
) -> dict[str, Tensor]:
    """Read the TENSOR arguments that were given, by argument; a layer's bias where none is.

    Parameters
    ----------
    reading : Reading
    layout : str
        Where INPUT, and what is laid out as it, has its channels; pictures are brought to it.
    **texts : str, optional
        By argument.

    Raises
    ------
    CnnopsError
        If one cannot be read, or two are standard input.
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

    What it yields takes functions that tell what may have been meant, if there is an error.

    Parameters
    ----------
    settings : Settings
    tensors : dict of str to Tensor
        By argument, ``input`` among them.
    """
    shapes = {name: tensors[name].array.shape for name in ("kernel", "input") if name in tensors}
    hints: list[Hint] = []
    try:
        with using_threads(settings.threads), naming_operands(**shapes):
            yield hints
    except CnnopsError as error:
        name = tensors["input"].name
        error.input_name = "input" if name == INPUT_ARGUMENT else name
        error.hint = next(filter(None, (hint() for hint in hints)), "")
        raise


def check_letters(tensors: dict[str, Tensor], settings: Settings, **of_numbers: object) -> bool:
    """Return whether letters stand for numbers; refuse what only numbers can be given to.

    Parameters
    ----------
    tensors : dict of str to Tensor
    settings : Settings
    **of_numbers
        The command's own options that write or show numbers, by name.

    Raises
    ------
    CnnopsError
    """
    if not any(map(has_letters, tensors.values())):
        return False
    of_numbers |= {"view": settings.view, "expect": settings.expect}
    for option, value in of_numbers.items():
        if value:
            name = option.replace("_", "-")
            raise CnnopsError(f"letters stand for no numbers that --{name} takes; leave it out")
    if settings.dtype is not None:
        raise CnnopsError("letters have no dtype; leave --dtype out")
    if settings.format == "npy":
        raise CnnopsError(FORMULAS_ARE_TEXT)
    if settings.dry_run:
        raise CnnopsError("--dry-run counts what numbers take; give numbers, not letters")
    return True


class Form(NamedTuple):
    """Which axes INPUT has, and where its channels are.

    Attributes
    ----------
    lead : int
        Axes before the channels in channels-first order: 1 for (N, C, ...), 0 for (C, ...), and -1
        where there is no channel axis.
    layout : str
    named : bool
        Whether these are the axes in any case; dropout takes others too.
    """

    lead: int
    layout: str
    named: bool = True

    @classmethod
    def spatial(cls, shape: tuple[int, ...], dims: int, layout: str) -> "Form":
        """Return the form of a tensor with `dims` spatial axes by its shape.

        Raises
        ------
        CnnopsError
            If the rank is none of the three.
        """
        if len(shape) - dims not in (0, 1, 2):
            raise CnnopsError(
                f"{INPUT} has rank {len(shape)}, but a {dims}-D kernel takes rank {dims} to "
                f"{dims + 2}: (*spatial), (C, *spatial) or (N, C, *spatial)"
            )
        return cls(len(shape) - dims - 1, layout)

    def in_the_other_layout(self) -> "Form":
        """Return the form of INPUT if its channels were at the other place."""
        return self._replace(layout=next(word for word in LAYOUTS if word != self.layout))

    def to_operator(self, array: Array) -> Array:
        """Bring INPUT to (C, ...) or (N, C, ...), as operators take it."""
        if self.lead < 0:
            return array[np.newaxis]
        return np.moveaxis(array, -1, self.lead) if self._moves(array) else array

    def from_operator(self, array: Array) -> Array:
        """Bring a result to the user's layout."""
        planes = self.planes(array)
        moves = planes.ndim == array.ndim and self._moves(array)
        return np.moveaxis(planes, max(self.lead, 0), -1) if moves else planes

    def planes(self, array: Array) -> Array:
        """Drop the one channel of a result, where INPUT has no channel axis."""
        return array.squeeze(0) if self.lead < 0 and len(array) == 1 else array

    def shape_in_words(self, array: Array) -> str:
        """Write the shape that the user has of an operator's array, with the names of its axes.

        Examples
        --------
        >>> Form(0, "channels-last").shape_in_words(np.zeros((3, 32, 16)))
        '(H 32, W 16, C 3)'
        >>> Form(-1, "channels-first").shape_in_words(np.zeros((1, 8)))
        '(W 8)'
        """
        from cnnops_cli.ops.geometry import AXES

        shape = self.from_operator(array).shape
        channels = max(self.lead, 0)
        dims = array.ndim - channels - 1
        if not self.named or not 0 <= dims <= len(AXES):
            return str(shape)
        names = [*"NC"[1 - channels :], *AXES.get(dims, ())]
        if len(shape) < array.ndim:
            del names[0]
        elif self._moves(array):
            names.append(names.pop(channels))
        return f"({', '.join(map('{} {}'.format, names, shape))})"

    def place_of_input(self, place: tuple[int, ...]) -> tuple[int, ...]:
        """Return where the user has a cell of the operator's input."""
        if self.lead < 0:
            return place[1:]
        if not self._moves_rank(len(place)):
            return place
        return (*place[: self.lead], *place[self.lead + 1 :], place[self.lead])

    def place_in_result(self, place: tuple[int, ...], result: Array) -> tuple[int, ...]:
        """Return where the operator has a cell of the user's result."""
        if len(place) < result.ndim:  # the one channel that was dropped
            return (0, *place)
        axis = max(self.lead, 0)
        if not self._moves_rank(len(place)):
            return place
        return (*place[:axis], place[-1], *place[axis:-1])

    def _moves(self, array: Array) -> bool:
        return self._moves_rank(array.ndim)

    def _moves_rank(self, rank: int) -> bool:
        return self.layout == "channels-last" and rank > max(self.lead, 0) + 1
