"""Tensor operations of convolutional networks, exact about PyTorch's semantics.

The four operators are functions on NumPy arrays:

>>> import numpy as np
>>> from cnnops_cli import maxpool
>>> maxpool(np.arange(1, 13).reshape(1, 3, 4), (2, 2), stride=(1, 2))
array([[[ 6,  8],
        [10, 12]]])

The rest of this text is the map of the package, for those who change it. A room is a module or a
folder. It may import from itself and from what follows its arrow, and from no other room::

    errors      what is wrong with a call or its data
    hints       what an unknown word was meant to be
    spans       how work is cut into parts
    signals     signals that ask the command to end
    paths       what a path leads to                          <- errors
    words       the words that functions and options accept   <- errors, hints
    dtypes      which dtypes there are, and what they become  <- errors, words
    slabs       large arrays, a part at a time                <- spans, dtypes
    large_arrays    arrays that memory may not hold           <- dtypes
    ground      = errors, spans, signals, paths, words, dtypes, slabs, large_arrays

    tensors/    text, pipes and files to arrays and back      <- ground
    ops/        the operators on arrays, and their geometry   <- ground
    blocks/     arrays that no memory holds, box by box       <- ground, ops
    text/       lines, columns and numbers as text            <- ground
    explain/    the arithmetic behind results                 <- ground, ops, text
    checks/     whether a result is what was expected         <- ground, text
    lessons/    the page that shows every step                <- ground, ops, text, explain
    views/      results as a person reads them                <- ground, text
    parsers     the text of an option to its value            <- ground, tensors
    option_kinds    what an option takes, declared once       <- words, parsers
    options     the options that several commands have        <- words, tensors, option_kinds
    settings    the options that every command has            <- words, tensors, parsers, options
    rooms       = tensors, ops, blocks, text, explain, checks, lessons, views, parsers,
                  option_kinds, options, settings

    commands/   an operator's options to an operation, and
                what is done with any operation               <- ground, rooms
    help        how -h and --help are laid out                <- commands
    app         the command cnnops, and its exit statuses     <- errors, signals, words, tensors,
                                                                 ops, settings, commands, help
    __main__    where the process starts                      <- signals, app
    __init__    the Python interface                          <- errors, ops, lessons

The way of a call, ``cnnops conv --kernel k.json input.npy``::

    __main__.py                 starts
    app.py                      finds the command; every error ends here, as a line and a status
    commands/conv.py            says what is read and written, and which operation is asked for
    commands/validate.py        refuses what does not go together
    commands/run.py             reads the tensors
    commands/outcome.py         makes the operation, and asks it for what the settings want of it
    commands/convolution.py     is that operation
    ops/conv.py                 computes the result
    commands/write_outcome.py   writes files, standard output and the summary, by way of
    tensors/, views/            which know the formats and the terminal

A Zarr INPUT goes another way from the runner on::

    commands/in_blocks.py       plans blocks of the result, has them computed, and the result appear
    blocks/                     knows what each block sees of INPUT, and computes it
"""

TYPE_CHECKING = False  # that of `typing`, without the time that its import takes
if TYPE_CHECKING:
    from cnnops_cli.errors import CnnopsError
    from cnnops_cli.lessons.lesson import lesson
    from cnnops_cli.ops.batchnorm import batchnorm
    from cnnops_cli.ops.conv import conv
    from cnnops_cli.ops.dropout import dropout
    from cnnops_cli.ops.maxpool import maxpool

__version__ = "0.1.0"
__all__ = ["CnnopsError", "batchnorm", "conv", "dropout", "lesson", "maxpool"]


def __getattr__(name: str) -> object:
    """Import an operator when it is first asked for, so that the command starts without NumPy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = {"CnnopsError": "errors", "lesson": "lessons.lesson"}.get(name, f"ops.{name}")
    return getattr(import_module(f"cnnops_cli.{home}"), name)
