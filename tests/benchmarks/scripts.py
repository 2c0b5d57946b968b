"""What a user would write instead of a command: short scripts, run by `python -c`.

They read and write the files of commands.py in the folder they are run in.
"""

IMPORT_NUMPY = "import numpy"

_ONNX_RUNTIME = """
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("{model}", providers=["CPUExecutionProvider"])
(output,) = session.run(None, {{"input": numpy.load("{input}")}})
numpy.save("theirs.npy", output)
"""


def onnx_runtime(model: str, input: str) -> str:
    """Return a script that runs a model on an input."""
    return _ONNX_RUNTIME.format(model=model, input=input)


NUMPY_BATCHNORM = """
import numpy

x = numpy.load("huge.npy")
mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
numpy.save("theirs.npy", (x - mean) / numpy.sqrt(variance + 1e-5))
"""

NUMPY_DROPOUT = """
import numpy

x = numpy.load("huge.npy")
kept = numpy.random.default_rng().random(x.shape, numpy.float32) >= 0.5
numpy.save("theirs.npy", x * kept * numpy.float32(2))
"""

CP = """
import os

os.execvp("cp", ["cp", "huge.npy", "theirs.npy"])
"""

_TORCH = """
import numpy
import torch
import torch.nn.functional as F

input = torch.from_numpy(numpy.load("{input}"))
with torch.inference_mode():
    output = {call}
numpy.save("theirs.npy", output.numpy())
"""

_WEIGHT = 'torch.from_numpy(numpy.load("{}"))'

TORCH_SMALL_CONV = _TORCH.format(
    input="small.npy", call=f"F.conv2d(input, {_WEIGHT.format('small-kernel.npy')}, padding=1)"
)
TORCH_CONV = _TORCH.format(
    input="large.npy", call=f"F.conv2d(input, {_WEIGHT.format('large-kernel.npy')}, padding=1)"
)
TORCH_MAXPOOL = _TORCH.format(input="large.npy", call="F.max_pool2d(input, 2)")
TORCH_BATCHNORM = _TORCH.format(
    input="large.npy", call="F.batch_norm(input, None, None, training=True)"
)
TORCH_DROPOUT = _TORCH.format(input="large.npy", call="F.dropout(input, 0.5)")

TORCH_JSON_MAXPOOL = """
import json

import torch
import torch.nn.functional as F

with open("large.json") as file:
    input = torch.tensor(json.load(file), dtype=torch.float64)
with torch.inference_mode():
    output = F.max_pool2d(input, 2)
with open("theirs.json", "w") as file:
    json.dump(output.tolist(), file)
"""
