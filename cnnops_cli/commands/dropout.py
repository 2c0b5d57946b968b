"""`cnnops dropout`."""

from typing import Annotated

import numpy as np

from cnnops_cli import options, parsers
from cnnops_cli.commands.delivery import Delivery
from cnnops_cli.commands.operands import Form, as_batch, computing
from cnnops_cli.commands.run import run
from cnnops_cli.commands.settle import settle
from cnnops_cli.dtypes import Array
from cnnops_cli.errors import INPUT, CnnopsError
from cnnops_cli.ops.dropout import check_chance, draw_mask, keep, mask_shape
from cnnops_cli.ops.dropout import dropout as drop
from cnnops_cli.ops.seeds import fresh_seed
from cnnops_cli.options import Settings
from cnnops_cli.tensors.formats import array_suffixes
from cnnops_cli.tensors.tensor import Tensor, unify
from cnnops_cli.tensors.write import array_writer
from cnnops_cli.words import series

mask_option = options.in_section("Dropout")


def dropout(
    p: Annotated[
        float,
        mask_option(
            "--p",
            "-p",
            metavar="X",
            parser=parsers.parse_real,
            help="Chance that a value is dropped, 0 to 1. Default 0.5.",
        ),
    ] = 0.5,
    train: Annotated[
        bool,
        mask_option(
            "--train/--eval",
            help="Drop, or return the input as it is. --train is the default; --eval takes no mask "
            "into account.",
        ),
    ] = True,
    seed: Annotated[
        int | None,
        mask_option(
            "--seed",
            metavar="N",
            parser=parsers.integer_from(0),
            help="The same seed, shape and p give the same mask everywhere. A value takes 16 bits "
            "of PCG64. Without --seed a fresh one is drawn, and named in the view or the summary.",
        ),
    ] = None,
    channelwise: Annotated[
        bool,
        mask_option(
            "--channelwise",
            help="Drop whole channels. INPUT is (N, C, ...), as for Dropout1d, 2d and 3d.",
        ),
    ] = False,
    mask: Annotated[
        str | None,
        mask_option(
            "--mask",
            metavar="TENSOR",
            help="Use this mask instead of drawing one. It has INPUT's shape; what is not 0 is "
            "kept.",
        ),
    ] = None,
    mask_output: Annotated[
        str | None,
        mask_option(
            "--mask-output",
            metavar="FILE",
            parser=parsers.parse_array_file,
            help=f"Write the mask that was used ({series(array_suffixes())}): uint8, 1 is kept.",
        ),
    ] = None,
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
    settings = settle(settings, inputs, mask, mask_output=mask_output)
    check_chance(p)
    if mask is not None and (seed is not None or channelwise):
        raise CnnopsError("--mask says what is kept; leave --seed and --channelwise out")

    def drop_input(tensors: dict[str, Tensor]) -> Delivery:
        form = Form(1, settings.layout, named=channelwise)
        if channelwise:
            tensors |= {"input": as_batch(tensors["input"])}
        with computing(settings, tensors) as hints:
            image = form.to_operator(unify({"input": tensors["input"]}, settings.dtype)["input"])
            drawn = fresh_seed() if seed is None else seed
            kept = np.broadcast_to(np.True_, mask_shape(image.shape, channelwise))
            given = None
            if mask is not None:
                hints.append(lambda: _mask_hint(tensors))
                given = form.to_operator(tensors["mask"].array)
                _check_mask(given, image)
            if settings.dry_run:
                from cnnops_cli.explain.estimators import estimate_dropout

                estimate = estimate_dropout(image, given, kept.size, training=train)
                return Delivery.planned("dropout", estimate, form)
            if not train:
                result = image
            elif given is None and mask_output is None and not settings.explain:
                result = drop(image, p, seed=drawn, channelwise=channelwise)
            else:
                kept = (
                    draw_mask(image.shape, p, drawn, channelwise) if given is None else given != 0
                )
                result = keep(image, kept, p)
        is_drawn = train and given is None
        note = f"seed {drawn}" if is_drawn else ""
        delivery = Delivery("dropout", result, form, note)
        if settings.explain:
            from cnnops_cli.explain.dropout import dropout_cells

            delivery.cells = dropout_cells(
                image, result, kept, p, training=train, seed=drawn if is_drawn else None
            )
        if mask_output is not None:
            used = form.from_operator(np.broadcast_to(kept.view(np.uint8), image.shape))
            delivery.files[mask_output] = array_writer(mask_output, "mask", used)
        return delivery

    run("dropout", drop_input, settings, inputs, mask=mask)


def _check_mask(mask: Array, image: Array) -> None:
    if mask.shape != image.shape:
        raise CnnopsError(f"mask has shape {mask.shape}, but {INPUT} has {image.shape}")


def _mask_hint(tensors: dict[str, Tensor]) -> str:
    from cnnops_cli.commands.layouts import of_mask

    return of_mask(tensors["mask"].array, tensors["input"].array.shape)
