"""An operator that does nothing, to see what a task costs by itself."""

from dataclasses import dataclass

import numpy as np

from cnnops_cli.blocks.operator import BlockOperator


@dataclass(frozen=True)
class EmptyBlocks(BlockOperator):
    input_shape: tuple[int, ...]
    input_dtype = np.dtype(np.float32)

    @property
    def shape(self):
        return self.input_shape

    @property
    def outputs(self):
        return {}

    def bytes_of(self, box):
        return 0

    def compute(self, reads, box):
        return {}


def ready(threads):
    """Has nothing to prepare."""
