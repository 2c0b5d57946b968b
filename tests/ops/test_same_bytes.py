"""Results have the same bytes whatever code BLAS and NumPy choose for the processor."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core import _multiarray_umath

PROGRAM = Path(__file__).with_name("same_bytes.py")

EXPECTED = {
    "batchnorm train float16": "6db232f4cdab96f4ce71d236ec1e7acc7ed31d88db0388172c8a49c8e4905663",
    "batchnorm train float32": "36ed7d2e920e68bb28b784bb836e72180ab87768b46c6814d22f1ecfb05c4577",
    "batchnorm train float64": "200673a4b38e1b4a2ce4942d7a9ea7d922e3263841c1d4656dedfbbd0ad1053e",
    "batchnorm train int16": "d0c2ceeb9f208fbede47518bf72335838738f68fb4884853761b0ac56469f1bc",
    "batchnorm train ranges": "0b8d0b449c8e1438f584abeced16a8656e776e3da5cc78f30277024005ae9edc",
    "batchnorm train NaN, inf": "aa936ba526a54fc089477af52abd8dbe0ddc4f6662d89504c4e1c50d8a7f9655",
    "batchnorm eval float16": "9a35546aef58d8ec5f2885b8aad9773d1da2bc6691863c4fbccfc1faf4d00af6",
    "batchnorm eval float32": "86deef110bfdcfe2632a4ddc99a596593681ede229a1f7db1ef26eb8c696bf37",
    "batchnorm eval float64": "82eab6f807d32ebb0c50db5b973229b07e18910ea113474cf962d9f4acbd7d76",
    "batchnorm eval int16": "d418f4095770677ade8c9d4e92b2cd2be5c630e32f05d2c0f542f6048d170a91",
    "batchnorm eval ranges": "0b82a9f303d71a764b2c8ea251d9ac9ff58ef2c8cd7bf9d26ca312d2b63079ee",
    "batchnorm eval NaN, inf": "11224e2fd379f293de470049a989345af57e45e51173383abc1d55ae9626823f",
}

CHOOSING = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")

CORES = {"SkylakeX": "AVX512_SKX", "Haswell": "AVX2", "Sandybridge": "AVX", "Nehalem": "SSE42"}
"""What OpenBLAS can be told to take the processor for, and the feature that this needs."""

OPTIMISED = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
"""What NumPy has code of its own for on this processor, the oldest first."""


def environments():
    """What the processor's own code may be taken away by, after what it is by itself."""
    yield {}
    if platform.machine() in ("x86_64", "AMD64"):
        for core, feature in CORES.items():
            if _multiarray_umath.__cpu_features__[feature]:
                yield {"OPENBLAS_CORETYPE": core}
    for known in range(min(2, len(OPTIMISED))):
        yield {"NPY_DISABLE_CPU_FEATURES": " ".join(OPTIMISED[known:])}


@pytest.mark.parametrize(
    "chosen", list(environments()), ids=lambda chosen: " ".join(chosen.values()) or "as it is"
)
def test_bytes_are_the_same_on_every_machine(chosen):
    others = {name: value for name, value in os.environ.items() if name not in CHOOSING}
    result = subprocess.run(
        [sys.executable, "-W", "error", PROGRAM],
        env=others | chosen,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [EXPECTED] * 2
