"""How work is cut into parts."""


def spans(whole: int | slice, most: int, multiple: int = 1) -> list[slice]:
    """Cut items into slices of one length; the last may be shorter.

    Parameters
    ----------
    whole : int or slice
        How many items there are, or which.
    most : int
        The length that none is past, if `multiple` allows it.
    multiple : int
        The lengths are multiples of this, but the last.

    Examples
    --------
    >>> spans(10, 4)
    [slice(0, 4, None), slice(4, 8, None), slice(8, 10, None)]
    >>> spans(9, 8), spans(slice(7, 10), 2)
    ([slice(0, 5, None), slice(5, 9, None)], [slice(7, 9, None), slice(9, 10, None)])
    >>> spans(9, 8, multiple=4)
    [slice(0, 8, None), slice(8, 9, None)]
    """
    start, stop = (0, whole) if isinstance(whole, int) else (whole.start, whole.stop)
    parts = -(-(stop - start) // max(1, most))
    if parts <= 1:
        return [slice(start, stop)] * parts
    length = -(-(stop - start) // parts)
    length = -(-length // multiple) * multiple
    return [slice(at, min(at + length, stop)) for at in range(start, stop, length)]
