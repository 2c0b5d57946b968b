"""A call of a command: its settings, and what it reads and writes."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from cnnops_cli.parsers import names_zarr
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.read import STDIN

Texts = Mapping[str, str | None]
_NONE: Texts = MappingProxyType({})


class Call(NamedTuple):
    """What was typed, but for the operator's own options.

    Attributes
    ----------
    settings : Settings
    inputs : list of str or None
        INPUT, once or several times.
    tensors : dict of str to str or None
        The other TENSOR arguments.
    sources : tuple of str or None
        What else is read, and so may not be replaced by a result.
    files : dict of str to str or None
        By option: the files that are written in addition to --output.
    state_files : dict of str to str or None
        By option: the files that hold what one INPUT leaves to the next.
    with_input : bool
        Whether the view shows the operands too.
    relu : bool
        Whether negative values of the result become 0.
    outputs : sequence of str
        Where the result of each INPUT goes, as `validate` finds it.
    """

    settings: Settings
    inputs: list[str] | None
    tensors: Texts = _NONE
    sources: tuple[str | None, ...] = ()
    files: Texts = _NONE
    state_files: Texts = _NONE
    with_input: bool = False
    relu: bool = False
    outputs: Sequence[str] = ()

    @property
    def texts(self) -> list[str]:
        """INPUT as the user wrote it; standard input where it was left out."""
        return self.inputs or [STDIN]

    @property
    def is_zarr(self) -> bool:
        """Whether an INPUT is a Zarr array, which is computed in blocks."""
        return any(map(names_zarr, self.texts))

    @property
    def read(self) -> list[str]:
        """What is read in addition to INPUT."""
        return _given((*self.tensors.values(), *self.sources))

    @property
    def all_files(self) -> dict[str, str | None]:
        """By option: the files that are written in addition to --output and --view."""
        return {**self.files, **self.state_files}

    @property
    def written(self) -> list[str]:
        """Those of them that were asked for."""
        return _given(self.all_files.values())


def _given(texts: Iterable[str | None]) -> list[str]:
    return [text for text in texts if text is not None]
