"""`cnnops batchnorm`."""

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cnnops_cli import options, parsers
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.commands.operands import as_batch
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.commands.run import run
from cnnops_cli.commands.validate import validate
from cnnops_cli.dtypes import Array, floating_dtype, working_dtype
from cnnops_cli.errors import CnnopsError
from cnnops_cli.large_arrays import empty
from cnnops_cli.ops.batchnorm import batch_statistics
from cnnops_cli.ops.batchnorm import batchnorm as normalise
from cnnops_cli.option_kinds import OptionGroup
from cnnops_cli.paths import real_path, status_of
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import named_suffixes
from cnnops_cli.tensors.read import read_named
from cnnops_cli.tensors.tensor import Tensor, convert
from cnnops_cli.tensors.write import Writer, named_writer
from cnnops_cli.words import series

if TYPE_CHECKING:
    from cnnops_cli.blocks.operator import BlockOperator
    from cnnops_cli.explain.estimate import Estimate
    from cnnops_cli.explain.explanation import Explainer
    from cnnops_cli.lessons.lesson_plan import LessonPlan
    from cnnops_cli.views.sections import Section

_COUNT = "num_batches_tracked"
_MOST_BATCHES = 2**63 - 1
_RUNNING = ("running_mean", "running_var")
_DEFAULTS = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}

STATISTICS = OptionGroup("Normalization")


