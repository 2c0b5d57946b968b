"""Blocks on the threads of this machine, one on each."""

from collections.abc import Callable, Sequence

from cnnops_cli.blocks.available_memory import available_memory
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.work import BlockReport, BlockWork, run_block
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.parallel import for_each, one_by_one, thread_count, using_threads

Done = Callable[[BlockReport], None]
"""Is told of each block that is done, on any thread."""


def run_on_threads(work: BlockWork, boxes: Sequence[Box], done: Done) -> None:
    """Run all blocks on the threads of `using_threads` that memory has room for.

    Each thread computes by itself, but a block that is alone uses all. The first error, or a
    signal, stops it: no block is begun then, and those that run are waited for.
    """
    if not boxes:
        return
    opened = work.open()

    def run(box: Box) -> None:
        done(run_block(opened, box))

    # No block is larger than the first of a grid.
    threads = threads_with_room(work.bytes_of(boxes[0]), len(boxes))
    if threads == 1:
        one_by_one(run, boxes)
    else:
        with using_threads(threads):
            for_each(run, boxes)


def threads_with_room(bytes_of_block: int, blocks: int) -> int:
    """Return the number of threads for a number of blocks, each of which takes some memory."""
    threads, room = min(thread_count(), blocks), available_memory()
    if room is None or threads * bytes_of_block <= room:
        return threads
    if bytes_of_block > room:
        raise CnnopsError(
            f"a block takes up to {-(-bytes_of_block >> 20)} MiB, but this machine has "
            f"{room >> 20} MiB of memory available; give the result smaller chunks"
        )
    return room // bytes_of_block
