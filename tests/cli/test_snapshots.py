"""The plain view, to the byte: people compare it, so that a change here is a major version."""

import numpy as np
import pytest

SNAPSHOTS = {
    "plane": (
        ["conv", "-k", "[[1,10],[100,1000]]", "-s", "1,2", "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"],
        80,
        """\
conv  (2, 2)  int64  min 6521  max 13187  mean 9854
 6521   8743
10965  13187
""",
    ),
    "planes, and what is not finite": (
        ["dropout", "--eval", "[[[NaN,1.5],[Infinity,-0.25]],[[1,2],[3,-Infinity]]]"],
        80,
        """\
dropout  (2, 2, 2)  float64  min -0.25  max 3  mean 1.45  1 nan  1 inf  1 -inf

[0]
  nan   1.50
  inf  -0.25

[1]
   1     2
   3  -inf
""",
    ),
    "rows and columns left out": (
        ["maxpool", "-k", "1", "x.npy"],
        40,
        """\
maxpool  (40, 100)  int64  min 0
max 3999  mean 1999.5
   0     1     2  …    97    98    99
 100   101   102  …   197   198   199
   ⋮     ⋮     ⋮  …     ⋮     ⋮     ⋮
3800  3801  3802  …  3897  3898  3899
3900  3901  3902  …  3997  3998  3999
… 36 more rows, 94 more columns
""",
    ),
    "planes left out": (
        ["maxpool", "-k", "1", "many.npy"],
        80,
        """\
maxpool  (8, 1, 1)  int64  min 0  max 7  mean 3.5

[0]
0

[1]
1

[2]
2

… 2 more planes

[5]
5

[6]
6

[7]
7
""",
    ),
    "a row": (
        ["maxpool", "-k", "1", "--dims", "1", "--precision", "2", "[0.5,1,100]"],
        80,
        """\
maxpool  (3,)  float64  min 0.50  max 100.00  mean 33.83
  0.50    1.00  100.00
""",
    ),
    "large and small numbers": (
        ["dropout", "--eval", "[[1e-9,2.5e10],[3,4]]"],
        80,
        """\
dropout  (2, 2)  float64  min 1e-09  max 2.5e+10  mean 6.25e+09
1.0000e-09  2.5000e+10
3.0000e+00  4.0000e+00
""",
    ),
    "no values": (
        ["maxpool", "-k", "1", "empty.npy"],
        80,
        "maxpool  (0, 1, 2, 2)  float32  no values\n",
    ),
    "one number": (
        ["dropout", "--eval", "2.5"],
        80,
        "dropout  ()  float64  min 2.5  max 2.5  mean 2.5\n2.5\n",
    ),
    "the seed of a mask": (
        ["dropout", "--seed", "3", "[1,2,3,4]"],
        80,
        "dropout  (4,)  float64  min 0  max 4  mean 1.5  seed 3\n2  4  0  0\n",
    ),
    "channels-last is shown by channel": (
        ["dropout", "--eval", "--layout", "channels-last", "[[[[1,2],[3,4]],[[5,6],[7,8]]]]"],
        80,
        """\
dropout  (1, 2, 2, 2)  int64  min 1  max 8  mean 4.5

[0, 0]
1  3
5  7

[0, 1]
2  4
6  8
""",
    ),
}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_plain_view(cnnops, tmp_path, name):
    call, columns, expected = SNAPSHOTS[name]
    np.save(tmp_path / "x.npy", np.arange(40 * 100).reshape(40, 100))
    np.save(tmp_path / "many.npy", np.arange(8).reshape(8, 1, 1))
    np.save(tmp_path / "empty.npy", np.zeros((0, 1, 2, 2), np.float32))
    assert (
        cnnops.text(*call, "-f", "table", env={"COLUMNS": str(columns), "LINES": "10"}) == expected
    )
