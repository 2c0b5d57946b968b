"""The file that `--view` names: lines for its room, in its format."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cnnops_cli.tensors.write import Writer, bytes_writer

if TYPE_CHECKING:
    from cnnops_cli.text.styled_lines import Line
    from cnnops_cli.views.room import Room


def view_writer(lines_in: "Callable[[Room], list[Line]]", suffix: str) -> Writer:
    """Return how the lines for a room are written to a file, by its suffix."""
    from cnnops_cli.text.styled_lines import plain_text
    from cnnops_cli.views.room import Room
    from cnnops_cli.views.view_files import html, svg

    write = {".svg": svg, ".html": html, ".txt": plain_text}[suffix]
    room = Room.of_file(draws=write is not plain_text)
    return bytes_writer(write(lines_in(room)).encode())
