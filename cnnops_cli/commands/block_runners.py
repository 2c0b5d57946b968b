"""Who computes the blocks of a call: the threads of this machine, or a Dask cluster."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.work import BlockReport, BlockWork, Source
from cnnops_cli.commands.block_operands import ZarrSource
from cnnops_cli.commands.stderr import tell
from cnnops_cli.commands.write_outcome import wants_summary
from cnnops_cli.ops.parallel import thread_count, using_threads
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.zarr_array import ZarrReference, use_zarr_threads

Run = Callable[[BlockWork, Sequence[Box], Callable[[BlockReport], None]], None]


@contextmanager
def block_runner(
    settings: Settings, sources: Mapping[str, Source], results: Sequence[ZarrReference]
) -> Iterator[Run]:
    """Yield what runs all blocks of a work, and tells of each that is done."""
    read = [source.reference for source in sources.values() if isinstance(source, ZarrSource)]
    if settings.scheduler is None:
        from cnnops_cli.blocks.local_threads import run_on_threads

        with using_threads(settings.threads):
            use_readers = partial(use_zarr_threads, thread_count(), (*read, *results))
            yield partial(run_on_threads, use_readers=use_readers)
        return
    from cnnops_cli.blocks.cluster import connected
    from cnnops_cli.tensors.zarr_sharing import SharedArrays

    gc.enable()  # Dask leaves cycles of about 1 KB for each task
    with connected(settings.scheduler) as cluster:
        if cluster.dashboard and wants_summary(settings):
            tell(f"Dask dashboard: {cluster.dashboard}")
        shared = SharedArrays(tuple(read), tuple(results))
        yield partial(cluster.run, prepare=shared.prepare)
