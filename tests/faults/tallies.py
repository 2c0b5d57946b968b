"""Counts of runs and violations, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from invariants import Violation


class Tally:
    """Runs and violations by case and kind of fault, and an example of each class."""

    def __init__(self) -> None:
        self._runs: Counter[tuple[str, str]] = Counter()
        self._bad: Counter[tuple[str, str]] = Counter()
        self._classes: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._own = self._left = self._left_runs = 0
        self.missed = 0
        """Runs whose fault did not hit its call."""

    @property
    def violations(self) -> int:
        """Runs of which something did not hold."""
        return self._bad.total()

    def add(
        self,
        case: str,
        kind: str,
        violations: Sequence[Violation],
        repeat: str,
        left: int = 0,
        *,
        hit: bool = True,
        own: bool = False,
    ) -> None:
        """Count one run; where the fault missed its call, or Python failed itself, only that."""
        self._own += own
        if not hit:
            self.missed += 1
            return
        self._runs[case, kind] += 1
        self._left += left
        self._left_runs += bool(left)
        self._bad[case, kind] += bool(violations)
        for violation in violations:
            self._classes[violation.kind] += 1
            example = f"{repeat}\n      {violation.detail}"
            self._examples.setdefault(violation.kind, []).append(example)

    def print(self, examples: int = 3) -> None:
        """Print violations/runs of each case and kind, then the classes with examples."""
        cases = list(dict.fromkeys(case for case, _ in self._runs))
        kinds = sorted({kind for _, kind in self._runs}, key=lambda kind: (kind[:3] == "SIG", kind))
        width = max(map(len, cases), default=0)
        print(" " * width, *(f"{kind:>10}" for kind in kinds), f"{'all':>10}")
        for case in cases:
            cells = [self._cell([(case, kind)]) for kind in kinds]
            print(f"{case:{width}}", *cells, self._cell([(case, kind) for kind in kinds]))
        sums = [self._cell([(case, kind) for case in cases]) for kind in kinds]
        print(f"{'all':{width}}", *sums, self._cell(list(self._runs)))
        print()
        for name, count in self._classes.most_common():
            print(f"{count:5} {name}")
            for example in self._examples[name][:examples]:
                print(f"    {example}")
        print(f"{self._bad.total()} violations in {self._runs.total()} runs")
        print(f"{self._left} files left by {self._left_runs} killed runs")
        if self._own:
            print(f"{self._own} tracebacks of Python's own, before the package was running")
        if self.missed:
            print(f"{self.missed} more runs, whose calls were not the same at each run")

    def _cell(self, keys: Sequence[tuple[str, str]]) -> str:
        runs = sum(self._runs[key] for key in keys)
        bad = sum(self._bad[key] for key in keys)
        return f"{f'{bad}/{runs}' if bad else runs or '.':>10}"
