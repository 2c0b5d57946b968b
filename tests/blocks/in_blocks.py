"""Results put together from blocks, whose inputs are arrays in memory."""

import pickle
from itertools import product

import numpy as np

from cnnops_cli.blocks.boxes import Box


def reading(array, seen=None):
    """What reads boxes of an array; `seen` collects them."""

    def read(box):
        assert all(0 <= start < stop for start, stop in box.spans)
        assert all(stop <= length for stop, length in zip(box.stops, array.shape, strict=True))
        if seen is not None:
            seen.append(box)
        return np.array(array[box.slices], order="C")

    return read


def random_boxes(rng, shape):
    """A grid with cuts anywhere, or of single elements where there are few of them."""
    axes = []
    for length in shape:
        most = min(length - 1, 3 if rng.random() < 0.8 else 8)
        cuts = rng.choice(np.arange(1, length), rng.integers(0, most + 1), replace=False)
        stops = [*sorted(cuts.tolist()), length]
        axes.append(list(zip([0, *stops[:-1]], stops, strict=True)))
    boxes = [Box.of_spans(spans) for spans in product(*axes)]
    return [boxes[number] for number in rng.permutation(len(boxes))]


def in_blocks(operator, arrays, boxes):
    """Compute every box on a copy of the operator that was sent elsewhere."""
    results = {name: np.empty(operator.shape, dtype) for name, dtype in operator.outputs.items()}
    sent = pickle.loads(pickle.dumps(operator))
    for box in boxes:
        seen = []
        reads = {
            name: reading(array, seen if name == "input" else None)
            for name, array in arrays.items()
        }
        found = sent.compute(reads, box)
        assert found.keys() == results.keys()
        assert sorted(seen) == sorted(operator.sees(box))
        for name, part in found.items():
            assert (part.shape, part.dtype) == (box.shape, results[name].dtype)
            results[name][box.slices] = part
    return results


def assert_same_bytes(got, expected):
    """Equal in shape, dtype and every bit, those of NaNs and zeros included."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    kind = f"u{got.itemsize}"
    parts = (np.ascontiguousarray(array).view(kind) for array in (got, expected))
    np.testing.assert_array_equal(*parts)
