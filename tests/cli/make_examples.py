"""Make the views and the lesson of examples/ anew, where they have changed: needs Chromium.

.venv/bin/python tests/cli/make_examples.py
"""

import filecmp
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
VIEWS = re.findall(
    r"^\$ (cnnops .* --view (\S+\.svg).*)$", (EXAMPLES / "README.md").read_text(), re.MULTILINE
)
"""Calls of examples/README.md that write a view, each with the name of its file."""


def main() -> None:
    """Run the calls in a copy, which may be left untidy, and take over what the page shows."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "CHROMIUM": os.environ.get("CHROMIUM", "chromium"),
    }
    with TemporaryDirectory() as folder:
        copy = shutil.copytree(EXAMPLES, Path(folder) / "examples")
        for line in (*(line for line, _ in VIEWS), "./lesson.sh"):
            subprocess.run(
                ["/bin/sh", "-c", line],
                cwd=copy,
                env=environment,
                stdout=subprocess.DEVNULL,
                check=True,
            )
        for name in (*(name for _, name in VIEWS), "lesson.html", "lesson.png"):
            if not filecmp.cmp(copy / name, EXAMPLES / name, shallow=False):
                shutil.copyfile(copy / name, EXAMPLES / name)
                print(f"examples/{name}")


if __name__ == "__main__":
    main()
