"""How the cells of a tile are pooled, one axis after the other: by the shapes alone.

Along an axis there are two ways. Long steps: the maximum of two neighbours, of two such pairs, and
so on, over a contiguous array as over one row; what they compare across the end of a row belongs
to no window, and is left behind. Taken steps: one tap of all windows against another, at their
stride, where those windows that have this tap in the padding are left out.
"""

from functools import lru_cache

from cnnops_cli.ops.pooling.builder import Builder
from cnnops_cli.ops.pooling.prices import choose_way
from cnnops_cli.ops.pooling.steps import CELLS, RESULT, Along, Place, Plan, Step


@lru_cache(maxsize=128)
def plan_steps(
    lead: int,
    piece: tuple[Along, ...],
    pitches: tuple[int, ...] | None,
    contiguous: bool,
) -> Plan:
    """Plan the steps that pool planes (P, *spatial).

    Parameters
    ----------
    lead : int
        How many planes there are.
    piece : tuple of Along
        By axis.
    pitches : tuple of int, or None
        By axis: how many positions apart neighbours are. Where they are given, the last axis comes
        first and each step has the earlier cells first, so that the first of equal cells in
        row-major order can be kept.
    contiguous : bool
        Whether the cells are, and the results.
    """
    builder = Builder(lead, piece, pitches, contiguous)
    work = [axis for axis, along in enumerate(piece, 1) if not along.is_done]
    ways = {axis: choose_way(piece, axis, lead, pitches is not None) for axis in work}
    margins = builder.margins_of([axis for axis in work if not ways[axis].is_trimmed])
    if pitches is not None:
        order, early = work[::-1], []
    else:
        early = [axis for axis in work if ways[axis].is_trimmed and axis < len(piece)]
        order = early + [axis for axis in work if axis not in early]
    has_margins = any(map(any, margins))
    if work and not early and has_margins:
        builder.copy_with(margins)
    elif work and not contiguous and ways[order[0]].covered > 1:
        builder.copy_with([(0, 0)] * len(margins))
    for axis in order:
        around = margins if has_margins and early[-1:] == [axis] else None
        builder.go_along(axis, ways[axis].covered, axis == order[-1], around)
    if not work:
        whole = (slice(None),) * (len(piece) + 1)
        builder.steps.append(Step(Place(CELLS, whole), None, Place(RESULT, whole)))
    return builder.plan()
