"""A new layer in place of a kernel that was given."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnops_cli.commands.operands import check_is_tensor
from cnnops_cli.dtypes import Array, is_floating
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.ops.geometry import Size, check_fits, per_axis
from cnnops_cli.ops.scalars import integer
from cnnops_cli.ops.seeds import fresh_seed
from cnnops_cli.parsers import dims_of
from cnnops_cli.tensors.tensor import Tensor, convert


class NewLayer(NamedTuple):
    """What --out-channels, --kernel-size, --seed and --no-bias ask for."""

    out_channels: int
    kernel_size: Size
    seed: int
    bias: bool

    @property
    def dims(self) -> int:
        """How many spatial axes the kernel size has; two where it is one integer."""
        return dims_of("--kernel-size", self.kernel_size)

    def draw(
        self, input: Tensor, channels: int, groups: int, dims: int, *, header: bool = False
    ) -> dict[str, Tensor]:
        """Draw the kernel, and the bias if there is one, for an input; or their headers alone."""
        if channels % integer(groups, "groups", minimum=1):
            raise CnnopsError(
                f"groups must divide the {channels} channels of {INPUT}; {groups} does not"
            )
        if channels == 0:
            raise CnnopsError(f"{INPUT} has no channels, so a new layer has no weights")
        size = per_axis(self.kernel_size, dims, "--kernel-size", minimum=1)
        shape = (self.out_channels, channels // groups, *size)
        check_fits(shape)
        drawn: tuple[Array, Array | None]
        if header:
            zero = np.zeros((), np.float32)
            offsets = np.broadcast_to(zero, shape[:1]) if self.bias else None
            drawn = np.broadcast_to(zero, shape), offsets
        else:
            from cnnops_cli.ops.initialisation import default_layer

            drawn = default_layer(
                self.out_channels, channels // groups, size, seed=self.seed, bias=self.bias
            )
        firm = is_floating(input.array) and not input.weak
        dtype = input.array.dtype if firm else np.dtype(np.float32)
        return {
            name: Tensor(convert(Tensor(array, name, weak=False), dtype), name, weak=False)
            for name, array in zip(("kernel", "bias"), drawn, strict=True)
            if array is not None
        }


def new_layer(
    kernel: str | None,
    bias: str | None,
    dtype: str | None,
    *,
    out_channels: int | None,
    kernel_size: Size | None,
    seed: int | None,
    no_bias: bool,
    inputs: Sequence[str],
) -> NewLayer | None:
    """Return the layer that is described, or None where a kernel is given.

    Both, or neither, is refused.
    """
    described = {
        "--out-channels": out_channels is not None,
        "--kernel-size": kernel_size is not None,
        "--seed": seed is not None,
        "--no-bias": no_bias,
    }
    if kernel is not None:
        given = [option for option, is_given in described.items() if is_given]
        if given:
            check_is_tensor(kernel, "--kernel")
            raise CnnopsError(
                f"{given[0]} describes a new layer, but --kernel names one; leave one out"
            )
        return None
    if bias is not None:
        raise CnnopsError(
            "--bias goes with --kernel; a new layer draws its own, or none (--no-bias)"
        )
    if dtype is not None and not dtype.startswith("float"):
        raise CnnopsError(f"a new layer has fractions, which --dtype {dtype} would cut off")
    if out_channels is None or kernel_size is None:
        from cnnops_cli.commands.mistakes import meant_options

        meant = "" if any(described.values()) else meant_options("conv", inputs)
        raise CnnopsError(
            "conv needs --kernel TENSOR, or --out-channels N with --kernel-size SIZE"
            f"{f'; did you mean {meant}?' if meant else ''}"
        )
    return NewLayer(
        out_channels, kernel_size, fresh_seed() if seed is None else seed, bias=not no_bias
    )
