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
    "batchnorm train float64": "717cbf9750628c2927c69b3bce97725c51303d34234f9b4bdadcf823f61eafd4",
    "batchnorm train int16": "d0c2ceeb9f208fbede47518bf72335838738f68fb4884853761b0ac56469f1bc",
    "batchnorm train ranges": "0a142430da2164c2e1b8376d1a7a603c8e3bcd8bb55f5a58b973c1e6b83af0da",
    "batchnorm train NaN, inf": "b6c1f8c306c870e30b435109785d27d83197999dbc557766b81dbbfff0e68333",
    "batchnorm eval float16": "9a35546aef58d8ec5f2885b8aad9773d1da2bc6691863c4fbccfc1faf4d00af6",
    "batchnorm eval float32": "86deef110bfdcfe2632a4ddc99a596593681ede229a1f7db1ef26eb8c696bf37",
    "batchnorm eval float64": "45b82e2b35a672bd8aa480d128e2fec4bf0dfa7b01e3a479970028032055b4ff",
    "batchnorm eval int16": "d418f4095770677ade8c9d4e92b2cd2be5c630e32f05d2c0f542f6048d170a91",
    "batchnorm eval ranges": "0b82a9f303d71a764b2c8ea251d9ac9ff58ef2c8cd7bf9d26ca312d2b63079ee",
    "batchnorm eval NaN, inf": "e44ac979e12b7eb2fce496f87c0dbe30d0410f091233174f32d54f105fcd50d6",
    "conv 3x3": "46f81607f946d2e79e83705d2172fd515a3b38c9f40d2ca03f74a79aa436ce94",
    "conv 1x1": "9da1ccbf7244b5458ece2f03fcbf7dd5b076dcd526413472be6c3377d11f8a50",
    "conv depthwise": "6d20202389294431d3184f1f65a498f8fbe7c0e49767d4be21a2c5771201fd70",
    "conv stem": "239ed954842e0145f3edab76ca19070b34674dd0570ca5a8f5e286ad365496ee",
    "conv dilation": "6086d235acb70c6c2c87e354f163ee21425e0ef6ae91a9226c17b0b664123419",
    "conv 31x31": "3448c5d651fc10b7b4b6d51a18aadf64b9135655fc07000127da9749cd019fa6",
    "conv audio": "a5db35e6c93c3e0ba1b6b64b799ab3e9fe92c42d767382f8c617d29b1ea7b746",
    "conv 3-D": "0abfef5e1783424145df17d097e0df208ec7b02f14efefa9ca88dcf9c59a97fd",
    "conv photograph": "31220733ef86f11ee98e2653a8c2548fc6aa8ef7469281d181f00df95ed6d123",
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
