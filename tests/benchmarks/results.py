"""The ratios that kernels.py measured: kept as JSON, summed up by group."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from pathlib import Path

FAST = "conv, fast"
"""The group that the exact mode is compared with."""

NAMES = {"torch": "PyTorch", "numpy": "NumPy", FAST: FAST}
"""What readers call the other side."""


@dataclass(frozen=True)
class Result:
    """One case as it was measured.

    Attributes
    ----------
    group : str
        The operator, and of conv also how it sums. Ratios of one group can be averaged.
    case : str
        How it was called.
    peer : str
        The package on the other side, or the group.
    ours, theirs : float
        Median seconds of a call.
    ratio, low, high : float
        The median, least and greatest of ours / theirs over the rounds.
    """

    group: str
    case: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The ratios of one group, in order from the least."""

    name: str
    peer: str
    results: Sequence[Result]

    @property
    def mean(self) -> float:
        """The geometric mean."""
        return geometric_mean([result.ratio for result in self.results])


def geometric_mean(ratios: Sequence[float]) -> float:
    """The mean of ratios."""
    return exp(sum(map(log, ratios)) / len(ratios))


def grouped(results: Sequence[Result]) -> list[Group]:
    """Results by group, in the order in which the groups come first."""
    groups: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda result: result.ratio):
        groups.setdefault(result.group, []).append(result)
    names = dict.fromkeys(result.group for result in results)
    return [Group(name, groups[name][0].peer, groups[name]) for name in names]


def begin(path: Path, machine: dict[str, str]) -> None:
    """Make a file of no results, or refuse one of another machine before anything is measured.

    Raises
    ------
    SystemExit
        If the file holds figures of another machine, or of other versions.
    """
    if not path.exists():
        write(path, machine, [])
    before = read(path)[0]
    names = {*machine, *before} - {"date"}
    changed = sorted(name for name in names if machine.get(name) != before.get(name))
    if changed:
        raise SystemExit(f"{path} was measured with another {', '.join(changed)}")


def write(path: Path, machine: dict[str, str], results: Sequence[Result]) -> None:
    """Write results; of a file that is there, the cases that were not measured again are kept.

    So a long suite can be measured in several parts.
    """
    if path.exists():
        now = {(result.group, result.case): result for result in results}
        kept = [now.pop((result.group, result.case), result) for result in read(path)[1]]
        results = [*kept, *now.values()]
    content = {"machine": machine, "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(content, indent=1) + "\n")


def read(path: Path) -> tuple[dict[str, str], list[Result]]:
    """The machine's facts, and the results."""
    content = json.loads(path.read_text())
    return content["machine"], [Result(**result) for result in content["results"]]


def machine_lines(machine: dict[str, str]) -> list[str]:
    """What was measured on, in two lines of text."""
    versions = [f"{name} {machine[name]}" for name in ("Python", "NumPy")]
    peers = [f"{name} {machine[key]}" for key, name in NAMES.items() if key in machine]
    cores = f"{machine['cores']} core{'s' * (machine['cores'] != '1')}"
    return [
        f"{machine['CPU']}, {cores}, {machine['system']}, {machine['date']}",
        f"cnnops-cli {machine['cnnops-cli']}, {', '.join(versions)} with {machine['BLAS']}, "
        f"{', '.join(peers)}",
    ]


def markdown(machine: dict[str, str], results: Sequence[Result]) -> str:
    """A Markdown table: one line per group, and what was measured on below it."""
    lines = [
        "| operator | against | geometric mean | least | most | cases |",
        "|---|---|---|---|---|---|",
    ]
    for group in grouped(results):
        least, most = group.results[0], group.results[-1]
        lines.append(
            f"| {group.name} | {NAMES[group.peer]} | **{group.mean:.2f}** "
            f"| {_cell(least)} | {_cell(most)} | {len(group.results)} |"
        )
    return "\n".join([*lines, "", *machine_lines(machine)])


def _cell(result: Result) -> str:
    return f"{result.ratio:.2f} ({' '.join(result.case.split())})"
