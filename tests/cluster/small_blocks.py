"""The command, with blocks of one chunk each however small that is."""

import sys

from cnnops_cli.__main__ import main
from cnnops_cli.blocks import grid

if __name__ == "__main__":
    grid.block_grid.__defaults__ = (0,)
    sys.exit(main())
