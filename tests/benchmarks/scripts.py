"""What a user would write instead of a command: short scripts, run by `python -c`.

They read and write the files of commands.py in the folder they are run in.
"""

IMPORT_NUMPY = "import numpy"

ONNX_RUNTIME = """
import numpy
import onnxruntime

session = onnxruntime.InferenceSession("conv.onnx", providers=["CPUExecutionProvider"])
(output,) = session.run(None, {"input": numpy.load("small.npy")})
numpy.save("theirs.npy", output)
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
