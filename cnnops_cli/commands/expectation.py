"""The check that --expect asks for: its options, the comparison, and what is said of it."""

from collections.abc import Sequence
from functools import partial

from cnnops_cli.checks.comparison import Comparison, compare
from cnnops_cli.checks.comparison_lines import differences, verdict
from cnnops_cli.checks.tolerance import tolerance_of
from cnnops_cli.commands.operands import as_batch
from cnnops_cli.commands.outcome import Outcome
from cnnops_cli.commands.stderr import printable, tell
from cnnops_cli.commands.write_outcome import write_outcome
from cnnops_cli.errors import CheckFailedError, CnnopsError
from cnnops_cli.paths import real_path
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.golden_files import golden_path, golden_writer
from cnnops_cli.tensors.read import STDIN, split_member
from cnnops_cli.tensors.staged_files import StagedFiles
from cnnops_cli.tensors.tensor import Tensor, has_letters


def check_options(settings: Settings, outputs: Sequence[str], sources: Sequence[str]) -> None:
    """Refuse, before any work, options of a check that do not go together.

    `outputs` are the real paths of the other files that are written, `sources` the other tensors
    that are read.
    """
    if settings.expect is None:
        raise CnnopsError(f"{settings.given_check_options()[0]} goes with --expect TENSOR")
    if settings.ulp is not None and (settings.rtol, settings.atol) != (None, None):
        other = "--atol" if settings.rtol is None else "--rtol"
        raise CnnopsError(f"--ulp is a tolerance by itself; leave {other} out")
    if settings.update_expected:
        golden_path(settings.expect)
        if settings.equal_nan is False:
            raise CnnopsError(
                "--update-expected takes NaN as equal to NaN; leave --no-equal-nan out"
            )
        if any(_is_same(settings.expect, source) for source in sources):
            raise CnnopsError(
                f"--update-expected would replace {settings.expect}, which the result is made of"
            )
    if real_path(split_member(settings.expect)[0]) in outputs:
        raise CnnopsError(
            f"{settings.expect} is what --expect compares with, and would be replaced by another "
            "result; --update-expected writes it"
        )


def _is_same(golden: str, source: str) -> bool:
    """Return whether two texts name one array; an archive alone may mean any of its own."""
    (path, member), (other_path, other) = map(split_member, (golden, source))
    if real_path(path) != real_path(other_path):
        return False
    return _bare(member) == _bare(other) or None in (member, other)


def _bare(member: str | None) -> str | None:
    """Name a member as NumPy does, which takes ``a.npy`` and ``a`` as one."""
    return member and member.removesuffix(".npy")


def write_checked(
    outcome: Outcome,
    settings: Settings,
    staged: StagedFiles,
    expected: Tensor | None,
    json: str | None,
) -> None:
    """Write an outcome, and say on standard error how it compares with what was expected.

    Parameters
    ----------
    expected : Tensor or None
        None where the golden file is still to be made.
    json : str or None
        INPUT as the user wrote it, where it is JSON: that has no dtype.

    Raises
    ------
    CheckFailedError
        If the result is not equal to it, and the golden file was not to be updated.
    """
    if expected is not None and has_letters(expected):
        raise CnnopsError("--expect has letters, but a result is compared with numbers")
    found = None if expected is None else _compare(outcome, settings, expected)
    holds = found is not None and found.equal
    if settings.update_expected and not holds:
        path, write = golden_writer(str(settings.expect), outcome.output)
        outcome.durable_files = {path: write} | outcome.durable_files
    closed_pipe = None
    try:
        write_outcome(outcome, settings, staged)
    except BrokenPipeError as error:  # whoever read the result does not need the verdict less
        closed_pipe = error
    if not settings.quiet:
        name = "standard input" if settings.expect == STDIN else settings.expect
        first, *others = _words(outcome, settings, found, _shown(str(name)))
        if found is not None:
            others += _likely_causes(outcome, settings, found, json)
        tell("\n  ".join([f"cnnops {outcome.operator}: {first}", *others]))
    if not holds and not settings.update_expected:
        raise CheckFailedError
    if closed_pipe is not None:
        raise closed_pipe


def _compare(outcome: Outcome, settings: Settings, expected: Tensor) -> Comparison:
    tolerance = partial(
        tolerance_of,
        rtol=settings.rtol,
        atol=settings.atol,
        ulp=settings.ulp,
        equal_nan=settings.update_expected or bool(settings.equal_nan),
    )
    result = outcome.output
    if expected.picture and result.ndim > expected.array.ndim:  # it was written of a batch of one
        expected = as_batch(expected)
    return compare(result, expected.array, weak=expected.weak, tolerance=tolerance)


def _words(outcome: Outcome, settings: Settings, found: Comparison | None, name: str) -> list[str]:
    if found is None:
        return [f"{name} created: {outcome.output.shape} {outcome.output.dtype}"]
    if not settings.update_expected:
        return [verdict(found, name), *differences(found)]
    if found.equal:
        return [f"{name} unchanged: equal {found.tolerance}"]
    return [f"{name} updated; the result was not as expected:", *differences(found)]


def _likely_causes(
    outcome: Outcome, settings: Settings, found: Comparison, json: str | None
) -> list[str]:
    """Say where another shape or dtype is likely to come from."""
    (shape, expected), (dtype, wanted) = found.shapes, found.dtypes
    other = outcome.operation.layout.in_the_other_layout()
    if shape != expected and other.from_operator(outcome.result).shape == expected:
        return [f"the expected shape is that of --layout {other.layout}"]
    if shape == expected and dtype != wanted and json is not None and settings.dtype is None:
        remedy = "-f npy before the pipe" if json == STDIN else f"--dtype {wanted} sets it"
        return [f"JSON carries no dtype: {remedy}"]
    return []


def _shown(text: str) -> str:
    """Name a tensor on one line; JSON text is not repeated."""
    if text.lstrip().startswith("["):
        return "--expect"
    return printable(text)
