"""What Dask loads into a worker, to slow blocks down, and to hold them while a file is there."""

import os
import sys
import time

from cnnops_cli import CnnopsError
from cnnops_cli.blocks import worker

SECONDS = 0.15
run_block = worker.run_block


def run_slowly(work, box):
    time.sleep(SECONDS)
    while os.path.exists(os.environ["HOLD"]):
        time.sleep(0.02)
    try:
        return run_block(work, box)
    except CnnopsError as error:  # of which Dask says nothing where the block was cancelled
        print(error, file=sys.stderr, flush=True)
        raise


def dask_setup(_):
    worker.run_block = run_slowly
