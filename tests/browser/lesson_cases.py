"""Calls of all four operators, and what their lessons must show."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from lesson_oracle import At, Step, batchnorm, conv, dropout, element, maxpool

NAN, INF = float("nan"), float("inf")
NOTES = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]


class Geometry(NamedTuple):
    """The spatial axes and layout of a call whose operator has windows."""

    dims: int
    last: bool = False


@dataclass(frozen=True)
class Case:
    """One call. `steps` takes what the command writes for a mask, where there is one."""

    name: str
    operator: str
    options: list[str]
    x: list
    steps: Callable[..., dict[At, Step]]
    geometry: Geometry | None = None
    kernel: list | None = None
    rtol: float = 0

    @property
    def arguments(self) -> list[str]:
        return [self.operator, *self.options, as_json(self.x)]


def as_json(tensor) -> str:
    return json.dumps(tensor, separators=(",", ":"))


def conv_case(name, options, x, kernel, *, rtol=0, **call) -> Case:
    return Case(
        name,
        "conv",
        ["-k", as_json(kernel), *options.split()],
        x,
        lambda: conv(x, kernel, **call),
        Geometry(call.get("dims", 2), call.get("last", False)),
        kernel,
        rtol,
    )


def maxpool_case(name, options, x, kernel, **call) -> Case:
    return Case(
        name,
        "maxpool",
        ["-k", ",".join(map(str, kernel)), *options.split()],
        x,
        lambda: maxpool(x, kernel, **call),
        Geometry(len(kernel), call.get("last", False)),
    )


def batchnorm_case(name, options, x, *, rtol=1e-12, **call) -> Case:
    return Case(
        name, "batchnorm", options.split(), x, lambda: batchnorm(x, **call), None, None, rtol
    )


def dropout_case(name, options, x, **call) -> Case:
    return Case(
        name,
        "dropout",
        options.split(),
        x,
        lambda mask=None: dropout(x, kept=lambda at: element(mask, at) != 0, **call),
    )


def counted(*shape: int, start: int = 1, step: int = 1) -> list:
    """Return nested lists of this shape whose elements are start, start + step, …"""
    if len(shape) == 1:
        return [start + step * i for i in range(shape[0])]
    inner = step
    for length in shape[1:]:
        inner *= length
    return [counted(*shape[1:], start=start + inner * i, step=step) for i in range(shape[0])]


CONV = [
    conv_case("conv-notes", "-s 1,2", NOTES, [["a", "b"], ["c", "d"]], stride=[1, 2], rtol=0),
    conv_case(
        "conv-pairs-dilation",
        "-p 1:0,0:2 -d 2,1 -b -5",
        NOTES,
        [[1, -2], [3, 10]],
        pairs=[(1, 0), (0, 2)],
        dilation=[2, 1],
        bias=-5,
    ),
    conv_case(
        "conv-reflect",
        "-p 1,2 --padding-mode reflect -s 2",
        NOTES,
        [[1, 10, 100], [2, 20, 200]],
        pairs=[(1, 1), (2, 2)],
        mode="reflect",
        stride=[2, 2],
    ),
    conv_case(
        "conv-replicate",
        "-p 2 --padding-mode replicate -s 2,3 -b 0.5",
        [[1.5, -2.0], [0.25, 4.0]],
        [[1, 0], [0, -1]],
        pairs=[(2, 2), (2, 2)],
        mode="replicate",
        stride=[2, 3],
        bias=0.5,
    ),
    conv_case(
        "conv-circular-letters-1d",
        "-p 1 --padding-mode circular -b [t]",
        ["p", 2, 3, -4],
        ["a", "b", "c"],
        dims=1,
        pairs=[(1, 1)],
        mode="circular",
        bias=["t"],
    ),
    conv_case(
        "conv-same-upper-filters-relu",
        "-p same-upper -s 2 --relu -b [1,-3]",
        NOTES,
        [[[[1, -1], [2, -2]]], [[[-1, 1], [-3, 4]]]],
        pairs=[(0, 1), (0, 0)],
        stride=[2, 2],
        bias=[1, -3],
        relu=True,
    ),
    conv_case(
        "conv-groups-batch-float32",
        "-g 2 --dtype float32 -b [0.5,-1,0,2]",
        counted(2, 4, 2, 3, start=-20),
        counted(4, 2, 2, 2, start=-9),
        groups=2,
        bias=[0.5, -1.0, 0.0, 2.0],
        rtol=1e-7,
    ),
    conv_case(
        "conv-depthwise-channels-last",
        "--depthwise --layout channels-last -p 0:1,1:0",
        counted(2, 3, 2),
        [[1, 2], [3, -4]],
        pairs=[(0, 1), (1, 0)],
        repeated=True,
        last=True,
    ),
    conv_case(
        "conv-1d-channels",
        "--dims 1 -d 2 -p 2:0",
        counted(2, 4),
        [[1, 2], [-3, 5]],
        dims=1,
        dilation=[2],
        pairs=[(2, 0)],
    ),
    conv_case(
        "conv-3d",
        "-p 1:0,0:0,0:0 -s 1,2,1",
        counted(1, 2, 3, 3),
        [[[[[1, 2], [3, 4]], [[5, 6], [7, -8]]]]],
        dims=3,
        pairs=[(1, 0), (0, 0), (0, 0)],
        stride=[1, 2, 1],
    ),
    conv_case(
        "conv-nan-inf",
        "-p 1:0,0:0",
        [[1.5, NAN, 2.0], [INF, -2.0, 0.25]],
        [[2.0, 0.5], [-1.0, 3.0]],
        pairs=[(1, 0), (0, 0)],
    ),
]
MAXPOOL = [
    maxpool_case("maxpool-notes", "-s 1,2", NOTES, [2, 2], stride=[1, 2]),
    maxpool_case(
        "maxpool-padding-ceil-nan",
        "-p 1 --ceil-mode -s 2",
        [[-1.0, -2.5, NAN, -4.0], [-5.0, NAN, -7.0, -INF], [3.0, 3.0, -7.0, INF]],
        [3, 2],
        stride=[2, 2],
        pairs=[(1, 1), (1, 1)],
        ceil_mode=True,
    ),
    maxpool_case(
        "maxpool-ceil-past-padding",
        "-s 2,3 -d 2,1 -p 0:1,0:1 --ceil-mode",
        [[[[-1.0], [0.5], [-4.5]]], [[[INF], [3.5], [3.0]]]],
        [2, 2],
        stride=[2, 3],
        dilation=[2, 1],
        pairs=[(0, 1), (0, 1)],
        ceil_mode=True,
    ),
    maxpool_case(
        "maxpool-1d-ceil-past-the-end",
        "--dims 1 -s 3 -d 2 --ceil-mode",
        [0.5, NAN, 4.5, INF],
        [3],
        stride=[3],
        dilation=[2],
        ceil_mode=True,
    ),
    maxpool_case(
        "maxpool-1d-ties-relu",
        "--dims 1 -s 1 -p 1:0 -d 2 --relu",
        [[-1, -1, 3, 3, -5], [2, 2, 2, -9, 2]],
        [2],
        stride=[1],
        dilation=[2],
        pairs=[(1, 0)],
        relu=True,
    ),
    maxpool_case(
        "maxpool-3d-channels-last",
        "--dims 3 --layout channels-last -s 1,2,1",
        counted(1, 2, 3, 3, 2, start=40, step=-1),
        [2, 2, 2],
        stride=[1, 2, 1],
        last=True,
    ),
    maxpool_case(
        "maxpool-letters",
        "-s 1 -p 1:0",
        [["é", "变量"], [3, "x_1"]],
        [2, 2],
        stride=[1, 1],
        pairs=[(1, 0), (1, 0)],
    ),
]
BATCHNORM = [
    batchnorm_case(
        "batchnorm-n-c",
        "--weight [2,3] --bias [0.5,-1]",
        [[1, 10], [3, 30]],
        weight=[2, 3],
        bias=[0.5, -1],
    ),
    batchnorm_case(
        "batchnorm-planes-float32-relu",
        "--dtype float32 --relu --eps 0.25",
        [[[[-1, 3]], [[0, 4]]], [[[3, -1]], [[4, 0]]]],
        relu=True,
        eps=0.25,
        rtol=1e-6,
    ),
    batchnorm_case(
        "batchnorm-eval-channels-last",
        "--eval --layout channels-last --running-mean [-1,2] --running-var [4,0.25]",
        [[[1.5, -2.0], [0.0, 7.0]]],
        running=([-1, 2], [4, 0.25]),
        last=True,
    ),
]
DROPOUT = [
    dropout_case("dropout-seed", "--seed 1 -p 0.75", [1, 2, -3, 4, 0, 5], p=0.75),
    dropout_case(
        "dropout-mask",
        "--mask [[[1,0],[0,1]],[[1,1],[0,0]]]",
        [[[1.5, NAN], [INF, -2.0]], [[0.5, 3.0], [4.0, -1.0]]],
    ),
    dropout_case("dropout-channelwise", "--channelwise --seed 2", counted(2, 3, 2)),
    dropout_case("dropout-eval", "--eval", [[1, -2], [0, 3]], training=False),
    dropout_case("dropout-all", "-p 1 --seed 0", [1.5, NAN, -INF], p=1),
]
CASES = [*CONV, *MAXPOOL, *BATCHNORM, *DROPOUT]
BY_NAME = {case.name: case for case in CASES}
all_cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
