"""Lets the live group call PyTorch through the functions that made the golden fixtures."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "golden"))
