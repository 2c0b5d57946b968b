"""The page: a template filled with data, in one file that refers to nothing outside itself."""

import base64
import hashlib
import json
import os
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

_SCRIPTS = ("positions.js", "drawings.js", "formulas.js", "steps.js", "page.js")
"""In the order of their use: each needs what is before it."""
_FRAME_HEIGHT = 640
"""Of the page in a notebook, in CSS pixels."""
_ESCAPED = str.maketrans({"<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class Lesson:
    """A call of an operator, explained on an interactive page.

    In a notebook it shows itself; where scripts are taken out, its text takes the page's place.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnops_cli import lesson, maxpool
    >>> print(lesson(maxpool, np.array([[[1, 2], [3, 4]]]), 2))
    maxpool  (C 1, H 1, W 1)  int64
    <BLANKLINE>
    [0, 0, 0] = 4
      window over H 0 to 1, W 0 to 1
       1    2
       3   [4]
      max(1, 2, 3, 4) = 4, at [0, 1, 1] of the input
    """

    def __init__(self, title: str, data: dict[str, Any], text: str) -> None:
        self._title = title
        self._data = data
        self._text = text

    def html(self) -> str:
        """Return the page, the same text for the same call wherever it is made."""
        style, script = _part("page.css"), "\n".join(map(_part, _SCRIPTS))
        data = json.dumps(self._data, ensure_ascii=False, separators=(",", ":"))
        return Template(_part("page.html")).substitute(
            title=escape(self._title),
            policy=(
                f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
                "base-uri 'none'; form-action 'none'"
            ),
            style=style,
            script=script,
            data=data.translate(_ESCAPED),
            text=escape(self._text, quote=False),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file, such as ``lesson.html``."""
        Path(path).write_bytes(self.html().encode())

    def __repr__(self) -> str:
        return self._text.removesuffix("\n")

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{escape(self._title)}" sandbox="allow-scripts" '
            f'srcdoc="{escape(self.html())}" width="100%" height="{_FRAME_HEIGHT}" '
            'style="border:0"></iframe>'
        )


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy calls an inline script or style."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
