"""What each channel of the input adds to a sum of products."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnops_cli.dtypes import working_dtype
from cnnops_cli.ops.rounded_sums import rounded_products


def subtotals_of(
    products: Sequence[tuple[Any, Any]], count: int, dtype: np.dtype[Any]
) -> list[Any]:
    """Return the exact sums of `count` equal runs of products, each rounded once.

    `dtype` is that of the result; sums of float16 are float32, and integers may be larger than
    int64 holds. NaN and infinity are as `conv` has them.

    Examples
    --------
    >>> subtotals_of([(2, 3), (1, 4), (2**62, 2), (0, 0)], 2, np.dtype(np.int64))
    [10, 9223372036854775808]
    """
    if dtype.kind != "f":
        terms, length = [int(a) * int(b) for a, b in products], len(products) // count
        return [sum(terms[start : start + length]) for start in range(0, len(terms), length)]
    work = working_dtype(dtype)
    first, second = np.array(products, work).reshape(count, -1, 2).transpose(2, 0, 1)
    is_finite = np.isfinite(first) & np.isfinite(second)
    with np.errstate(all="ignore"):
        known, by = np.where(is_finite, first, 0), np.where(is_finite, second, 0)
        sums = rounded_products(known, by, np.empty((count, 0)), work)
        others = np.where(is_finite, 0, first * second).sum(axis=1)
    return list(np.where(is_finite.all(axis=1), sums, others))
