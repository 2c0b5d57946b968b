"""Whether a tensor that does not fit would fit with its axes in another order."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError

Shape = tuple[int, ...]

_MOST_COLOURS = 4


def of_input(layout: InputLayout, array: Array, check: Callable[[Shape], Any]) -> str:
    """Suggest the other --layout, if INPUT fits only with its channels there.

    `array` is INPUT as the operator takes it; `check` refuses a shape that does not fit.
    """
    other = layout.in_the_other_layout()
    moved = other.to_operator(layout.from_operator(array)).shape
    if layout.lead < 0 or moved == array.shape:
        return ""
    if _fits(check, array.shape) or not _fits(check, moved):
        return ""
    if other.layout == "channels-last":
        return f"its last axis is {moved[layout.lead]}: --layout channels-last"
    return f"its axis {layout.lead} is {moved[layout.lead]}: leave --layout channels-last out"


def of_picture(shape: Shape, lead: int) -> None:
    """Refuse more channels than a picture has, for calls that accept any number."""
    if shape[lead] > _MOST_COLOURS:
        raise CnnopsError("not a picture")


def of_kernel(kernel: Array, check: Callable[[Array], Any]) -> str:
    """Suggest another order of a full kernel's axes; `check` refuses kernels that do not fit.

    Only if its window is cubic in that order and not as it is, for a 3 may be the side of a window
    or the number of colours.
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
    """Suggest how to move a mask's channels, if that gives INPUT's shape."""
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
