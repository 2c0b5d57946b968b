"""Long rows as strips of colours or shades."""

from cnnops_cli.dtypes import Array
from cnnops_cli.text.colours import Scale
from cnnops_cli.text.styled_lines import Line
from cnnops_cli.views.grid import index_label
from cnnops_cli.views.heat import CHARACTER, pictured, shades, shrink, strip_line
from cnnops_cli.views.room import Room

_MOST_STRIPS = 8


def strip_lines(row: Array, scale: Scale, room: Room) -> tuple[list[Line], Array]:
    """Draw strips of a row (1, W), each after the index it begins at; return the cells too."""
    length = row.shape[1]
    wide, high = CHARACTER if room.draws else (1, 1)
    most = max(min(_MOST_STRIPS, room.height), 1)
    across = max(room.width - len(index_label(0, length)[0]), 1) * wide
    width = min(max(across * most // length, 1), wide)
    across //= width
    count = min(length, across * most)
    cells = shrink(row, 1, count, scale.largest)
    scale = Scale.of(cells) or scale
    lines = []
    for start in range(0, count, across):
        strip = cells[:, start : start + across]
        if not room.color:
            (drawn,) = shades(strip, scale)
        elif room.draws:
            (drawn,) = pictured(scale.colours(strip), (width, high))
        else:
            drawn = strip_line(scale.colours(strip)[0])
        lines.append([index_label(start * length // count, length), *drawn])
    return lines, cells
