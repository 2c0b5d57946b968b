"""`lesson(...)` in Python: the page of the command, in a notebook and in a file."""

import json
import re
from functools import partial
from html.parser import HTMLParser

import numpy as np
import pytest

import cnnops_cli
from cnnops_cli import CnnopsError, batchnorm, conv, dropout, lesson, maxpool

IMAGE = np.arange(1, 13).reshape(1, 3, 4)
WEIGHT = np.array([[[[1, 10], [100, 1000]]]])
VALUES = np.array([[1.5, -2.0], [3.0, 4.0], [0.0, 8.5]])
MEAN, VARIANCE = np.array([0.5, 1.0]), np.array([2.0, 0.25])


class Frames(HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found, self.others = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        (self.found if tag == "iframe" else self.others).append((tag, dict(attributes)))


def page_of(made, folder) -> str:
    made.save(folder / "made.html")
    return (folder / "made.html").read_bytes().decode()


CALLS = {
    "conv": (
        lambda: lesson(conv, IMAGE, WEIGHT, stride=(1, 2)),
        "conv -k weight.npy -s 1,2 image.npy",
    ),
    "conv-letters": (
        lambda: lesson(conv, IMAGE, [[[["a", "b"], ["c", "d"]]]], stride=(1, 2)),
        "conv -k [[[[a,b],[c,d]]]] -s 1,2 image.npy",
    ),
    "conv-bias-padding": (
        lambda: lesson(conv, IMAGE, WEIGHT, np.array([3]), padding=1, padding_mode="reflect"),
        "conv -k weight.npy -b [3] -p 1 --padding-mode reflect image.npy",
    ),
    "maxpool": (
        lambda: lesson(maxpool, IMAGE, (2, 2), stride=(1, 2)),
        "maxpool -k 2,2 -s 1,2 image.npy",
    ),
    "batchnorm": (
        lambda: lesson(batchnorm, VALUES, MEAN, VARIANCE),
        "batchnorm --eval --running-mean mean.npy --running-var variance.npy values.npy",
    ),
    "batchnorm-training": (
        lambda: lesson(batchnorm, VALUES, MEAN, VARIANCE, training=True),
        "batchnorm --running-mean mean.npy --running-var variance.npy values.npy",
    ),
    "dropout": (
        lambda: lesson(dropout, VALUES, 0.25, seed=3),
        "dropout -p 0.25 --seed 3 values.npy",
    ),
    "dropout-channelwise": (
        lambda: lesson(dropout, VALUES, channelwise=True, seed=3),
        "dropout --channelwise --seed 3 values.npy",
    ),
}


@pytest.mark.parametrize(("make", "call"), CALLS.values(), ids=CALLS)
def test_the_page_is_that_of_the_command(cnnops, tmp_path, make, call):
    arrays = {
        "image": IMAGE,
        "weight": WEIGHT,
        "values": VALUES,
        "mean": MEAN,
        "variance": VARIANCE,
    }
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    cnnops.text(*call.split(), "--lesson", "command.html")
    assert page_of(make(), tmp_path) == (tmp_path / "command.html").read_text()


@pytest.mark.parametrize(("make", "call"), CALLS.values(), ids=CALLS)
def test_a_notebook_shows_the_page_in_a_frame(tmp_path, make, call):
    made = make()
    frames = Frames(made._repr_html_())
    ((_, attributes),) = frames.found
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == page_of(made, tmp_path)
    assert "src" not in attributes
    assert not [tag for tag, _ in frames.others if tag in ("script", "style", "link")]


def test_plain_text(tmp_path):
    made = lesson(conv, IMAGE, WEIGHT, stride=(1, 2))
    for text in (repr(made), str(made)):
        assert "<iframe" not in text
        assert "<script" not in text
        assert "conv" in text
        assert len(text) < 4000


def test_saving_takes_text_and_paths_and_replaces(tmp_path):
    made = lesson(maxpool, IMAGE, 2)
    (tmp_path / "a.html").write_text("old" * 100_000)
    made.save(tmp_path / "a.html")
    made.save(str(tmp_path / "b.html"))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "b.html"}


def test_running_arrays_stay_as_they_are():
    mean, variance = MEAN.copy(), VARIANCE.copy()
    made = lesson(batchnorm, VALUES, mean, variance, training=True)
    made._repr_html_()
    assert mean.tolist() == MEAN.tolist()
    assert variance.tolist() == VARIANCE.tolist()


def test_operands_stay_as_they_are_and_may_be_changed_afterwards(tmp_path):
    image, weight = IMAGE.copy(), WEIGHT.copy()
    made = lesson(conv, image, weight)
    image[:], weight[:] = 0, 0
    assert page_of(made, tmp_path) == page_of(lesson(conv, IMAGE, WEIGHT), tmp_path)


@pytest.mark.parametrize("function", [np.add, "conv", None, 3, len, lesson, conv(IMAGE, WEIGHT)])
def test_another_function_is_refused(function):
    one_line = r"^lesson explains conv, maxpool, batchnorm and dropout, not \w+$"
    with pytest.raises(CnnopsError, match=one_line):
        lesson(function, IMAGE)


REFUSED = {
    "kernel expects 2 input channels (1 group), but input has 1: kernel (1, 2, 2, 2), "
    "input (1, 3, 4)": (conv, IMAGE, np.ones((1, 2, 2, 2))),
    "kernel reaches over 9 elements along H, but input has 3 there: kernel (9, 9), "
    "input (1, 3, 4)": (maxpool, IMAGE, 9),
    "p must be from 0 to 1, not 2.0": (dropout, VALUES, 2.0),
    "training needs more than 1 value per channel, but input has 1: give a larger batch, or "
    "normalise with running statistics: input (1, 2)": (
        partial(batchnorm, training=True),
        VALUES[:1],
    ),
}


@pytest.mark.parametrize(("reason", "call"), REFUSED.items())
def test_wrong_arguments_are_refused_as_by_the_function_itself(reason, call):
    function, *operands = call
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        function(*operands)
    options = getattr(function, "keywords", {})
    with pytest.raises(CnnopsError, match=f"^{re.escape(reason)}$"):
        lesson(getattr(function, "func", function), *operands, **options)


def test_too_large_a_page_is_refused():
    with pytest.raises(
        CnnopsError,
        match=r"^a lesson draws at most 20,000 elements, and this call has 80,001: cut input to "
        r"\[:, :97, :97\], as NumPy writes it$",
    ):
        lesson(maxpool, np.ones((1, 200, 200)), 1)


def test_the_indices_that_maxpool_can_return_do_not_matter(tmp_path):
    made = lesson(maxpool, IMAGE, 2, return_indices=True)
    assert page_of(made, tmp_path) == page_of(lesson(maxpool, IMAGE, 2), tmp_path)


def test_it_is_part_of_the_interface():
    assert "lesson" in cnnops_cli.__all__
    assert callable(cnnops_cli.lesson)
    assert json.loads(json.dumps(cnnops_cli.lesson.__doc__)).strip()
