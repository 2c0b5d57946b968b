"""What a dtype that is not supported is called."""

import re

import numpy as np
import pytest

from cnnops_cli.dtypes import as_array, check_supported
from cnnops_cli.errors import CnnopsError


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ("V2", "void (raw bytes, which bfloat16 is stored as)"),
        ("V1", "void (raw bytes)"),
        ("V16", "void (raw bytes)"),
        ([("a", "i4"), ("b", "f8")], "structured"),
        ([], "structured"),
        ((np.record, [("a", "i4")]), "structured"),
        (("f4", (2, 3)), "subarray, float32 (2, 3)"),
        (([("a", "i4")], (2,)), "subarray, structured (2,)"),
        ("M8[D]", "datetime64[D]"),
        ("M8", "datetime64"),
        ("m8[s]", "timedelta64[s]"),
        ("c8", "complex64"),
        ("c16", "complex128"),
        ("S3", "bytes"),
        ("U3", "string"),
        (np.dtypes.StringDType(), "string"),
        ("O", "object"),
        ("g", np.dtype("g").name),
    ],
    ids=str,
)
def test_each_kind_is_named_rightly(dtype, name):
    accepted = "float16, float32, float64, bool and all sizes of int and uint"
    reason = re.escape(f"x has dtype {name}; accepted are {accepted}")
    with pytest.raises(CnnopsError, match=f"^{reason}$"):
        check_supported(np.dtype(dtype), "x")


def test_strings_and_bytes_given_to_an_operator():
    for value, name in ((["a"], "string"), ([b"a"], "bytes"), ([None], "object")):
        with pytest.raises(CnnopsError, match=f"^input has dtype {name}; accepted are "):
            as_array(value, "input")
