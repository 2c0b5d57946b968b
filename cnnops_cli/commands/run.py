"""One call of a command: its tensors are read, its operator applied, its result delivered."""

from collections.abc import Callable

from cnnops_cli.commands.deliver import Delivery, deliver
from cnnops_cli.commands.operands import read_tensors
from cnnops_cli.options import Settings
from cnnops_cli.tensors.tensor import Tensor

Work = Callable[[dict[str, Tensor]], Delivery]


def run(work: Work, settings: Settings, *, input: str, **operands: str | None) -> None:
    """Apply an operator to INPUT, and deliver what comes of it.

    Parameters
    ----------
    work : callable
        The operator with its options: from the tensors by argument, ``input`` among them, to the
        result.
    settings : Settings
    input : str
    **operands : str, optional
        The other TENSOR arguments.
    """
    tensors = read_tensors(
        settings.layout, input=input, **operands, expect=_expected_text(settings)
    )
    expected = tensors.pop("expect", None)
    delivery = work(tensors)
    if settings.expect is None:
        deliver(delivery, settings)
    else:
        from cnnops_cli.commands.golden import deliver_checked

        deliver_checked(delivery, settings, expected)


def _expected_text(settings: Settings) -> str | None:
    """Tell which TENSOR is expected; none where the golden file is still to be made."""
    if settings.expect is not None and settings.update_expected:
        from cnnops_cli.tensors.golden import is_there

        return settings.expect if is_there(settings.expect) else None
    return settings.expect
