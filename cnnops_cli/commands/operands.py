"""What every command does before its operator: read the tensors, agree on dtype and layout."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.ops.parallel import using_threads
from cnnops_cli.options import Settings
from cnnops_cli.tensors.read import STDIN, read_tensor
from cnnops_cli.tensors.tensor import Tensor


def read_tensors(**texts: str | None) -> dict[str, Tensor]:
    """Read the TENSOR arguments that were given, by argument.

    Raises
    ------
    CnnopsError
        If one cannot be read, or two are standard input.
    """
    from_stdin = [name for name, text in texts.items() if text == STDIN]
    if len(from_stdin) > 1:
        raise CnnopsError(
            f"{' and '.join(from_stdin)} are both - (standard input); only one argument may be"
        )
    return {name: read_tensor(text, name) for name, text in texts.items() if text is not None}


@contextmanager
def computing(settings: Settings, input: Tensor) -> Iterator[None]:
    """Run an operator on the threads asked for; an error calls INPUT what the user calls it."""
    try:
        with using_threads(settings.threads):
            yield
    except CnnopsError as error:
        error.input_name = input.name
        raise


@dataclass(frozen=True)
class Form:
    """Which axes INPUT has, and where its channels are.

    Attributes
    ----------
    lead : int
        Axes before the channels in channels-first order: 1 for (N, C, ...), 0 for (C, ...), and -1
        where there is no channel axis.
    layout : str
    """

    lead: int
    layout: str

    @classmethod
    def spatial(cls, rank: int, dims: int, layout: str) -> "Form":
        """Tell the form of a tensor with `dims` spatial axes by its rank.

        Raises
        ------
        CnnopsError
            If the rank is none of the three.
        """
        if rank - dims not in (0, 1, 2):
            raise CnnopsError(
                f"{INPUT} has rank {rank}; in {dims}-D it has rank {dims} to {dims + 2}: "
                "(*spatial), (C, *spatial) or (N, C, *spatial)"
            )
        return cls(rank - dims - 1, layout)

    def to_operator(self, array: Array) -> Array:
        """Bring INPUT to (C, ...) or (N, C, ...), as operators take it."""
        if self.lead < 0:
            return array[np.newaxis]
        return np.moveaxis(array, -1, self.lead) if self._moves(array) else array

    def from_operator(self, array: Array) -> Array:
        """Bring a result back; without a channel axis in INPUT, one channel has none either."""
        if self.lead < 0 and len(array) == 1:
            return array.squeeze(0)
        return np.moveaxis(array, max(self.lead, 0), -1) if self._moves(array) else array

    def _moves(self, array: Array) -> bool:
        return self.layout == "channels-last" and array.ndim > max(self.lead, 0) + 1
