"""Whether what does not fit would fit with its channels elsewhere; imported where it does not."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError

Shape = tuple[int, ...]

_MOST_COLOURS = 4
"""Channels that the last axis of a picture has at most."""


def of_input(layout: InputLayout, array: Array, check: Callable[[Shape], Any]) -> str:
    """Return where INPUT has its channels, if the call would do with them there.

    `array` is INPUT as the operator takes it; `check` refuses a shape of it that does not fit.
    """
    other = layout.in_the_other_layout()
    moved = other.to_operator(layout.from_operator(array)).shape
    if layout.lead < 0 or moved == array.shape or _fits(check, array.shape):
        return ""
    if not _fits(check, moved):
        return ""
    if other.layout == "channels-last":
        return f"its last axis is {moved[layout.lead]}: --layout channels-last"
    return f"its axis {layout.lead} is {moved[layout.lead]}: leave --layout channels-last out"


def of_picture(shape: Shape, lead: int) -> None:
    """Refuse channels that are too many for a picture's, where nothing says how many there are."""
    if shape[lead] > _MOST_COLOURS:
        raise CnnopsError("no picture")


def of_kernel(kernel: Array, check: Callable[[Array], Any]) -> str:
    """Return which order of a full kernel's axes would do; `check` refuses those that do not.

    Only where it has a cubic window in that order and none as it is: a 3 by 3 window has the number
    of channels that colours have.
    """
    last = kernel.ndim - 1
    spatial = tuple(range(1, last))
    orders = {
        "(*spatial, I, O)": (last, last - 1, *range(last - 1)),
        "(O, *spatial, I)": (0, last, *spatial),
    }
    if _is_cubic(kernel) or _fits(check, kernel):
        return ""
    for axes, order in orders.items():
        turned = np.transpose(kernel, order)
        if _is_cubic(turned) and _fits(check, turned):
            return f"the kernel's axes look like {axes}: np.transpose(kernel, {order}) fits"
    return ""


def _is_cubic(kernel: Array) -> bool:
    return len(set(kernel.shape[2:])) == 1


def of_mask(mask: Array, shape: Shape) -> str:
    """Return how a mask gets INPUT's shape, if by a move of its channels."""
    for source, target in ((1, -1), (-1, 1)):
        if mask.ndim > 2 and np.moveaxis(mask, source, target).shape == shape:
            return f"np.moveaxis(mask, {source}, {target}) has that shape"
    return ""


def _fits(check: Callable[[Any], Any], what: Any) -> bool:
    try:
        check(what)
    except CnnopsError:
        return False
    return True
