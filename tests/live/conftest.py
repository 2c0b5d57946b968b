"""Live tests share PyTorch's calls with the fixtures, and the forcing with the oracle tests."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent.parent / each) for each in ("golden", "ops")]
