"""`cnnops batchnorm`."""

from typing import Annotated, Any

import numpy as np

from cnnops_cli import options, parsers
from cnnops_cli.commands.delivery import Delivery
from cnnops_cli.commands.operands import Form, as_batch, computing
from cnnops_cli.commands.run import run
from cnnops_cli.commands.settle import settle
from cnnops_cli.dtypes import Array, floating_dtype, working_dtype
from cnnops_cli.errors import CnnopsError
from cnnops_cli.ops.batchnorm import batchnorm as normalise
from cnnops_cli.options import Settings
from cnnops_cli.paths import real_path, status_of
from cnnops_cli.tensors.formats import named_suffixes
from cnnops_cli.tensors.read import read_named
from cnnops_cli.tensors.tensor import Tensor, convert, unify
from cnnops_cli.tensors.write import named_writer
from cnnops_cli.words import series

_COUNT = "num_batches_tracked"
_MOST_BATCHES = 2**63 - 1
_DEFAULTS = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}

statistics_option = options.in_section("Normalization")


def batchnorm(
    train: Annotated[
        bool,
        statistics_option(
            "--train/--eval",
            help="Use this batch's statistics, or the running ones. --train is the default; "
            "it takes those of this batch over every axis but the channels.",
        ),
    ] = True,
    weight: Annotated[
        str | None,
        statistics_option(
            "--weight",
            "--gamma",
            metavar="TENSOR",
            help="Scale: (C,) or a number. Default 1.",
        ),
    ] = None,
    bias: Annotated[
        str | None,
        statistics_option(
            "--bias",
            "--beta",
            metavar="TENSOR",
            help="Shift: (C,) or a number. Default 0.",
        ),
    ] = None,
    running_mean: Annotated[
        str | None,
        statistics_option(
            "--running-mean",
            metavar="TENSOR",
            help="(C,) or a number. Default 0. --eval normalises with it, --save-state carries it "
            "on.",
        ),
    ] = None,
    running_var: Annotated[
        str | None,
        statistics_option(
            "--running-var",
            metavar="TENSOR",
            help="(C,) or a number. Default 1. As --running-mean.",
        ),
    ] = None,
    eps: Annotated[
        float,
        statistics_option(
            "--eps",
            metavar="X",
            parser=parsers.parse_real,
            help="Added to the variance. Positive in --train, 0 or more in --eval. Default 1e-5.",
        ),
    ] = 1e-5,
    momentum: Annotated[
        Any,
        statistics_option(
            "--momentum",
            metavar="X|none",
            parser=parsers.parse_momentum,
            help="Share of this batch in the running statistics, 0 to 1. --save-state writes them. "
            "none: the average of all batches so far, by num_batches_tracked. Default 0.1.",
        ),
    ] = "0.1",
    state: Annotated[
        str | None,
        statistics_option(
            "--state",
            metavar="FILE",
            parser=parsers.parse_named_arrays_source,
            help="Read parameters and running statistics. FILE is an .npz archive or a JSON object "
            "of any of weight, bias, running_mean, running_var, num_batches_tracked. An "
            "option of the same name wins.",
        ),
    ] = None,
    save_state: Annotated[
        str | None,
        statistics_option(
            "--save-state",
            metavar="FILE",
            parser=parsers.parse_named_arrays_file,
            help=f"Write all of these after the batch. FILE is {series(named_suffixes())}; may be "
            "the file that --state names, which --train begins with mean 0 and variance 1 where it "
            "is missing.",
        ),
    ] = None,
    inputs: options.Inputs = None,
    *,
    settings: Settings,
) -> None:
    """Normalise each channel to mean 0 and variance 1.

        cnnops batchnorm batch.npy
        cnnops batchnorm --state bn.npz --save-state bn.npz batch.npy -o normed.npy
        cnnops batchnorm --eval --state bn.npz batch.npy

    INPUT is (N, C) or (N, C, *spatial), as for PyTorch's batch_norm. The variance that normalises
    is the biased one; the running variance takes the unbiased one. Sums run in float64. An empty
    batch leaves the running statistics as they are, but counts in num_batches_tracked, as in
    PyTorch. Beside a float16 INPUT, parameters that are JSON are float32.
    """
    settings = settle(
        settings, inputs, weight, bias, running_mean, running_var, state, save_state=save_state
    )
    saved = {} if state is None or _begins(state, save_state, train) else _read_state(state)
    batches = saved.pop(_COUNT, 0)

    def normalise_input(tensors: dict[str, Tensor]) -> Delivery:
        form = Form(1, settings.layout)
        with computing(settings, tensors) as hints:
            tensors = saved | tensors | {"input": as_batch(tensors["input"])}
            if settings.dtype is None:
                tensors = _with_float32_parameters(tensors)
            arrays = unify(tensors, settings.dtype)
            image = form.to_operator(arrays.pop("input"))
            dtype = working_dtype(floating_dtype(image, *arrays.values()))
            channels = image.shape[1] if image.ndim > 1 else 0
            hints.append(lambda: _layout_hint(form, image, arrays))
            parameters: dict[str, Any] = {
                name: _per_channel(arrays.get(name, default), channels, dtype)
                for name, default in _DEFAULTS.items()
            }
            choices: dict[str, Any] = {
                "training": train,
                "momentum": 1 / (batches + 1) if momentum is None else momentum,
                "eps": eps,
            }
            if settings.dry_run:
                from cnnops_cli.explain.estimators import estimate_batchnorm

                estimate = estimate_batchnorm(image, parameters, **choices)
                return Delivery.planned("batchnorm", estimate, form)
            running = ("running_mean", "running_var") if settings.explain else ()
            before = [parameters[name].copy() for name in running]
            result = normalise(image, **parameters, **choices)
        aside = "" if train else _assumed(arrays)
        delivery = Delivery("batchnorm", result, form, aside=aside)
        if settings.explain:
            from cnnops_cli.explain.batchnorm import batchnorm_cells

            delivery.cells = batchnorm_cells(image, result, before=before, **parameters, **choices)
        if save_state is not None:
            parameters[_COUNT] = np.array(batches + train, np.int64)
            delivery.durable_files[save_state] = named_writer(save_state, parameters)
        return delivery

    run(
        "batchnorm",
        normalise_input,
        settings,
        inputs,
        weight=weight,
        bias=bias,
        running_mean=running_mean,
        running_var=running_var,
    )


