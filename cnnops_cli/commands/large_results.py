"""Where the large arrays of a call are: in the files that are to hold them, or in unnamed ones."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from cnnops_cli.dtypes import Array
from cnnops_cli.errors import CnnopsError
from cnnops_cli.large_arrays import held_by
from cnnops_cli.paths import is_device, real_path
from cnnops_cli.tensors.formats import NPY, format_of_name
from cnnops_cli.tensors.staged_files import NoRoomError, StagedFiles


@contextmanager
def staging(
    output: str | None, files: Mapping[str, str | None], layout: str
) -> Iterator[StagedFiles]:
    """Stage the files of one outcome, the large arrays of which are computed in them.

    Parameters
    ----------
    output : str or None
        Where the result goes, as the user wrote it.
    files : mapping of str to str or None
        By option: the files that are written in addition.
    layout : str
        Where their arrays have their channels; operators have them first.
    """
    named = {"indices": files.get("indices"), "mask": files.get("mask_output")}
    paths = {"result": output, **named}

    def hold(use: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
        path = paths.get(use)
        if path is not None and format_of_name(path) is NPY:
            if layout != "channels-last":
                return staged.reserve(path, shape, dtype)
            staged.take_space(path, shape, dtype)
        return _unnamed(_folder_of(output), shape, dtype)

    try:
        with StagedFiles() as staged, held_by(hold):
            yield staged
    except NoRoomError as error:
        raise CnnopsError(str(error)) from error


def in_unnamed_files() -> AbstractContextManager[None]:
    """Have large arrays that are read for several outcomes held by temporary files."""
    return held_by(lambda _, shape, dtype: _unnamed(None, shape, dtype))


def _unnamed(folder: str | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
    from cnnops_cli.tensors.mapped import without_name

    return without_name(folder, shape, dtype)


def _folder_of(output: str | None) -> str | None:
    """Return the folder of a file; None where the result goes to none."""
    if output is None or output == "-" or is_device(output):
        return None
    return os.path.dirname(real_path(output))
