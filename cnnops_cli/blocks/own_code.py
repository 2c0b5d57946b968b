"""Which code this is: versions have one number for as long as they are worked on."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from cnnops_cli import __version__


@cache
def own_code() -> str:
    """Return the version of this package, and a digest of its sources when it was first asked for.

    It is the same wherever the sources are the same, in any folder and with any line endings.
    """
    package, digest = Path(__file__).parent.parent, sha256()
    for name in sorted(path.relative_to(package).as_posix() for path in package.rglob("*.py")):
        text = (package / name).read_text(encoding="utf-8")
        digest.update(f"{name}\0{text}\0".encode())
    return f"{__version__} (sources {digest.hexdigest()[:12]})"
