"""New seeds: the one place in the operators that asks the operating system for anything."""

import os


def fresh_seed() -> int:
    """Draw a seed of 32 bits, which is short enough to be typed again."""
    return int.from_bytes(os.urandom(4), "little")
