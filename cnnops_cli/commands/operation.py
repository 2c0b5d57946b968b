"""What a command can do with one INPUT; the runner picks what the call asks for."""

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.dtypes import Array
from cnnops_cli.tensors.tensor import Tensor, unify

if TYPE_CHECKING:
    from cnnops_cli.blocks.operator import BlockOperator
    from cnnops_cli.explain.estimate import Estimate
    from cnnops_cli.explain.explanation import Explainer
    from cnnops_cli.explain.formulas import Formulas
    from cnnops_cli.lessons.lesson_plan import LessonPlan
    from cnnops_cli.tensors.write import Writer
    from cnnops_cli.views.marks import Marks
    from cnnops_cli.views.sections import Section


class Operands(NamedTuple):
    """What an operation is made of, besides the command's own options.

    Attributes
    ----------
    tensors : dict of str to Tensor
        By argument, ``input`` among them.
    dtype : str or None
        What --dtype says.
    layout : str
        Where INPUT has its channels.
    headers : bool
        Whether only shapes and dtypes are known, and all values are 0.
    writes : collection of str
        The options that name a file to write.
    """

    tensors: dict[str, Tensor]
    dtype: str | None
    layout: str
    headers: bool
    writes: frozenset[str]

    def arrays(self, tensors: dict[str, Tensor] | None = None) -> dict[str, Array]:
        """Return the tensors, or others in their place, as arrays of the dtypes asked for."""
        return unify(self.tensors if tensors is None else tensors, self.dtype)


class Operation:
    """An operator with its options and its operands.

    A command derives its own from this class, and defines what it offers. What it does not define
    is refused by name where a call asks for it.

    Attributes
    ----------
    name : str
        The command's.
    layout : InputLayout
        The axes of INPUT and of the result.
    note : str
        What the view and the summary say next to the result, such as a seed that was drawn.
    aside : str
        What only a terminal is told, such as running statistics that were not given: the view is
        compared byte by byte elsewhere.
    """

    name: ClassVar[str]
    layout: InputLayout
    note = ""
    aside = ""

    def result(self) -> Array:
        """Compute the result, channels first, in an array of its own: --relu changes it."""
        raise NotImplementedError

    def blocks(self) -> "BlockOperator":
        """Return what computes any part of the result, where INPUT is a Zarr array.

        Of INPUT, only the shape and dtype are known then, and all values are 0.
        """
        raise NotImplementedError

    def take_statistics(self, running: dict[str, Array]) -> None:
        """Take over the running statistics that blocks left."""
        raise NotImplementedError

    def explained(self) -> "tuple[Array, Explainer]":
        """Compute the result, and what explains its elements (--explain)."""
        raise NotImplementedError

    def estimate(self) -> "Estimate":
        """Return what the call would take (--dry-run); only headers may have been read."""
        raise NotImplementedError

    def formulas(self, precision: int | None) -> "Formulas":
        """Return the result where letters stand for numbers."""
        raise NotImplementedError

    def lesson(self, relu: bool) -> "LessonPlan":
        """Return what the page of --lesson says of the call, or refuse one that is too large."""
        raise NotImplementedError

    def writer(self, option: str, path: str) -> "Writer":
        """Return what writes the file that an option of the command names, after the result."""
        raise NotImplementedError

    def left_to_next(self) -> dict[str, Any]:
        """Return options in which the operation of the next INPUT differs, where state is saved."""
        return {}

    def sections(self) -> "list[Section]":
        """Return what the view shows before the result (--with-input)."""
        raise NotImplementedError

    def marks(self) -> "Marks | None":
        """Return which values of the result the view shows in another way than as numbers."""
        return None

    def likely_cause(self) -> str:
        """Return what may have been meant where the operator refuses its operands."""
        return ""

    @classmethod
    def offers(cls, method: str) -> bool:
        """Return whether the command defines a method of this class."""
        return getattr(cls, method) is not getattr(Operation, method)
