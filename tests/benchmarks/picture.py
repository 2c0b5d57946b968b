"""Draw the ratios that kernels.py kept, and print the table of them.

    python tests/benchmarks/picture.py tests/benchmarks/ratios.json tests/benchmarks/ratios.svg

One dot per case on a logarithmic axis, one band per group, a stroke at its geometric mean. The same
results give the same bytes.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from math import ceil, floor, log10
from pathlib import Path

import results
from results import Group, Result

WIDTH = 860
LEFT, RIGHT = 190, 110
TOP, BOTTOM = 84, 88
RADIUS = 4.2
BAND = 22
"""The least space above and below the middle of a band."""
GAP = 1.4
"""The free space between dots."""

STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
.card { fill: #ffffff; stroke: #d0d7de; }
.band { fill: #f3f5f8; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.equal { stroke: #57606a; stroke-width: 1.5; }
.ink { fill: #1f2328; }
.soft { fill: #57606a; }
.fast { fill: #1a7f5a; fill-opacity: 0.85; }
.slow { fill: #c2571a; fill-opacity: 0.85; }
.mean { stroke: #1f2328; stroke-width: 2.5; }
@media (prefers-color-scheme: dark) {
  .card { fill: #161b22; stroke: #30363d; }
  .band { fill: #1f2630; }
  .grid { stroke: #353d47; }
  .equal { stroke: #9aa4af; }
  .ink { fill: #e6edf3; }
  .soft { fill: #9aa4af; }
  .fast { fill: #4cc38a; }
  .slow { fill: #f0883e; }
  .mean { stroke: #e6edf3; }
}
"""
"""Both schemes bring their own background, so that every page around the picture will do."""


