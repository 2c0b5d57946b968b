"""Blocks on the threads of this machine."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cnnops_cli.blocks.available_memory import available_memory
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.work import BlockReport, BlockWork, run_block
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.parallel import for_each, one_by_one, thread_count, using_threads

Done = Callable[[BlockReport], None]
"""Is told of each block that is done, on any thread."""


class Sharing(NamedTuple):
    """How the threads of this machine share blocks.

    Attributes
    ----------
    blocks : int
        The number at a time: one per thread, or one that all threads compute.
    readers : int
        How many threads' worth of chunks are read or written at a time for a block.
    threads : int
        The number that has something to do.
    bytes : int
        The memory that all this takes at most.
    """

    blocks: int
    readers: int
    threads: int
    bytes: int


def run_on_threads(
    work: BlockWork, boxes: Sequence[Box], done: Done, use_readers: Callable[[int], None]
) -> None:
    """Run all blocks on the threads of `using_threads` that memory has room for.

    `use_readers` sets how many threads' worth of chunks a read or write takes at a time. The first
    error, or a signal, stops it: no block is begun then, and those that run are waited for.
    """
    if not boxes:
        return
    opened = work.open()

    def run(box: Box) -> None:
        done(run_block(opened, box))

    # No block is larger than the first of a grid.
    shared = sharing(work.bytes_of(boxes[0]), work.bytes_of_transfer, len(boxes))
    use_readers(shared.readers)
    if shared.blocks == 1:
        one_by_one(run, boxes)
    else:
        with using_threads(shared.blocks):
            for_each(run, boxes)


def sharing(bytes_of_block: int, bytes_of_transfer: int, blocks: int) -> Sharing:
    """Return how threads share blocks, each of which takes some memory, that of transfers included.

    Where at most half of the threads would have a block, all of them compute one after the other.
    """
    threads, room = thread_count(), available_memory()
    at_a_time = min(threads, blocks) if 2 * blocks > threads else 1
    if room is not None:
        if bytes_of_block > room:
            raise CnnopsError(
                f"a block takes up to {-(-bytes_of_block >> 20)} MiB, but this machine has "
                f"{room >> 20} MiB of memory available; give the result smaller chunks"
            )
        at_a_time = min(at_a_time, room // bytes_of_block)
    if at_a_time > 1:
        return Sharing(at_a_time, 1, at_a_time, at_a_time * bytes_of_block)
    readers = threads
    if room is not None and bytes_of_transfer:
        readers = min(threads, 1 + (room - bytes_of_block) // bytes_of_transfer)
    return Sharing(1, readers, threads, bytes_of_block + (readers - 1) * bytes_of_transfer)
