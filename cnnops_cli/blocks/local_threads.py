"""Blocks on the threads of this machine, one on each."""

from collections.abc import Callable, Sequence

from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.work import BlockReport, BlockWork, run_block
from cnnops_cli.ops.parallel import for_each

Done = Callable[[BlockReport], None]
"""Is told of each block that is done, on any thread."""


def run_on_threads(work: BlockWork, boxes: Sequence[Box], done: Done) -> None:
    """Run all blocks on the threads of `using_threads`, each of which computes by itself.

    The first error, or a signal, stops it: no block is begun then, and those that run are waited
    for.
    """
    for_each(lambda box: done(run_block(work, box)), boxes)
