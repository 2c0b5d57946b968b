"""What goes with a Zarr INPUT, and what goes with nothing else."""

import os

from cnnops_cli.commands.call import Call, Texts
from cnnops_cli.errors import CnnopsError
from cnnops_cli.parsers import names_zarr
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import NPY, format_of_name
from cnnops_cli.tensors.read import is_inline
from cnnops_cli.tensors.result_places import check_apart, check_replaced
from cnnops_cli.tensors.zarr_places import (
    check_takes_results,
    is_file_like_zarr,
    is_remote,
    location_of,
)

_REFUSED = ("view", "stretch", "explain", "at", "lesson", "lines", "keep_going")
_ALSO_ZARR = ("indices", "mask_output", "mask")
"""The options that take a Zarr array where INPUT is one."""
_MOST_SHOWN = 40


def validate_zarr(call: Call) -> Call:
    """Refuse what does not go with a Zarr INPUT, or only goes with one."""
    if not call.is_zarr:
        _refuse_zarr(call)
        return call
    settings = call.settings
    if len(call.texts) > 1:
        raise CnnopsError(
            f"a Zarr INPUT goes alone, but there are {len(call.texts)} INPUTs; call once for each"
        )
    given = [_option(name) for name in _REFUSED if getattr(settings, name)]
    given += ["--with-input"] * call.with_input + settings.given_check_options()
    for option in given:
        raise CnnopsError(f"{option} does not go with a Zarr INPUT; leave it out")
    if settings.scheduler is not None and settings.threads is not None:
        raise CnnopsError(
            "--threads does not go with --scheduler: a worker has the threads of dask worker "
            "--nthreads"
        )
    _check_format(settings)
    _check_operands(call.tensors)
    _check_results(call)
    return call


def _refuse_zarr(call: Call) -> None:
    for file in call.texts:
        _refuse_file(file, f"; an array in an archive is zip://x.zarr::{file}")
    for option in call.settings.given_zarr_options():
        raise CnnopsError(f"{option} goes with a Zarr INPUT; leave it out")
    named = {"output": call.settings.output, **call.files, **call.tensors}
    for name, text in named.items():
        if text is not None and names_zarr(text):
            if name in call.tensors:
                _refuse_operand(name, text)
            raise CnnopsError(
                f"{_option(name)}: {text} is a Zarr array's name, which goes with a Zarr INPUT"
            )


def _refuse_file(text: str, hint: str = "") -> None:
    """Refuse a file that has the name of a Zarr array."""
    if is_file_like_zarr(text):
        raise CnnopsError(f"{text} is a file, and a Zarr array is a directory{hint}")


def _refuse_operand(name: str, text: str) -> None:
    if name not in _ALSO_ZARR:
        raise CnnopsError(f"{_option(name)} takes no Zarr array, as {text} is; only INPUT does")


def _check_format(settings: Settings) -> None:
    if settings.dry_run and settings.format == "npy":
        raise CnnopsError("--dry-run shows text or JSON: --format table or json, not npy")
    if settings.format != "auto" and not settings.dry_run:
        raise CnnopsError(
            "--format is for standard output, but the result of a Zarr INPUT goes to --output; "
            "leave it out"
        )


def _check_operands(tensors: Texts) -> None:
    for name, text in tensors.items():
        if text is None:
            continue
        if names_zarr(text):
            _refuse_operand(name, text)
        elif name in _ALSO_ZARR and not (format_of_name(text) is NPY and os.path.exists(text)):
            _refuse_file(text)
            raise CnnopsError(
                f"{_option(name)} of a Zarr INPUT is a Zarr array or a .npy file, which "
                f"{text[:_MOST_SHOWN]!r} is not"
            )


def _check_results(call: Call) -> None:
    settings = call.settings
    if settings.output is None and not settings.dry_run:
        raise CnnopsError("the result of a Zarr INPUT is a Zarr array; name it: --output x.zarr")
    also = {name: path for name, path in call.files.items() if name in _ALSO_ZARR}
    results = {}
    for name, path in {"output": settings.output, **also}.items():
        if path is None:
            continue
        if not names_zarr(path):
            _refuse_file(path, "; name another")
            raise CnnopsError(
                f"{_option(name)}: {path!r} is not a Zarr array's name; with a Zarr INPUT it is "
                "one, such as y.zarr"
            )
        check_takes_results(path)
        results[name] = path
    if not settings.dry_run:
        _check_apart(call, results)
        for path in results.values():
            if not is_remote(location_of(path)):
                check_replaced(path, overwrite=settings.overwrite)


def _check_apart(call: Call, results: dict[str, str]) -> None:
    """Refuse results that are in one another, or in what is read."""
    arrays = {f"INPUT {call.texts[0]}": call.texts[0]}
    others = {text: text for text in call.sources if text}
    for name, text in call.tensors.items():
        if text and not is_inline(text):
            (arrays if names_zarr(text) else others)[f"{_option(name)} {text}"] = text
    files = {
        f"{_option(name)} {path}": path
        for name, path in call.all_files.items()
        if path and name not in results
    }
    for path in files.values():
        for name, text in arrays.items():
            check_apart(path, name, text)
    taken = arrays | others | files
    for option, path in results.items():
        for name, text in taken.items():
            check_apart(path, name, text)
        taken[f"{_option(option)} {path}"] = path


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
