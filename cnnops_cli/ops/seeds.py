"""Fresh seeds: the one place in the operators that asks the operating system for anything."""

import os


def fresh_seed() -> int:
    """Draw a seed that is short enough to be typed again: 32 bits."""
    return int.from_bytes(os.urandom(4), "little")
