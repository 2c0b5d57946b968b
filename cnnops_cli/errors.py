"""The one exception that says what is wrong with a call or its data."""

INPUT = "{input}"
"""Stands in a reason for the tensor worked on; the command puts the file's name there."""


class CnnopsError(ValueError):
    """A call, or the data given to it, is wrong.

    The text is one line that names what failed and what would be accepted; the command prints it
    behind ``cnnops COMMAND: error:``.

    Parameters
    ----------
    reason : str
        What failed. The mark `INPUT` in it is shown as `input_name`.

    Attributes
    ----------
    input_name : str
        What the caller calls the tensor worked on.
    operands : dict of str to tuple of int
        The shapes of the arrays of the call by name, where they matter.
    hint : str
        What may have been meant; empty where that is not clear.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.input_name = "input"
        self.operands: dict[str, tuple[int, ...]] = {}
        self.hint = ""

    def __str__(self) -> str:
        text = self.reason.replace(INPUT, self.input_name)
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.operands.items())
        text = f"{text}: {shapes}" if shapes else text
        return f"{text}; {self.hint}" if self.hint else text


class CheckFailedError(Exception):
    """A check that was asked for does not hold, which is no error of the call: status 1, not 2."""


class naming_operands:  # noqa: N801 - reads as what it does, in a with statement
    """Add the operands and their shapes to an error that passes through, as its caller knows them.

    Parameters
    ----------
    **shapes : tuple of int
        The shape of each operand, by name.
    """

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        self._shapes = shapes

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, CnnopsError):
            error.operands |= self._shapes
