"""`cnnops dropout`."""

import math
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import numpy as np

from cnnops_cli import options, parsers
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.commands.operands import as_batch
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.commands.run import run
from cnnops_cli.commands.validate import validate
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.ops.dropout import check_chance, draw_mask, draw_part, keep, mask_shape
from cnnops_cli.ops.dropout import dropout as drop
from cnnops_cli.ops.seeds import fresh_seed
from cnnops_cli.option_kinds import OptionGroup
from cnnops_cli.settings import Settings
from cnnops_cli.slabs import elements
from cnnops_cli.tensors.formats import array_suffixes
from cnnops_cli.tensors.tensor import truth
from cnnops_cli.tensors.write import Writer, array_writer
from cnnops_cli.words import series

if TYPE_CHECKING:
    from cnnops_cli.blocks.operator import BlockOperator
    from cnnops_cli.explain.estimate import Estimate
    from cnnops_cli.explain.explanation import Explainer
    from cnnops_cli.lessons.lesson_plan import LessonPlan
    from cnnops_cli.views.marks import Marks
    from cnnops_cli.views.sections import Section

MASK = OptionGroup("Dropout")


def dropout(
    p: Annotated[
        float,
        MASK.number("--p -p", "Chance that a value is dropped, 0 to 1. Default 0.5."),
    ] = 0.5,
    train: Annotated[
        bool,
        MASK.flag(
            "--train/--eval",
            "Drop, or return the input as it is. --train is the default; --eval takes no mask "
            "into account.",
        ),
    ] = True,
    seed: Annotated[
        int | None,
        MASK.integer(
            "--seed",
            "The same seed, shape and p give the same mask everywhere. A value takes 16 bits "
            "of PCG64. Without --seed a fresh one is drawn, and named in the view or the summary.",
        ),
    ] = None,
    channelwise: Annotated[
        bool,
        MASK.flag(
            "--channelwise",
            "Drop whole channels. INPUT is (N, C, ...), as for Dropout1d, 2d and 3d.",
        ),
    ] = False,
    mask: Annotated[
        str | None,
        MASK.tensor(
            "--mask",
            "Use this mask instead of drawing one. It has INPUT's shape; what is not 0 is kept. "
            "For a Zarr INPUT it is .zarr or .npy.",
        ),
    ] = None,
    mask_output: Annotated[
        str | None,
        MASK.file(
            "--mask-output",
            f"Write the mask that was used ({series(array_suffixes())}): uint8, 1 is kept. For a "
            "Zarr INPUT it is .zarr.",
            parsers.parse_result_file,
        ),
    ] = None,
    with_input: options.WithInput = False,
    inputs: options.Inputs = None,
    *,
    settings: Settings,
) -> None:
    """Set values to zero at random, and scale up those that are kept.

        cnnops dropout -p 0.3 --seed 7 activations.npy
        cnnops dropout --seed 7 --mask-output mask.npy x.npy -o dropped.npy
        cnnops dropout --mask '[1, 0, 1, 1]' '[0.5, 1.5, 2.5, 3.5]'

    INPUT has any shape. Kept values are multiplied by 1 / (1 - p). A dropped value is 0 even where
    it was infinite or NaN; p = 1 gives zeros.
    The mask is drawn over the channels-first order of INPUT, whatever its layout.
    """
    call = validate(
        Call(
            settings,
            inputs,
            tensors={"mask": mask},
            files={"mask_output": mask_output},
            with_input=with_input,
        )
    )
    check_chance(p)
    if mask is not None and (seed is not None or channelwise):
        raise CnnopsError("--mask says what is kept; leave --seed and --channelwise out")
    run(Dropping, call, p=p, train=train, seed=seed, channelwise=channelwise)


