"""A Zarr INPUT: its blocks are read, computed and written, and the results appear when whole."""

import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from cnnops_cli import signals
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.grid import Grid
from cnnops_cli.blocks.threads import run_on_threads
from cnnops_cli.blocks.work import BlockReport, BlockWork
from cnnops_cli.commands.block_plan import BlockPlan
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.operands import computing, has_any_letters, read_tensors
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.commands.stderr import tell
from cnnops_cli.commands.stdout import write_stdout
from cnnops_cli.commands.watch import progress_of
from cnnops_cli.commands.write_outcome import wants_summary
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.parallel import thread_count, using_threads
from cnnops_cli.options import Settings
from cnnops_cli.parsers import names_zarr
from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.read import INPUT_ARGUMENT
from cnnops_cli.tensors.staged_files import StagedFiles
from cnnops_cli.tensors.tensor import Tensor, has_letters
from cnnops_cli.tensors.zarr_array import ZarrArray, open_zarr, use_zarr_threads
from cnnops_cli.tensors.zarr_results import ZarrResults

Run = Callable[[BlockWork, Sequence[Box], Callable[[BlockReport], None]], None]


def run_in_blocks(kind: type[Operation], call: Call, options: dict[str, Any]) -> None:
    """Apply an operation to a Zarr INPUT; see `cnnops_cli.commands.run.run`."""
    gc.enable()  # zarr leaves cycles, and a run in blocks may be long
    settings = call.settings
    arrays = {"input": open_zarr(call.texts[0], INPUT_ARGUMENT)}
    mask = call.tensors.get("mask")
    if mask is not None and names_zarr(mask):
        arrays["mask"] = open_zarr(mask, "--mask")
    signals.begin()
    ...