def batchnorm(
    train: Annotated[
        bool,
        STATISTICS.flag(
            "--train/--eval",
            "Use this batch's statistics, or the running ones. --train is the default; it "
            "takes those of this batch over every axis but the channels.",
        ),
    ] = True,
    weight: Annotated[
        str | None,
        STATISTICS.tensor("--weight --gamma", "Scale: (C,) or a number. Default 1."),
    ] = None,
    bias: Annotated[
        str | None,
        STATISTICS.tensor("--bias --beta", "Shift: (C,) or a number. Default 0."),
    ] = None,
    running_mean: Annotated[
        str | None,
        STATISTICS.tensor(
            "--running-mean",
            "(C,) or a number. Default 0. --eval normalises with it, --save-state carries it on.",
        ),
    ] = None,
    running_var: Annotated[
        str | None,
        STATISTICS.tensor("--running-var", "(C,) or a number. Default 1. As --running-mean."),
    ] = None,
    eps: Annotated[
        float,
        STATISTICS.number(
            "--eps",
            "Added to the variance. Positive in --train, 0 or more in --eval. Default 1e-5.",
        ),
    ] = 1e-5,
    momentum: Annotated[
        Any,
        STATISTICS.option(
            "--momentum",
            "Weight of this batch in the running statistics. X is from 0 to 1; the default is "
            "0.1. none is the average of all batches so far, by num_batches_tracked. --save-state "
            "writes the statistics.",
            metavar="X|none",
            parser=parsers.parse_momentum,
        ),
    ] = "0.1",
    state: Annotated[
        str | None,
        STATISTICS.file(
            "--state",
            "Read parameters and running statistics. FILE is an .npz archive or a JSON object "
            "of any of weight, bias, running_mean, running_var, num_batches_tracked. An option of "
            "the same name wins.",
            parsers.parse_named_arrays_source,
        ),
    ] = None,
    save_state: Annotated[
        str | None,
        STATISTICS.file(
            "--save-state",
            f"Write all of these after the batch. FILE is {series(named_suffixes())}. It may "
            "be the file that --state names; where that is missing, --train begins with mean 0 and "
            "variance 1. Several INPUTs are batches in that order, and FILE is written after the "
            "last, if none failed.",
            parsers.parse_named_arrays_file,
        ),
    ] = None,
    with_input: options.WithInput = False,
    relu: options.Relu = False,
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
    PyTorch. With a float16 INPUT, parameters that are JSON are float32.
    """
    call = validate(
        Call(
            settings,
            inputs,
            tensors={
                "weight": weight,
                "bias": bias,
                "running_mean": running_mean,
                "running_var": running_var,
            },
            sources=(state,),
            state_files={"save_state": save_state},
            with_input=with_input,
            relu=relu,
        )
    )
    begins = state is not None and _begins(state, save_state, train)
    run(
        Normalization,
        call,
        saved={} if state is None or begins else _read_state(state),
        carried={},
        train=train,
        momentum=momentum,
        eps=eps,
    )


class Normalization(Operation):
    """Batch normalization of one INPUT.

    Parameters
    ----------
    saved : dict of str to Tensor
        The state that was read.
    carried : dict of str to Tensor
        The running statistics that the last INPUT left.
    """

    name = "batchnorm"

    def __init__(
        self,
        given: Operands,
        saved: dict[str, Tensor],
        carried: dict[str, Tensor],
        train: bool,
        momentum: float | None,
        eps: float,
    ) -> None:
        self.layout = InputLayout(1, given.layout)
        batch = as_batch(given.tensors["input"])
        tensors = saved | given.tensors | carried | {"input": batch}
        batches = int(tensors.pop(_COUNT).array.item()) if _COUNT in tensors else 0
        if given.dtype is None:
            tensors = _with_float32_parameters(tensors)
        self._weak = {name for name in _RUNNING if name not in tensors or tensors[name].weak}
        self._given = given.arrays(tensors)
        self._image = self.layout.to_operator(self._given.pop("input"))
        self._channels = self._image.shape[1] if self._image.ndim > 1 else 0
        dtype = working_dtype(floating_dtype(self._image, *self._given.values()))
        self._parameters: dict[str, Any] = {
            name: _per_channel(self._given.get(name, default), self._channels, dtype, given.headers)
            for name, default in _DEFAULTS.items()
        }
        self._choices: dict[str, Any] = {
            "training": train,
            "momentum": 1 / (batches + 1) if momentum is None else momentum,
            "eps": eps,
        }
        self._batches = batches + train
        self.aside = "" if train else _assumed(self._given)

    @property
    def _state(self) -> dict[str, Array]:
        return self._parameters | {_COUNT: np.array(self._batches, np.int64)}

    def result(self) -> Array:
        return normalise(self._image, **self._parameters, **self._choices)

    def blocks(self) -> "BlockOperator":
        from cnnops_cli.blocks.batchnorm import BatchnormBlocks

        return BatchnormBlocks.planned(
            self._image.shape,
            self._image.dtype,
            self._parameters,
            channels_last=self.layout.layout == "channels-last",
            **self._choices,
        )

    def take_statistics(self, running: dict[str, Array]) -> None:
        self._parameters |= running

    def explained(self) -> "tuple[Array, Explainer]":
        from cnnops_cli.explain.batchnorm import batchnorm_explainer

        before = [self._parameters[name].copy() for name in _RUNNING]
        result = self.result()
        return result, batchnorm_explainer(
            self._image, result, before=before, **self._parameters, **self._choices
        )

    def estimate(self) -> "Estimate":
        from cnnops_cli.explain.estimators import estimate_batchnorm

        return estimate_batchnorm(self._image, self._parameters, **self._choices)

    def lesson(self, relu: bool) -> "LessonPlan":
        from cnnops_cli.lessons.batchnorm import BatchnormLesson

        return BatchnormLesson(
            self._image, self._parameters, self.layout.axes, relu=relu, **self._choices
        )

    def writer(self, option: str, path: str) -> Writer:
        return named_writer(path, self._state)

    def sections(self) -> "list[Section]":
        from cnnops_cli.commands.result_view import input_section
        from cnnops_cli.text.shapes import named_shape
        from cnnops_cli.views.sections import Section

        said, eps = [named_shape("C", (self._channels,))], f"eps {self._choices['eps']:g}"
        if self._choices["training"]:
            mean, variance = batch_statistics(self._image)
            found = [Section("mean", said, mean), Section("variance", [*said, eps], variance)]
        else:
            mean, variance = (self._parameters[name] for name in _RUNNING)
            found = [
                Section("running mean", said, mean),
                Section("running variance", [*said, eps], variance),
            ]
        given = [name for name in ("weight", "bias") if name in self._given]
        return [
            input_section(self.layout, self._image),
            *found,
            *(Section(name, said, self._parameters[name]) for name in given),
        ]

    def left_to_next(self) -> dict[str, Any]:
        state = self._state
        carried = {
            name: Tensor(state[name], name, weak=name in self._weak) for name in (*_RUNNING, _COUNT)
        }
        return {"carried": carried}

    def likely_cause(self) -> str:
        from cnnops_cli.commands.layout_hints import of_input

        def check(shape: tuple[int, ...]) -> None:
            if any(array.shape not in ((), shape[1:2]) for array in self._given.values()):
                raise CnnopsError("the parameters are for another number of channels")

        return of_input(self.layout, self._image, check)


def _begins(state: str, save_state: str | None, train: bool) -> bool:
    """Return whether a state that is missing is about to be written for the first time."""
    if save_state is None or real_path(state) != real_path(save_state) or status_of(state):
        return False
    if not train:
        raise CnnopsError(f"--state: no such file: {state}; --train begins it, --eval needs it")
    return True


def _read_state(path: str) -> dict[str, Tensor]:
    """Read a state by name, and check its count of batches."""
    state = read_named(path, "--state", (*_DEFAULTS, _COUNT))
    if _COUNT in state:
        count = state[_COUNT].array
        if count.size != 1 or count.dtype.kind not in "iu" or not 0 <= count.item() < _MOST_BATCHES:
            raise CnnopsError(f"{path}: {_COUNT} is one integer from 0 to 2**63 - 2, not {count}")
    return state


def _assumed(given: dict[str, Array]) -> str:
    """Name the running statistics that nobody gave, with what is taken for them."""
    missing = [f"{name} {_DEFAULTS[name]:g}" for name in _RUNNING if name not in given]
    return f"not given: {', '.join(missing)}" if missing else ""


def _with_float32_parameters(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keep JSON parameters next to a float16 input from being cut to float16."""
    if tensors["input"].weak or tensors["input"].array.dtype != np.float16:
        return tensors
    return {
        name: Tensor(convert(tensor, np.dtype(np.float32)), tensor.name, weak=False)
        if tensor.weak
        else tensor
        for name, tensor in tensors.items()
    }


def _per_channel(value: Array | float, channels: int, dtype: np.dtype[Any], headers: bool) -> Array:
    """Copy a parameter, which is updated in place, or repeat a number for every channel."""
    shape = np.shape(value) or (channels,)
    if headers:
        return np.broadcast_to(np.asarray(value, dtype), shape)
    parameter = empty("parameter", shape, dtype)
    parameter[...] = value
    return parameter
