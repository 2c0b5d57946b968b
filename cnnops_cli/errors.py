"""The one exception that says what is wrong with a call or its data."""

INPUT = "{input}"
"""In a reason, the tensor that is worked on; the command puts the file's name there."""


class CnnopsError(ValueError):
    """A call, or the data given to it, is wrong.

    The text is one line that says what failed and what would be accepted; the command prints it
    after ``cnnops COMMAND: error:``.

    Attributes
    ----------
    reason : str
        What failed; the mark `INPUT` in it is shown as `input_name`.
    operands : dict of str to tuple of int
        The shapes of the arrays by name, where they matter.
    hint : str
        What may have been meant, or "".
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


class StoreError(CnnopsError):
    """What arrays are stored in failed, so that the same call may succeed a moment later."""


class CheckFailedError(Exception):
    """A check that was asked for failed, which is not an error of the call: status 1, not 2."""


class naming_operands:  # noqa: N801
    """Add the operands and their shapes, by name, to an error that passes through."""

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        self._shapes = shapes

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _traceback: object) -> None:
        if isinstance(error, CnnopsError):
            error.operands |= self._shapes
