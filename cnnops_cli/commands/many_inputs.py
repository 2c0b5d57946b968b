"""Several INPUTs: each result goes to a directory, and a state from one to the next."""

from collections.abc import Callable, Sequence

from cnnops_cli import signals
from cnnops_cli.commands.large_results import staging
from cnnops_cli.commands.operands import read_tensors
from cnnops_cli.commands.outcome import Outcome
from cnnops_cli.commands.stderr import reason_of, report, tell
from cnnops_cli.commands.watch import progress_of
from cnnops_cli.commands.write_outcome import move_into_place, wants_summary, write_outcome
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.parallel import watched_by
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import Reading
from cnnops_cli.tensors.staged_files import StagedFiles, made_directory
from cnnops_cli.tensors.tensor import Tensor
from cnnops_cli.tensors.write import Writer


def apply_to_each(
    command: str,
    work: Callable[[dict[str, Tensor]], Outcome],
    settings: Settings,
    inputs: Sequence[str],
    outputs: Sequence[str],
    operands: dict[str, Tensor],
    reading: Reading,
) -> None:
    """Apply an operator to each INPUT; one that fails is reported, and the others go on.

    What the operation leaves to the next INPUT is written last, and only where none failed.
    """
    directory, failed = str(settings.output), 0
    state: dict[str, Writer] = {}
    with (
        made_directory(directory),
        progress_of(settings, command, "INPUTs", len(inputs)) as progress,
    ):
        for text, path in zip(inputs, outputs, strict=True):
            signals.release()  # those that waited until the files of the last were in their places
            try:
                with staging(path, {}, settings.layout) as staged:
                    with watched_by(progress.within if progress else None):
                        read = read_tensors(reading, settings.layout, input=text)
                        outcome = work(read | operands)
                    state, outcome.durable_files = outcome.durable_files, {}
                    write_outcome(outcome, settings._replace(output=path, quiet=True), staged)
            except (CnnopsError, MemoryError) as error:
                failed += 1
                reason = reason_of(error)
                if progress:
                    progress.clear()
                report(f"cnnops {command}", reason if text in reason else f"{text}: {reason}")
            if progress:
                progress.advance()
    if failed == len(inputs):
        raise CnnopsError(f"all {failed} INPUTs failed")
    if failed:
        raise CnnopsError(
            f"{failed} of {len(inputs)} INPUTs failed; the results of the others are in {directory}"
            + "".join(f", and {path} was not written" for path in state)
        )
    _write_state(state)
    if wants_summary(settings):
        tell(f"{directory}  {len(inputs)} results")


def _write_state(state: dict[str, Writer]) -> None:
    if not state:
        return
    signals.release()
    with StagedFiles() as staged:
        for path, write in state.items():
            staged.add(path, write, durable=True)
        move_into_place(staged)
