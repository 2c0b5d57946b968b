"""The words that functions and options accept, and what is said of any other."""

from collections.abc import Sequence

from cnnops_cli.errors import CnnopsError

DTYPES = (
    "float16", "float32", "float64",
    "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64",
    "bool",
)  # fmt: skip
FORMATS = ("auto", "table", "json", "npy")
LAYOUTS = ("channels-first", "channels-last")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
PADDING_WORDS = ("valid", "same", "same-upper", "same-lower")
SUFFIXES = (".npy", ".npz", ".json")
VIEW_SUFFIXES = (".svg", ".html", ".txt")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


def check_word(name: str, word: str, accepted: Sequence[str], or_else: str = "") -> None:
    """Refuse a word that is not accepted, and name the nearest one that is.

    Parameters
    ----------
    name : str
        What the word is for.
    word : str
    accepted : sequence of str
    or_else : str
        What else would have been accepted, in words.

    Raises
    ------
    CnnopsError
        If `word` is not in `accepted`.
    """
    if word not in accepted:
        raise CnnopsError(
            f"{name} {word!r} is not one of {', '.join(accepted)}{or_else}"
            f"{suggest(word, accepted, name)}"
        )


def suggest(word: str, accepted: Sequence[str], subject: str = "") -> str:
    """Add to an error what was meant; nothing where that is not clear.

    Parameters
    ----------
    word : str
    accepted : sequence of str
    subject : str
        What the word is for, where other tools have other words for it; see `cnnops_cli.hints`.

    Examples
    --------
    >>> suggest("relfect", PADDING_MODES)
    '; did you mean reflect?'
    """
    from cnnops_cli.hints import hint

    meant = hint(str(word), accepted, subject)
    return f"; {meant}" if meant else ""
