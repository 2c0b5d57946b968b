"""What text that is not JSON was meant to be, in the spellings of Python, NumPy, C and others."""

import re

INSTEAD = {
    "an object": "",
    "true": "; write 1 for true",
    "false": "; write 0 for false",
    "null": "; where a value is missing write NaN",
    "a string": "; numbers have no quotes around them",
}

_WORDS = (
    (re.compile(r"[+-]?nan", re.IGNORECASE), "NaN is written NaN"),
    (re.compile(r"[+-]?inf(inity)?", re.IGNORECASE), "infinity is written Infinity or -Infinity"),
    (re.compile(r"(none|null|nil|na|undefined)", re.IGNORECASE), "a missing value is written NaN"),
    (re.compile(r"true", re.IGNORECASE), "true is written 1"),
    (re.compile(r"false", re.IGNORECASE), "false is written 0"),
    (re.compile(r"-?\.\d\w*"), "a digit comes before the point: 0.5, not .5"),
    (re.compile(r"-?\d+\.([eE].*)?"), "a digit follows the point: 1.0, not 1."),
    (re.compile(r"\+[.\d].*"), "a number has no + before it"),
    (re.compile(r"-?0[xXbBoO]\w+"), "numbers are decimal: 16, not 0x10"),
    (re.compile(r"-?\d[\d.]*(_[\d.]+)+"), "digits have no _ between them: 1000, not 1_000"),
    (re.compile(r"-?0\d+"), "a number does not begin with 0: 7, not 07"),
    (re.compile(r"-?\d[\d.]*([eE][+-]?\d+)?[fFlLuUdD]+\d*"), "numbers have no letters after them"),
    (re.compile(r"-?\d[\d.+-eE]*[ij]"), "complex numbers are not supported"),
    (re.compile(r"(np\.|numpy\.|torch\.)?(array|tensor|Tensor)"), "write the brackets alone"),
    (re.compile(r"\.\.\..*"), "every value is written out, without ..."),
)
_RIGHT = ("NaN", "Infinity", "-Infinity", "null", "true", "false")
_SIGNS = (
    (re.compile(r"#|//|/\*"), "JSON has no comments"),
    (re.compile(r"[\'‘’“”`]"), "numbers have no quotes around them"),
    (re.compile(r"[(){}]"), "arrays have square brackets: [1, 2]"),
    (re.compile(r";"), "arrays are nested: [[1, 2], [3, 4]]"),
    (re.compile(r"−|–"), "a minus sign is -"),
)
_AROUND = re.compile(r"[\w.+-]*")
_MOST_BEFORE = 40


def meant(text: str, at: int, name: str) -> str:
    """Say how to write what is at the place where a parser gave up, if that is clear.

    Examples
    --------
    >>> meant("[[nan, 2]]", 2, "INPUT"), meant("[1, 2,]", 5, "INPUT"), meant("[?]", 1, "INPUT")
    ('; NaN is written NaN', '; no comma follows the last value', '')
    """
    hint = _of_place(text, at, name)
    return hint and f"; {hint}"


def string_meant(string: str) -> str:
    """Say how to write what is in quotes as a number, if that is clear.

    Examples
    --------
    >>> string_meant("1.5"), string_meant("nan"), string_meant("a b")
    ('; numbers have no quotes around them', '; NaN is written NaN', '')
    """
    if re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|NaN|-?Infinity", string):
        return INSTEAD["a string"]
    hint = _of_word(string)
    return hint and f"; {hint}"


def _of_word(word: str) -> str:
    hints = (hint for pattern, hint in _WORDS if pattern.fullmatch(word))
    return "" if word in _RIGHT else next(hints, "")


def _of_place(text: str, at: int, name: str) -> str:
    before, rest = text[max(0, at - _MOST_BEFORE) : at], text[at : at + _MOST_BEFORE]
    last, following = before.rstrip()[-1:], rest.lstrip()
    for pattern, hint in _SIGNS:
        if pattern.match("{" if last == "{" else rest):
            return hint
    tail = re.search(r"[\w.+-]*$", before)
    word = (tail.group() if tail else "") + _AROUND.match(rest).group()  # type: ignore[union-attr]
    if hint := _of_word(word):
        return hint
    if following.startswith(",") and text[at:].lstrip(", \t\r\n").startswith("]"):
        return "no comma follows the last value"
    if following.startswith("]") and last == ",":
        return "no comma follows the last value"
    if following.startswith(",") and last in {",", "["}:
        return "a value is missing between commas"
    if following.startswith(",") and last == "]" and _is_whole(text, at):
        return "one more pair of brackets around all makes one tensor"
    begins = bool(re.match(r"[\[\d-]|NaN|Infinity", following))
    if begins and _is_whole(text, at):
        return "" if name.startswith("--") else "--lines takes one tensor per line"
    if begins and re.search(r"[\w\]]\s*$", before) and not _AROUND.fullmatch(before[-1:]):
        return "commas separate values"
    return ""


def _is_whole(text: str, at: int) -> bool:
    """Return whether what is before a place is a whole document."""
    before = text[:at]
    return before.count("[") == before.count("]")
