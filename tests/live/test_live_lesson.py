"""The lines of PyTorch on the page of --lesson, run: they give what the call gave."""

import json
from pathlib import Path

import numpy as np
import pytest
from calling import CommandHere
from lesson_data import data_of

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.live

RNG = np.random.default_rng(3)
DRAWN = {
    "image": RNG.normal(size=(2, 4, 7, 6)).astype(np.float32),
    "wide": RNG.normal(size=(2, 7, 6, 4)),
    "volume": RNG.normal(size=(2, 4, 5, 3)).astype(np.float32),
    "signal": RNG.normal(size=(3, 9)),
    "whole": RNG.integers(-9, 9, (6, 7)),
    "bytes": RNG.integers(0, 255, (6, 7), np.uint8),
    "filters": RNG.normal(size=(6, 4, 3, 2)).astype(np.float32),
    "pairs": RNG.normal(size=(6, 2, 3, 2)).astype(np.float32),
    "cubes": RNG.normal(size=(3, 2, 2, 3, 2)).astype(np.float32),
    "offsets": RNG.normal(size=6).astype(np.float32),
    "rows": RNG.normal(size=(5, 3)),
    "holes": np.array([[1, np.nan, 3], [np.inf, 5, -np.inf]]),
}
LETTERS = {"a": 1.5, "b": -2.0, "c": 3.0, "d": 0.25}
LETTERS |= {"x": 7.0, "y": -0.5, "F": 2.0, "torch": 4.0, "w": 9.0}

CALLS = [
    "conv -k [[1,-2],[3,4]] -s 1,2 whole.npy",
    "conv -k [[1,-2],[3,4]] -p 0:1,2:0 whole.npy",
    "conv -k [[1,-2],[3,4]] -p 1,2 --relu bytes.npy",
    "conv -k [[0.5,-2],[3,4]] -p 1 --padding-mode reflect whole.npy",
    "conv -k [[0.5,-2],[3,4]] -p 1:0,0:2 --padding-mode circular --depthwise image.npy",
    "conv -k filters.npy -b offsets.npy -p same image.npy",
    "conv -k filters.npy -b 0.5 -s 2 -p same-lower image.npy",
    "conv -k filters.npy -d 2,3 --layout channels-last wide.npy",
    "conv -k pairs.npy -g 2 -p 1 --padding-mode replicate image.npy",
    "conv -k [1,2,-1] -s 2 --depthwise signal.npy",
    "conv -k [[1,2,-1],[0,1,0],[2,2,2]] --dims 1 signal.npy",
    "conv -k cubes.npy -p 1,0,2 volume.npy",
    "maxpool -k 2 whole.npy",
    "maxpool -k 3 -s 2 -p 1 --ceil-mode image.npy",
    "maxpool -k 3,2 -p 0:2,1:0 -d 2,1 -s 1 --ceil-mode whole.npy",
    "maxpool -k 3 -s 2 -p same-upper bytes.npy",
    "maxpool -k 2 --dims 1 whole.npy",
    "maxpool -k 2 --dims 3 -p 1 volume.npy",
    "maxpool -k 2 --layout channels-last --relu wide.npy",
    "batchnorm rows.npy",
    "batchnorm --weight [1,2,3] --bias 0.5 --momentum 0.3 rows.npy",
    "batchnorm --eval --running-mean 0.5 --running-var [1,2,3,4] --relu image.npy",
    "batchnorm --layout channels-last wide.npy",
    "batchnorm whole.npy",
    "dropout --seed 3 -p 0.3 rows.npy",
    "dropout --seed 3 --channelwise image.npy",
    "dropout --mask [[1,0,1],[0,0,1],[1,1,1],[1,0,0],[1,1,1]] rows.npy",
    "dropout --eval rows.npy",
    "dropout -p 1 rows.npy",
    "dropout --seed 1 whole.npy",
    "dropout --seed 2 holes.npy",
    "dropout --mask [[0,0,1],[0,1,1]] holes.npy",
    "maxpool -k 2 holes.npy",
]


@pytest.fixture
def cnnops(tmp_path: Path) -> CommandHere:
    for name, array in DRAWN.items():
        np.save(tmp_path / f"{name}.npy", array)
    return CommandHere(tmp_path)


def operand(tmp_path: Path, text: str):
    return torch.from_numpy(np.load(tmp_path / text))


def test_lines_of_small_and_of_large_tensors_are_tried():
    sizes = [array.size for array in DRAWN.values()]
    assert min(sizes) <= 64 < max(sizes)


@pytest.mark.parametrize("call", CALLS)
def test_the_lines_give_what_the_call_gave(cnnops, tmp_path, call):
    arguments = call.split()
    mask = ["--mask-output", "mask.npy"] if arguments[0] == "dropout" else []
    result = cnnops.array(*arguments, "--lesson", "lesson.html", *mask)
    lines = data_of((tmp_path / "lesson.html").read_text())["pytorch"]
    names = {"x": operand(tmp_path, arguments[-1])}
    for option, name in (("-k", "w"), ("-b", "b")):
        if option in arguments and (text := arguments[arguments.index(option) + 1]).endswith("npy"):
            names[name] = operand(tmp_path, text)
    if mask:
        names["mask"] = operand(tmp_path, "mask.npy")
    exec(lines, names)
    got = names["y"].numpy()
    assert got.shape == result.shape
    np.testing.assert_allclose(got, result, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        ("conv", "-k", "[[a,b],[c,d]]", "-s", "1,2", "whole.npy"),
        ("conv", "-k", "[[1,2],[3,4]]", "-b", "[d]", "[[a,b],[c,7]]"),
        ("maxpool", "-k", "2", "[[a,b,0],[c,d,1]]"),
        ("conv", "-k", "[[x,y],[F,torch]]", "-b", "[w]", "whole.npy"),
    ],
)
def test_letters_are_placeholders_for_the_readers_numbers(cnnops, tmp_path, arguments):
    formulas = json.loads(cnnops.json(*arguments, "--lesson", "lesson.html"))
    names = {f"{letter}_": number for letter, number in LETTERS.items()} | LETTERS
    exec(data_of((tmp_path / "lesson.html").read_text())["pytorch"], names)
    expected = [[eval(formula, {}, LETTERS) for formula in row] for row in formulas]
    np.testing.assert_allclose(names["y"].numpy(), expected)