def main(argv: Sequence[str] | None = None) -> None:
    """Write the picture; print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("results", type=Path, help="what kernels.py --json kept")
    parser.add_argument("picture", type=Path, help="the SVG file to write")
    arguments = parser.parse_args(argv)
    machine, measured = results.read(arguments.results)
    arguments.picture.write_text(svg(machine, measured))
    print(results.markdown(machine, measured))


@dataclass(frozen=True)
class Axis:
    """The logarithmic axis: ratios to places."""

    low: float
    high: float

    @classmethod
    def around(cls, ratios: Sequence[float]) -> "Axis":
        """From the tick below all ratios and 1 to the tick above them."""
        below, above = min(*ratios, 0.5), max(*ratios, 2)
        ticks = _ticks(floor(log10(below)), ceil(log10(above)))
        return cls(
            max(tick for tick in ticks if tick <= below),
            min(tick for tick in ticks if tick >= above),
        )

    @property
    def ticks(self) -> list[float]:
        """1, 2 and 5 of every power of ten within the axis."""
        ticks = _ticks(floor(log10(self.low)), ceil(log10(self.high)))
        return [tick for tick in ticks if self.low <= tick <= self.high]

    def __call__(self, ratio: float) -> float:
        share = (log10(ratio) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return LEFT + share * (WIDTH - LEFT - RIGHT)


def _ticks(first: int, last: int) -> list[float]:
    powers = range(first, last + 1)
    return [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]


def svg(machine: dict[str, str], measured: Sequence[Result]) -> str:
    """The picture as text."""
    axis = Axis.around([result.ratio for result in measured])
    boxes, marks, bottom = [], [], float(TOP)
    for number, group in enumerate(results.grouped(measured)):
        dots = spread_out([axis(result.ratio) for result in group.results])
        half = max(BAND, max(abs(y) for _, y in dots) + RADIUS + 6)
        if number % 2 == 0:
            boxes.append(_box("band", 1, bottom, WIDTH - 2, 2 * half))
        marks += _marks(group, axis, dots, bottom, bottom + 2 * half)
        bottom += 2 * half
    height = round(bottom + BOTTOM)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_summary(measured)}">',
        f"<style>{STYLE}</style>",
        _box("card", 0.5, 0.5, WIDTH - 1, height - 1, ' rx="6"'),
        _text(20, 30, "Time of a call, as a share of PyTorch's", "ink", size=17, weight=600),
        _text(20, 50, _legend(measured), "soft"),
        _text(WIDTH - 20, TOP - 8, "mean", "soft", size=11, anchor="end"),
        _text(axis(1), TOP - 8, "equal", "soft", size=11, anchor="middle"),
        *boxes,
        *_grid(axis, bottom),
        *marks,
        *(
            _text(20, bottom + 50 + 18 * row, line, "soft", size=11)
            for row, line in enumerate(results.machine_lines(machine))
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _legend(measured: Sequence[Result]) -> str:
    others = {"numpy": "integers: of NumPy's int64 matrix product", results.FAST: "exact: of fast"}
    shares = [words for peer, words in others.items() if any(r.peer == peer for r in measured)]
    aside = f" ({'; '.join(shares)})" if shares else ""
    return f"One dot per case{aside}, a stroke at the geometric mean; left of 1 is faster"


def _summary(measured: Sequence[Result]) -> str:
    means = (f"{group.name} {group.mean:.2f}" for group in results.grouped(measured))
    return escape(f"Ratios of time, geometric means: {', '.join(means)}")


def _marks(
    group: Group, axis: Axis, dots: Sequence[tuple[float, float]], top: float, bottom: float
) -> list[str]:
    """One operator between two heights: its name, its mean and, before that, its dots."""
    middle, mean = (top + bottom) / 2, f"{axis(group.mean):.1f}"
    cases = f"{len(group.results)} case{'s' * (len(group.results) > 1)}"
    return [
        _text(20, middle - 1, group.name, "ink", size=14, weight=600),
        _text(20, middle + 15, cases, "soft", size=11),
        f'<line class="mean" x1="{mean}" x2="{mean}" y1="{top + 4:.1f}" y2="{bottom - 4:.1f}"/>',
        *(_dot(x, middle + y, result) for (x, y), result in zip(dots, group.results, strict=True)),
        _text(
            WIDTH - 20, middle + 5, f"{group.mean:.2f}", "ink", size=15, weight=600, anchor="end"
        ),
    ]


def _box(kind: str, x: float, y: float, width: float, height: float, more: str = "") -> str:
    place = f'x="{x:g}" y="{y:.1f}" width="{width:g}" height="{height:.1f}"'
    return f'<rect class="{kind}" {place}{more}/>'


def _dot(x: float, y: float, result: Result) -> str:
    name = " ".join(result.case.split())
    title = escape(f"{result.group} {name}: {result.ratio:.2f}")
    speed = "fast" if result.ratio <= 1 else "slow"
    return (
        f'<circle class="{speed}" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}">'
        f"<title>{title}</title></circle>"
    )


def spread_out(places: Sequence[float]) -> list[tuple[float, float]]:
    """Move dots up and down, each as little as it takes, until none touches another."""
    placed: list[tuple[float, float]] = []
    apart = 2 * RADIUS + GAP
    for x in places:
        near = [(x0, y0) for x0, y0 in placed if abs(x - x0) < apart]
        steps = (sign * step * apart / 4 for step in count() for sign in (1, -1))
        free = (
            y for y in steps if all((x - x0) ** 2 + (y - y0) ** 2 >= apart**2 for x0, y0 in near)
        )
        placed.append((x, next(free)))
    return placed


def _grid(axis: Axis, bottom: float) -> list[str]:
    """The axis below, a line at every tick, and a strong one at 1."""
    lines = []
    for tick in axis.ticks:
        kind = "equal" if tick == 1 else "grid"
        x = f"{axis(tick):.1f}"
        lines.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{TOP}" y2="{bottom + 5:.1f}"/>')
        ink, weight = ("ink", 600) if tick == 1 else ("soft", 400)
        label = _text(axis(tick), bottom + 20, f"{tick:g}", ink, weight=weight, anchor="middle")
        lines.append(label)
    return lines


def _text(
    x: float, y: float, words: str, kind: str, size: int = 12, weight: int = 400, anchor: str = ""
) -> str:
    more = f' text-anchor="{anchor}"' if anchor else ""
    more += f' font-weight="{weight}"' if weight != 400 else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size}"{more}>'
        f"{escape(words)}</text>"
    )


if __name__ == "__main__":
    main()