class Dropping(Operation):
    """Dropout of one INPUT."""

    name = "dropout"

    def __init__(
        self, given: Operands, p: float, train: bool, seed: int | None, channelwise: bool
    ) -> None:
        tensor = given.tensors["input"]
        tensor = as_batch(tensor) if channelwise else tensor
        self.layout = InputLayout(1, given.layout, named=channelwise)
        self._image = self.layout.to_operator(given.arrays({"input": tensor})["input"])
        self._p, self._train, self._channelwise = p, train, channelwise
        self._seed = fresh_seed() if seed is None else seed
        self._mask = given.tensors.get("mask")
        self._keeps_mask = "mask_output" in given.writes
        self._is_drawn = train and self._mask is None
        if self._is_drawn:
            self.note = f"seed {self._seed}"

    @cached_property
    def _given_mask(self) -> Array | None:
        if self._mask is None:
            return None
        mask = self.layout.to_operator(self._mask.array)
        if mask.shape != self._image.shape:
            raise CnnopsError(f"mask has shape {mask.shape}, but {INPUT} has {self._image.shape}")
        return mask

    @cached_property
    def _kept(self) -> Array:
        """What is kept where it is not 0, one value per element or per channel."""
        mask = self._given_mask  # which is checked in --eval too
        if not self._train:
            shape = mask_shape(self._image.shape, self._channelwise)
            return np.broadcast_to(np.True_, shape)
        if mask is None:
            return draw_mask(self._image.shape, self._p, self._seed, self._channelwise)
        return mask

    def result(self) -> Array:
        if self._is_drawn and not self._keeps_mask:
            return drop(self._image, self._p, seed=self._seed, channelwise=self._channelwise)
        return self._result_of_mask()

    def _result_of_mask(self) -> Array:
        kept = self._kept
        return keep(self._image, kept, self._p) if self._train else self._image

    def blocks(self) -> "BlockOperator":
        from cnnops_cli.blocks.dropout import DropoutBlocks

        mask = self._given_mask
        return DropoutBlocks.planned(
            self._image.shape,
            self._image.dtype,
            self._p,
            training=self._train,
            seed=self._seed if mask is None else None,
            mask=None if mask is None else mask.shape,
            channelwise=self._channelwise,
            return_mask=self._keeps_mask,
        )

    def explained(self) -> "tuple[Array, Explainer]":
        from cnnops_cli.explain.dropout import dropout_explainer

        result = self._result_of_mask()
        seed = self._seed if self._is_drawn else None
        return result, dropout_explainer(
            self._image, result, self._kept, self._p, training=self._train, seed=seed
        )

    def estimate(self) -> "Estimate":
        from cnnops_cli.explain.estimators import estimate_dropout

        count = math.prod(mask_shape(self._image.shape, self._channelwise))
        return estimate_dropout(self._image, self._given_mask, count, training=self._train)

    def lesson(self, relu: bool) -> "LessonPlan":
        from cnnops_cli.lessons.dropout import DropoutLesson

        return DropoutLesson(
            self._image,
            lambda: self._kept,
            self.layout.axes,
            self._p,
            training=self._train,
            seed=self._seed if self._is_drawn else None,
            channelwise=self._channelwise,
        )

    def writer(self, option: str, path: str) -> Writer:
        kept = self._kept
        kept = kept.view(np.uint8) if kept.dtype == bool else truth(kept)
        used = np.broadcast_to(kept, self._image.shape)
        return array_writer(path, "mask", self.layout.from_operator(used))

    def sections(self) -> "list[Section]":
        from cnnops_cli.commands.result_view import input_section
        from cnnops_cli.text.numbers import short_text
        from cnnops_cli.views.sections import Section

        kept = np.broadcast_to(self._kept, self._image.shape)
        said = [f"p {self._p:g}"] if self._train else ["evaluation"]
        if self._train and self._p < 1:
            said.append(f"scale {short_text(1 / (1 - self._p))}")
        return [
            input_section(self.layout, self._image),
            Section("mask", [self.layout.shape_in_words(kept), *said], kept.astype(np.uint8)),
        ]

    def marks(self) -> "Marks | None":
        from cnnops_cli.text.colours import ABSENT
        from cnnops_cli.views.heat import DROPPED
        from cnnops_cli.views.marks import Marks

        return Marks(self._dropped, "dropped", DROPPED, ABSENT) if self._train else None

    def _dropped(self, part: slice) -> Array:
        """Return which values of a part, in row-major order, are dropped."""
        places = np.arange(part.start, part.stop)
        if self._p == 1:
            return np.ones(places.shape, bool)
        if not self._is_drawn:
            return np.equal(elements(self._kept, part), 0)
        length = self._image.size // math.prod(mask_shape(self._image.shape, self._channelwise))
        units = places // length
        kept = draw_part(self._p, self._seed, slice(int(units[0]), int(units[-1]) + 1))
        dropped: Array = np.logical_not(kept[units - units[0]])
        return dropped

    def likely_cause(self) -> str:
        if self._mask is None:
            return ""
        from cnnops_cli.commands.layout_hints import of_mask

        return of_mask(self._mask.array, self.layout.from_operator(self._image).shape)
