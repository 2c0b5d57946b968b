"""The command, with blocks of one chunk each however small that is, and with less PATIENCE."""

import os
import sys

from cnnops_cli.__main__ import main
from cnnops_cli.blocks import scheduler
from cnnops_cli.commands import block_plan

if __name__ == "__main__":
    block_plan.BLOCK_BYTES = 1
    scheduler._PATIENCE = float(os.environ.get("PATIENCE", scheduler._PATIENCE))
    sys.exit(main())
