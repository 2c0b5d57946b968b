"""The plain view, to the byte: people compare it, so that a change here is a major version."""

import numpy as np
import pytest

FILES = {
    "x": np.arange(40 * 100).reshape(40, 100),
    "holes": np.where(np.arange(5000).reshape(50, 100) % 1101 == 505, np.nan, 1.0),
    "channels": np.arange(5 * 30 * 30).reshape(5, 30, 30) % 977,
    "rows": np.arange(150 * 4).reshape(150, 4),
    "many": np.arange(64).reshape(64, 1, 1),
    "row": np.arange(0, 200, 5),
    "signal": np.arange(20_000) % 7000,
    "constant": np.full((30, 30), 0.1),
    "nothing": np.full((30, 30), np.nan),
    "empty": np.zeros((0, 1, 2, 2), np.float32),
}
SNAPSHOTS = {
    "plane": (
        ["conv", "-k", "[[1,10],[100,1000]]", "-s", "1,2", "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"],
        80,
        """\
conv  (H 2, W 2)  int64  min 6521  max 13187  mean 9854  std 2484.27
 6521   8743
10965  13187
""",
    ),
    "planes, and what is not finite": (
        ["dropout", "--eval", "[[[NaN,1.5],[Infinity,-0.25]],[[1,2],[3,-Infinity]]]"],
        80,
        """\
dropout  (2, 2, 2)  float64  min -0.25  max 3  mean 1.45  std 1.07703  1 nan!
1 inf!  1 -inf!
[0]             [1]
  nan   1.50     1.00   2.00
  inf  -0.25     3.00   -inf
""",
    ),
    "a heat map": (
        ["maxpool", "-k", "1", "x.npy"],
        40,
        """\
maxpool  (H 40, W 100)  int64  min 0
max 3999  mean 1999.5  std 1154.7
0        …        99

░░░░░░░░░░░░░░░░░░░░
▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓
████████████████████
3900     …      3999
blank from 452  ░ from 1071  ▒ from 1690
▓ from 2309  █ from 2928 to 3547
a cell is the mean of 10 × 5 values
""",
    ),
    "a heat map with what is not finite": (
        ["maxpool", "-k", "1", "holes.npy"],
        80,
        """\
maxpool  (H 50, W 100)  float64  min 1  max 1  mean 1  std 0  5 nan!
1          …           1
▒!▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
▒!▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
▒!▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
▒!▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
▒!!▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
▒▒!▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
1          …           1
▒ 1  ! nan or inf  a cell is the mean of 8.333 × 4.167 values
""",
    ),
    "channels": (
        ["maxpool", "-k", "1", "channels.npy"],
        80,
        """\
maxpool  (C 5, H 30, W 30)  int64  min 0  max 976  mean 462.676  std 277.768
[0]            [1]            [2]            [3]            [4]
               ▒▓▓▓▓▓▒░░░░▒   ████████████   ████████████   ▓▓▓▓▓███████
         ░░░                  ░              ▒▒▒▓▓▓▓▓▒░░░   ████████████
░░░░░░░░░░░░   ░░░░░░░░░░░░             ░░                  ░░░
▒▒▒▒▒▒▒▒▒▒▒▒   ▒▒▒▒▒▒▒▒▒▒▒▒   ░░░░░░░░░░░░   ░░░░░░░░░░░░
▓▓▓▓▓▓▓▓▓▓▓▓   ▓▓▓▓▓▓▓▓▓▓▓▓   ▒▒▒▒▒▒▒▒▒▒▒▒   ▒▒▒▒▒▒▒▒▒▒▒▒   ░░░░░░░░░░░░
████████████   ▓▓▓█████████   ▓▓▓▓▓▓▓▓▓▓▓▓   ▓▓▓▓▓▓▓▓▓▓▓▓   ▒▒▒▒▒▒▒▒▒▒▒▒
blank from 60.8  ░ from 230.9  ▒ from 401  ▓ from 571  █ from 741.1 to 911.2
a cell is the mean of 5 × 2.5 values
""",
    ),
    "channels, narrow": (
        ["maxpool", "-k", "1", "channels.npy"],
        40,
        """\
maxpool  (C 5, H 30, W 30)  int64  min 0
max 976  mean 462.676  std 277.768
[0]      [1]      [2]      [3]
         ░░░░░░   ▓▒▒▒▒▒   ████▓▓
▒▒▒▒▒▒   ░░░░░░   ░░░░░░
██████   ██████   ▓▓▓▓▓▓   ▒▒▓▓▓▓
… 1 more plane
blank from 137  ░ from 262  ▒ from 387
▓ from 512  █ from 637 to 762
a cell is the mean of 10 × 5 values
""",
    ),
    "rows left out": (
        ["dropout", "--eval", "rows.npy"],
        80,
        """\
dropout  (150, 4)  int64  min 0  max 599  mean 299.5  std 173.205
  0    1    2    3
  4    5    6    7
  8    9   10   11
 12   13   14   15
  ⋮    ⋮    ⋮    ⋮
584  585  586  587
588  589  590  591
592  593  594  595
596  597  598  599
… 142 more rows
""",
    ),
    "planes left out": (
        ["maxpool", "-k", "1", "many.npy"],
        40,
        """\
maxpool  (C 64, H 1, W 1)  int64  min 0
max 63  mean 31.5  std 18.473
[0]    [1]    [2]    [3]    [4]    [5]
 0      1      2      3      4      5

[6]    [7]    [8]    [9]    [10]   [11]
 6      7      8      9     10     11

[12]   [13]   [14]   [15]   [16]   [17]
12     13     14     15     16     17
… 46 more planes
""",
    ),
    "a row": (
        ["maxpool", "-k", "1", "--dims", "1", "--precision", "2", "[0.5,1,100]"],
        80,
        """\
maxpool  (W 3)  float64  min 0.50  max 100.00  mean 33.83  std 46.79
  0.50    1.00  100.00
""",
    ),
    "a row in several lines": (
        ["maxpool", "-k", "1", "--dims", "1", "row.npy"],
        40,
        """\
maxpool  (W 40)  int64  min 0  max 195
mean 97.5  std 57.717
 0:   0    5   10   15   20   25   30
 7:  35   40   45   50   55   60   65
14:  70   75   80   85   90   95  100
21: 105  110  115  120  125  130  135
28: 140  145  150  155  160  165  170
35: 175  180  185  190  195
""",
    ),
    "a long row": (
        ["maxpool", "-k", "1", "--dims", "1", "signal.npy"],
        80,
        """\
maxpool  (W 20000)  int64  min 0  max 6999  mean 3349.5  std 1952.14
    0:                                          ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
 2500: ░░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓
 5000: ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓█████████████████████████████████████████▒
 7500:                            ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░▒▒▒▒▒▒
10000: ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓
12500: ▓▓██████████████████████████████████████████
15000:             ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
17500: ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓████████████
blank from 16.63  ░ from 1407  ▒ from 2797  ▓ from 4188  █ from 5578 to 6969
a cell is the mean of 34.25 values
""",
    ),
    "large and small numbers": (
        ["dropout", "--eval", "[[1e-9,2.5e10],[3,4]]"],
        80,
        """\
dropout  (2, 2)  float64  min 1e-09  max 2.5e+10  mean 6.25e+09  std 1.08253e+10
1.0000e-09  2.5000e+10
3.0000e+00  4.0000e+00
""",
    ),
    "one value everywhere": (
        ["maxpool", "-k", "1", "constant.npy"],
        40,
        """\
maxpool  (H 30, W 30)  float64  min 0.1
max 0.1  mean 0.1  std 0
▒▒▒▒▒▒▒▒
▒▒▒▒▒▒▒▒
▒▒▒▒▒▒▒▒
▒▒▒▒▒▒▒▒
▒ 0.1
a cell is the mean of 7.5 × 3.75 values
""",
    ),
    "no finite value": (
        ["maxpool", "-k", "1", "nothing.npy"],
        40,
        """\
maxpool  (H 30, W 30)  float64
no finite values  900 nan!
!!!!!!!!
!!!!!!!!
!!!!!!!!
!!!!!!!!
! nan or inf
a cell is the mean of 7.5 × 3.75 values
""",
    ),
    "beyond doubles": (
        ["maxpool", "-k", "1", "[[18446744073709551615,1],[0,18446744073709551614]]"],
        80,
        """\
maxpool  (H 2, W 2)  uint64  min 0  max 18446744073709551615  mean 9.22337e+18
std 9.22337e+18
18446744073709551615                     1
                   0  18446744073709551614
""",
    ),
    "no values": (
        ["maxpool", "-k", "1", "empty.npy"],
        80,
        """\
maxpool  (N 0, C 1, H 2, W 2)  float32  no values
""",
    ),
    "one number": (
        ["dropout", "--eval", "2.5"],
        80,
        """\
dropout  ()  float64  min 2.5  max 2.5  mean 2.5  std 0
2.5
""",
    ),
    "the seed of a mask": (
        ["dropout", "--seed", "3", "[1,2,3,4]"],
        80,
        """\
dropout  (4,)  float64  min 0  max 4  mean 1.5  std 1.65831  seed 3
2  4  ·  ·
· dropped
""",
    ),
    "channels-last is shown by channel": (
        ["dropout", "--eval", "--layout", "channels-last", "[[[[1,2],[3,4]],[[5,6],[7,8]]]]"],
        80,
        """\
dropout  (1, 2, 2, 2)  int64  min 1  max 8  mean 4.5  std 2.29129
[0, 0]   [0, 1]
1  3     2  4
5  7     6  8
""",
    ),
    "with input": (
        ["conv", "-k", "[[1,10],[100,1000]]", "--with-input", "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"],
        80,
        """\
conv  (H 2, W 3)  int64  min 6521  max 13187  mean 9854  std 2400.03

input  (H 3, W 4)    kernel  (O 1, I 1, H 2, W 2)    result  (H 2, W 3)
 1   2   3   4          1    10                       6521   7632   8743
 5   6   7   8        100  1000                      10965  12076  13187
 9  10  11  12
""",
    ),
    "with input, narrow": (
        ["conv", "-k", "[[1,10],[100,1000]]", "--with-input", "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"],
        20,
        """\
conv  (H 2, W 3)
int64  min 6521
max 13187  mean 9854
std 2400.03
… input, kernel left
out

result  (H 2, W 3)
 6521   7632   8743
10965  12076  13187
""",
    ),
    "with input, and a window in words": (
        [
            "maxpool",
            "-k",
            "2",
            "-s",
            "1,2",
            "-p",
            "0:1,1:0",
            "-d",
            "1,2",
            "--with-input",
            "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]",
        ],
        80,
        """\
maxpool  (H 3, W 2)  int64  min 6  max 12  mean 9.66667  std 2.13437

input  (H 3, W 4)      window  2×2        result  (H 3, W 2)
 -   1   2   3   4     stride 1×2          6   8
 -   5   6   7   8     padding 0:1×1:0    10  12
 -   9  10  11  12     dilation 1×2       10  12
 -   -   -   -   -
- padding
""",
    ),
}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_plain_view(cnnops, tmp_path, name):
    call, columns, expected = SNAPSHOTS[name]
    for stem, array in FILES.items():
        np.save(tmp_path / f"{stem}.npy", array)
    size = {"COLUMNS": str(columns), "LINES": "12"}
    assert cnnops.text(*call, "-f", "table", env=size) == expected
