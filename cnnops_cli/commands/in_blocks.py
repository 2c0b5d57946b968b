"""A Zarr INPUT: its blocks are read, computed and written, and the results appear when whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cnnops_cli import signals
from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.work import BlockReport, BlockWork, Source
from cnnops_cli.commands.block_operands import NpySource, ZarrSink, ZarrSource
from cnnops_cli.commands.block_plan import BlockPlan, StoredArray, plan_blocks
from cnnops_cli.commands.block_runners import Run, block_runner
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.commands.operands import announce_terminal, computing, read_tensors, shapes_to_name
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.commands.outcome import Outcome
from cnnops_cli.commands.stderr import tell
from cnnops_cli.commands.stdout import write_stdout
from cnnops_cli.commands.watch import progress_of
from cnnops_cli.commands.write_outcome import move_into_place, wants_summary
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.parallel import using_threads
from cnnops_cli.parsers import names_zarr
from cnnops_cli.paths import real_path
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.read import INPUT_ARGUMENT, read_tensor
from cnnops_cli.tensors.staged_files import StagedFiles
from cnnops_cli.tensors.tensor import Tensor, has_letters
from cnnops_cli.tensors.zarr_array import ZarrArray, ZarrReference, open_zarr
from cnnops_cli.tensors.zarr_results import ZarrResults

if TYPE_CHECKING:
    from cnnops_cli.blocks.batchnorm import BatchnormBlocks, BoxMoments

_FURTHER = {"indices": "indices", "mask_output": "mask"}
"""By option: the output of the operator that is a Zarr array too."""


def run_in_blocks(kind: type[Operation], call: Call, options: dict[str, Any]) -> None:
    """Apply an operation to a Zarr INPUT, and write its results; or say what that would take."""
    settings = call.settings
    arrays = _opened(call)
    signals.begin()
    announce_terminal(kind.name, settings, *call.tensors.values())
    tensors = _read(kind, call, arrays)
    given = Operands(
        tensors,
        settings.dtype,
        settings.layout,
        settings.dry_run,
        frozenset(option for option, path in call.all_files.items() if path is not None),
    )
    with computing(settings, tensors) as hints:
        operation = kind(given, **options)  # type: ignore[call-arg]
        hints.append(operation.likely_cause)
        operator = operation.blocks()
    stored = _stored(arrays, tensors, operation.layout)
    plan = plan_blocks(operator, operation.layout, stored, settings, _results_of(call))
    outcome = Outcome(operation, np.broadcast_to(np.zeros((), operator.dtype), operator.shape))
    if settings.dry_run:
        from cnnops_cli.commands.explained import report_writer

        with using_threads(settings.threads):
            is_here = settings.scheduler is None
            outcome.estimate = plan.estimate(operation.estimate(), is_here=is_here)
        write_stdout(report_writer(outcome, settings))
        return
    with _naming_operands(tensors):
        sources = _sources(call, arrays, tensors, operation.layout)
        _write_results(call, operation, plan, sources, arrays["input"].reference)
    if wants_summary(settings):
        count = f"{len(plan.grid)} block{'s' * (len(plan.grid) != 1)}"
        told = [settings.output, outcome.shape, operator.dtype.name, count]
        tell("  ".join(filter(None, [*told, outcome.terminal_note])))


def _opened(call: Call) -> dict[str, ZarrArray]:
    """Open the operands that are Zarr arrays."""
    arrays = {"input": open_zarr(call.texts[0], INPUT_ARGUMENT)}
    mask = call.tensors.get("mask")
    if mask is not None and names_zarr(mask):
        arrays["mask"] = open_zarr(mask, "--mask")
    return arrays


def _read(kind: type[Operation], call: Call, arrays: dict[str, ZarrArray]) -> dict[str, Tensor]:
    """Read the tensors; of those that are read in blocks, only what their headers say."""
    tensors = {name: _stand_in(array) for name, array in arrays.items()}
    mask = call.tensors.get("mask")
    if mask is not None and "mask" not in tensors:
        tensors["mask"] = read_tensor(mask, "--mask", Reading(headers=True))
    others = {name: text for name, text in call.tensors.items() if name != "mask"}
    reading = Reading(letters=kind.offers("formulas"), headers=call.settings.dry_run)
    tensors |= read_tensors(reading, call.settings.layout, **others)
    for name, tensor in tensors.items():
        if has_letters(tensor):
            raise CnnopsError(f"--{name} has letters, which do not go with a Zarr INPUT")
    return tensors


def _stand_in(array: ZarrArray) -> Tensor:
    return Tensor(np.broadcast_to(np.zeros((), array.dtype), array.shape), array.name, weak=False)


def _stored(
    arrays: dict[str, ZarrArray], tensors: dict[str, Tensor], layout: InputLayout
) -> dict[str, StoredArray]:
    """Describe what is read in blocks: Zarr arrays, and perhaps a mask in a .npy file."""
    stored = {
        name: StoredArray(
            layout.lengths_in_operator(array.chunks),
            array.dtype,
            array.bytes_in_transit,
            array.chunks_of_a_shard and layout.lengths_in_operator(array.chunks_of_a_shard),
        )
        for name, array in arrays.items()
    }
    if "mask" in tensors and "mask" not in stored:
        mask = tensors["mask"].array
        stored["mask"] = StoredArray((1,) * mask.ndim, mask.dtype)
    return stored


def _sources(
    call: Call, arrays: dict[str, ZarrArray], tensors: dict[str, Tensor], layout: InputLayout
) -> dict[str, Source]:
    sources: dict[str, Source] = {
        name: ZarrSource(array.reference, layout, call.settings.dtype if name == "input" else None)
        for name, array in arrays.items()
    }
    mask = call.tensors.get("mask")
    if mask is not None and "mask" not in sources:
        header = tensors["mask"].array
        sources["mask"] = NpySource(real_path(mask), "--mask", layout, header.shape, header.dtype)
    return sources


def _results_of(call: Call) -> dict[str, str]:
    """Where the outputs of the operator go."""
    paths = {"result": call.settings.output}
    paths |= {output: call.files.get(option) for option, output in _FURTHER.items()}
    return {output: path for output, path in paths.items() if path is not None}


def _other_files(call: Call) -> dict[str, str]:
    """By option: the files that are written in addition to Zarr arrays."""
    return {
        option: path
        for option, path in call.all_files.items()
        if path is not None and option not in _FURTHER
    }


@contextmanager
def _naming_operands(tensors: dict[str, Tensor]) -> Iterator[None]:
    """Have an error of the operator, which has operands, name them as the user wrote them."""
    try:
        yield
    except CnnopsError as error:
        if error.operands:
            error.operands = shapes_to_name(tensors)
        raise


def _write_results(
    call: Call,
    operation: Operation,
    plan: BlockPlan,
    sources: dict[str, Source],
    like: ZarrReference,
) -> None:
    """Compute the blocks, and have all files appear; arrays are compressed as another is."""
    settings, operator = call.settings, plan.operator
    with ZarrResults() as results, StagedFiles() as staged:
        references = {
            output: results.add(
                path,
                plan.shape,
                operator.outputs[output],
                plan.chunks,
                shards=plan.shards,
                like=like,
                overwrite=settings.overwrite,
            )
            for output, path in _results_of(call).items()
        }
        sinks = {name: ZarrSink(each, plan.layout) for name, each in references.items()}
        work = BlockWork(operator, sources, sinks, call.relu, plan.bytes_of_transfer)
        with block_runner(settings, sources, list(references.values())) as run:
            _compute(operation, work, plan, run, settings)
        results.complete()
        for option, path in _other_files(call).items():
            writer = operation.writer(option, path)
            staged.add(path, writer, durable=option in call.state_files)
        signals.hold()
        results.move()
        move_into_place(staged)


def _compute(
    operation: Operation, work: BlockWork, plan: BlockPlan, run: Run, settings: Settings
) -> None:
    """Compute all blocks, and before them what statistics they need."""
    grid, operator = plan.grid, plan.operator
    total = len(grid) * (2 if operator.needs_statistics else 1)
    with progress_of(settings, operation.name, "blocks", total) as progress:
        moments: dict[Box, BoxMoments] = {}

        def done(report: BlockReport) -> None:
            if report.moments is not None:
                moments[report.box] = report.moments
            if progress:
                progress.advance()

        if operator.needs_statistics:
            run(work, grid, done)
            training = cast("BatchnormBlocks", operator)
            operator, running = training.with_statistics([moments[box] for box in grid])
            operation.take_statistics(running)
        run(work._replace(operator=operator), grid, done)
