"""Dropout of a part of an input."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnops_cli.blocks.boxes import Box
from cnnops_cli.blocks.operator import BlockOperator, Read
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.ops.dropout import check_chance, draw_mask_of_box, keep, mask_shape
from cnnops_cli.ops.parallel import WORKING_BYTES
from cnnops_cli.ops.scalars import integer


@dataclass(frozen=True, eq=False)
class DropoutBlocks(BlockOperator):
    """Dropout of an input of a known shape; without a seed, by the mask that is read."""

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    p: float
    training: bool
    seed: int | None
    channelwise: bool
    returns_mask: bool

    @classmethod
    def planned(
        cls,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        p: float = 0.5,
        *,
        training: bool = True,
        seed: int | None = None,
        mask: tuple[int, ...] | None = None,
        channelwise: bool = False,
        return_mask: bool = False,
    ) -> "DropoutBlocks":
        """Plan dropout by a seed, or by a mask of a shape, or refuse an argument."""
        check_chance(p)
        mask_shape(shape, channelwise)
        if mask is None:
            seed = integer(seed, "seed", minimum=0)
        elif mask != shape:
            raise CnnopsError(f"mask has shape {mask}, but {INPUT} has {shape}")
        return cls(shape, dtype, float(p), training, seed, channelwise, return_mask)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        return self.input_shape

    @property
    def outputs(self) -> dict[str, np.dtype[Any]]:
        """The result, and perhaps the mask as uint8."""
        keeps = not self.training or self.input_dtype.kind == "f"
        mask = {"mask": np.dtype(np.uint8)} if self.returns_mask else {}
        return {"result": self.input_dtype if keeps else np.dtype(np.float64), **mask}

    def bytes_of(self, box: Box) -> int:
        """Return the memory of what is read, of a mask, and of the computation."""
        of_mask = np.dtype(np.uint8 if self.seed is not None else np.float64).itemsize
        read = box.size * (self.input_dtype.itemsize + of_mask)
        return read + WORKING_BYTES + self.bytes_of_outputs(box)

    def compute(self, reads: Mapping[str, Read], box: Box) -> dict[str, Array]:
        """Drop or keep what is read."""
        part = reads["input"](box)
        kept = self._kept(reads, box) if self.training else np.ones((), np.bool_)
        found = {"result": keep(part, kept, self.p) if self.training else part}
        if self.returns_mask:
            found["mask"] = np.empty(box.shape, np.uint8)
            np.not_equal(kept, 0, out=found["mask"].view(np.bool_))
        return found

    def _kept(self, reads: Mapping[str, Read], box: Box) -> Array:
        """What is kept where it is not 0, one value per element or per channel."""
        if self.seed is None:
            return reads["mask"](box)
        shape = mask_shape(self.shape, self.channelwise)
        spans = zip(box.spans, shape, strict=True)
        own = Box.of_spans([span if length > 1 else (0, 1) for span, length in spans])
        return draw_mask_of_box(shape, self.p, self.seed, own.starts, own.stops)
