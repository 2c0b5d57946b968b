"""The words that functions and options accept, and the errors about any other."""

from collections.abc import Iterable, Sequence

from cnnops_cli.errors import CnnopsError

DTYPES = (
    "float16", "float32", "float64",
    "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64",
    "bool",
)  # fmt: skip
ACCUMULATE = ("exact", "fast", "sequential", "fma")
FORMATS = ("auto", "table", "json", "npy")
LAYOUTS = ("channels-first", "channels-last")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
PADDING_WORDS = ("valid", "same", "same-upper", "same-lower")
VIEW_SUFFIXES = (".svg", ".html", ".txt")
PAGE_SUFFIXES = (".html",)


def check_word(name: str, word: str, accepted: Sequence[str], or_else: str = "") -> None:
    """Refuse a word that is not accepted, and name the nearest one that is.

    `name` says what the word is for, and `or_else` what else would have been accepted.
    """
    if word not in accepted:
        raise CnnopsError(
            f"{name} {shortened(repr(word))} is not one of {', '.join(accepted)}{or_else}"
            f"{suggest(word, accepted, name)}"
        )


def check_names(file: str, names: Iterable[str], accepted: Sequence[str]) -> None:
    """Refuse a file that holds an array of a name that is not accepted."""
    for name in names:
        check_word(f"{file} holds a name that is not known:", name, accepted)


def shortened(text: str, most: int = 80) -> str:
    """Return the start of a text that is too long for an error line.

    Examples
    --------
    >>> shortened("[1,2,3,4,5,6]", most=8)
    '[1,2,3,4…'
    """
    return text if len(text) <= most else f"{text[:most]}…"


def listed(names: Sequence[str], most: int = 8) -> str:
    """List names; if there are many, the first ones and the number of the others.

    Examples
    --------
    >>> listed(["weight", "bias", "running_mean", "running_var"], most=2)
    'weight, bias and 2 others'
    """
    if len(names) <= most + 1:
        return ", ".join(map(shortened, names))
    return f"{', '.join(map(shortened, names[:most]))} and {len(names) - most} others"


def series(words: Sequence[str], last: str = "or") -> str:
    """List words as a sentence does.

    Examples
    --------
    >>> series([".npy", ".npz", ".json"]), series(["one", "two"], "and"), series(["one"])
    ('.npy, .npz or .json', 'one and two', 'one')
    """
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def suggest(word: str, accepted: Sequence[str], subject: str = "") -> str:
    """Return what was meant, to be added to an error; empty where that is not clear.

    `subject` says what the word is for; see `cnnops_cli.hints`.

    Examples
    --------
    >>> suggest("relfect", PADDING_MODES)
    '; did you mean reflect?'
    """
    from cnnops_cli.hints import hint

    meant = hint(str(word), accepted, subject)
    return f"; {meant}" if meant else ""