def _begins(state: str, save_state: str | None, train: bool) -> bool:
    """Return whether a state that is missing is about to be written for the first time."""
    if save_state is None or real_path(state) != real_path(save_state) or status_of(state):
        return False
    if not train:
        raise CnnopsError(f"--state: no such file: {state}; --train begins it, --eval needs it")
    return True


def _read_state(path: str) -> dict[str, Any]:
    """Read a state by name, its count of batches as an integer."""
    state: dict[str, Any] = read_named(path, "--state", (*_DEFAULTS, _COUNT))
    if _COUNT in state:
        count = state[_COUNT].array
        if count.size != 1 or count.dtype.kind not in "iu" or not 0 <= count.item() < _MOST_BATCHES:
            raise CnnopsError(f"{path}: {_COUNT} is one integer from 0 to 2**63 - 2, not {count}")
        state[_COUNT] = int(count.item())
    return state


def _assumed(given: dict[str, Array]) -> str:
    """Say which running statistics nobody gave, and what stands for them."""
    missing = [
        f"{name} {_DEFAULTS[name]:g}"
        for name in ("running_mean", "running_var")
        if name not in given
    ]
    return f"not given: {', '.join(missing)}" if missing else ""


def _with_float32_parameters(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keep parameters that are text from being cut to a float16 input: float32."""
    if tensors["input"].weak or tensors["input"].array.dtype != np.float16:
        return tensors
    return {
        name: Tensor(convert(tensor, np.dtype(np.float32)), tensor.name, weak=False)
        if tensor.weak
        else tensor
        for name, tensor in tensors.items()
    }


def _per_channel(value: Array | float, channels: int, dtype: np.dtype[Any]) -> Array:
    """Copy a parameter, for it is updated in place; a number is repeated for every channel."""
    return np.full(channels, value, dtype) if np.ndim(value) == 0 else np.array(value, dtype)


def _layout_hint(form: Form, image: Array, given: dict[str, Array]) -> str:
    from cnnops_cli.commands.layouts import of_input

    def check(shape: tuple[int, ...]) -> None:
        if any(array.shape not in ((), shape[1:2]) for array in given.values()):
            raise CnnopsError("the parameters are for another number of channels")

    return of_input(form, image, check)
