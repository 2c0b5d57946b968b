"""An operator that returns its input, but for a block that fails in some way."""

import os
import signal
from dataclasses import dataclass

import numpy as np

from cnnops_cli import CnnopsError
from cnnops_cli.blocks.operator import BlockOperator


@dataclass(frozen=True)
class FaultyBlocks(BlockOperator):
    """`fault` is what happens in the block that starts at `starts`."""

    input_shape: tuple[int, ...]
    starts: tuple[int, ...]
    fault: str
    memory: int = 0
    input_dtype = np.dtype(np.float32)

    @property
    def shape(self):
        return self.input_shape

    @property
    def outputs(self):
        return {"result": self.input_dtype}

    def bytes_of(self, box):
        return self.memory

    def compute(self, reads, box):
        if box.starts == self.starts:
            if self.fault == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fault == "refused":
                raise CnnopsError("input has a value that is refused")
            raise RuntimeError(self.fault)
        return {"result": reads["input"](box)}
