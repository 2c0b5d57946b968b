"""One call of a command: its tensors are read, its operator applied, its result delivered."""

from collections.abc import Callable

from cnnops_cli.commands.deliver import Delivery, deliver
from cnnops_cli.commands.operands import read_tensors
from cnnops_cli.options import Settings
from cnnops_cli.tensors.read import PLAIN, Reading
from cnnops_cli.tensors.tensor import Tensor

Work = Callable[[dict[str, Tensor]], Delivery]


def run(
    work: Work,
    settings: Settings,
    *,
    input: str,
    reading: Reading = PLAIN,
    **operands: str | None,
) -> None:
    """Apply an operator to INPUT, and deliver what comes of it.

    Parameters
    ----------
    work : callable
        The operator with its options: from the tensors by argument, ``input`` among them, to the
        result.
    settings : Settings
    input : str
    reading : Reading
    **operands : str, optional
        The other TENSOR arguments.
    """
    reading = reading._replace(headers=settings.dry_run)
    deliver(work(read_tensors(reading, input=input, **operands)), settings)
