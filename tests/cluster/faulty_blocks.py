"""An operator that returns its input, but for a block that fails in some way."""

import os
import signal
from dataclasses import dataclass

import numpy as np

from cnnops_cli.blocks.operator import BlockOperator
from cnnops_cli.errors import CnnopsError, StoreError


@dataclass(frozen=True)
class FaultyBlocks(BlockOperator):
    """`fault` is what happens in the block that starts at `starts`.

    Each time, the file `tries` gets another line.
    """

    input_shape: tuple[int, ...]
    starts: tuple[int, ...]
    fault: str
    tries: str
    memory: int
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
            with open(self.tries, "a") as file:
                file.write(f"{self.fault}\n")
            if self.fault == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fault == "refused":
                raise CnnopsError("input has a value that is refused")
            if self.fault == "busy":
                raise StoreError("cannot read x.zarr: slow down")
            raise RuntimeError(self.fault)
        return {"result": reads["input"](box)}
