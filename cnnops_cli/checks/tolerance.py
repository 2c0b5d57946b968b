"""How far apart two values may be and still count as equal."""

from typing import Any, NamedTuple

import numpy as np

from cnnops_cli.text.numbers import Decimals

_DEFAULTS = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}
"""Relative and absolute, of torch.testing.assert_close; integers are compared exactly."""


class Tolerance(NamedTuple):
    """What counts as equal: |result - expected| <= atol + rtol * |expected|.

    If given, `ulp` takes the place of both: the number of steps between representable values. NaN
    is equal to NaN with `equal_nan`.
    """

    rtol: float
    atol: float
    ulp: int | None = None
    equal_nan: bool = False

    @property
    def exact(self) -> bool:
        """Whether only equal values count as equal."""
        return self.ulp is None and self.rtol == self.atol == 0

    def __str__(self) -> str:
        numbers = Decimals()
        if self.ulp is not None:
            text = f"within {self.ulp} ulp"
        elif self.exact:
            text = "exactly"
        else:
            text = f"within rtol {numbers.text(self.rtol)} and atol {numbers.text(self.atol)}"
        return text + (", NaN equal to NaN" if self.equal_nan else "")


def tolerance_of(
    *dtypes: np.dtype[Any],
    rtol: float | None = None,
    atol: float | None = None,
    ulp: int | None = None,
    equal_nan: bool = False,
) -> Tolerance:
    """Return the tolerance that is asked for, or else the loosest default of the dtypes.

    If only one of `rtol` and `atol` is given, the other is 0.

    References
    ----------
    https://docs.pytorch.org/docs/stable/testing.html#torch.testing.assert_close

    Examples
    --------
    >>> print(tolerance_of(np.dtype("float32")))
    within rtol 1.3e-06 and atol 1e-05
    >>> print(tolerance_of(np.dtype("float32"), atol=0.5))
    within rtol 0 and atol 0.5
    >>> print(tolerance_of(np.dtype("int8")))
    exactly
    """
    if ulp is not None or rtol is not None or atol is not None:
        return Tolerance(rtol or 0.0, atol or 0.0, ulp, equal_nan)
    defaults = [_DEFAULTS.get(dtype.name, (0.0, 0.0)) for dtype in dtypes]
    loosest = [max(each) for each in zip(*defaults, strict=True)]
    return Tolerance(loosest[0], loosest[1], equal_nan=equal_nan)
