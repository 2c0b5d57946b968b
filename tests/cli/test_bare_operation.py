"""An operator that offers a result and nothing else: every option works, or is refused by name."""

import json
import sys
import types
from typing import Annotated, Any

import numpy as np
import pytest

from cnnops_cli import app, options
from cnnops_cli.commands.call import Call
from cnnops_cli.commands.input_layout import InputLayout
from cnnops_cli.commands.operation import Operands, Operation
from cnnops_cli.commands.run import run
from cnnops_cli.commands.validate import validate
from cnnops_cli.settings import Settings

IMAGE = np.arange(32, dtype=np.float32).reshape(2, 4, 4)
POOLED = IMAGE.reshape(2, 2, 2, 2, 2).mean((2, 4))


def avgpool(
    where: Annotated[
        str | None, options.SHARED.file("--where", "Write where to FILE.", str)
    ] = None,
    with_input: options.WithInput = False,
    relu: options.Relu = False,
    inputs: options.Inputs = None,
    *,
    settings: Settings,
) -> None:
    """Average windows of 2 x 2."""
    files = {"where": where}
    run(
        AveragePooling,
        validate(Call(settings, inputs, files=files, with_input=with_input, relu=relu)),
    )


class AveragePooling(Operation):
    name = "avgpool"

    def __init__(self, given: Operands, **_: Any) -> None:
        array = given.arrays()["input"]
        self.layout = InputLayout.spatial(array.shape, 2, given.layout)
        self._image = self.layout.to_operator(array)

    def result(self):
        *lead, rows, columns = self._image.shape
        return self._image.reshape(*lead, rows // 2, 2, columns // 2, 2).mean((-3, -1))


@pytest.fixture(autouse=True)
def registered(monkeypatch, tmp_path):
    module = types.ModuleType("cnnops_cli.commands.avgpool")
    module.avgpool = avgpool
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(app, "OPERATORS", (*app.OPERATORS, "avgpool"))
    np.save(tmp_path / "x.npy", IMAGE)


@pytest.mark.parametrize(
    ("options", "lacks"),
    [
        (["--explain"], "--explain"),
        (["--explain", "--at", "0,0,0"], "--explain"),
        (["--lesson", "x.html"], "--lesson"),
        (["--dry-run"], "--dry-run"),
        (["--with-input", "-f", "table"], "--with-input"),
        (["--where", "w.npy"], "--where"),
    ],
)
def test_what_the_operation_lacks_is_refused_by_name(refused_here, tmp_path, options, lacks):
    reason = refused_here("avgpool", *options, "x.npy")
    assert reason == f"cnnops avgpool: error: avgpool has no {lacks}"
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def test_the_refusal_comes_before_anything_is_read(refused_here):
    reason = refused_here("avgpool", "--explain", "missing.npy")
    assert reason == "cnnops avgpool: error: avgpool has no --explain"


@pytest.mark.parametrize("options", [["-o", "y.zarr"], ["--dry-run"]])
def test_a_zarr_array_is_refused(refused_here, options):
    reason = refused_here("avgpool", *options, "missing.zarr")
    assert reason == "cnnops avgpool: error: avgpool takes no Zarr array, as missing.zarr is"


def test_letters_are_refused(refused_here):
    assert refused_here("avgpool", "[[a,b],[c,d]]").startswith(
        "cnnops avgpool: error: INPUT is not JSON: unexpected character"
    )


def test_the_result(called_here, same):
    same(np.array(json.loads(called_here("avgpool", "x.npy")), np.float32), POOLED)


def test_layout_and_dtype(called_here, tmp_path, same):
    np.save(tmp_path / "last.npy", np.moveaxis(IMAGE, 0, -1))
    called_here(
        "avgpool", "--layout", "channels-last", "--dtype", "float64", "last.npy", "-o", "y.npy"
    )
    same(np.load(tmp_path / "y.npy"), np.moveaxis(POOLED, 0, -1).astype(np.float64))


def test_relu(called_here, tmp_path):
    np.save(tmp_path / "x.npy", IMAGE - 16)
    result = np.array(json.loads(called_here("avgpool", "--relu", "x.npy")))
    np.testing.assert_array_equal(result, np.maximum(POOLED - 16, 0))


@pytest.mark.parametrize(
    "options", [[], ["-f", "json"], ["--precision", "1"], ["-q"], ["--threads", "1"]]
)
def test_what_the_runner_does_for_every_operation(called_here, tmp_path, options):
    called_here("avgpool", *options, "x.npy", "-o", "y.json", "--view", "y.txt")
    assert json.loads((tmp_path / "y.json").read_text()) == POOLED.tolist()
    assert (tmp_path / "y.txt").read_text().startswith("avgpool  (C 2, H 2, W 2)  float32")


def test_the_view(called_here):
    assert called_here("avgpool", "-f", "table", "x.npy").startswith("avgpool  (C 2, H 2, W 2)")


def test_several_inputs(called_here, tmp_path, same):
    np.save(tmp_path / "z.npy", IMAGE + 1)
    called_here("avgpool", "x.npy", "z.npy", "-o", "out/")
    same(np.load(tmp_path / "out" / "z.npy"), POOLED + 1)


def test_the_check(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("golden.npy", POOLED)
    assert app.run(["avgpool", "x.npy", "--expect", "golden.npy"]) == 0
    np.save("golden.npy", POOLED + 1)
    assert app.run(["avgpool", "x.npy", "--expect", "golden.npy"]) == 1
    assert "cnnops avgpool: not equal to golden.npy" in capfd.readouterr().err


def test_every_shared_option_is_held_against_it():
    """An option that is added is one more to try here."""
    tried = {"output", "format", "precision", "dtype", "layout", "threads", "quiet", "view"}
    tried |= {"explain", "at", "lesson", "dry_run", "expect"}
    of_the_runner_alone = {
        *("no_color", "lines", "keep_going", "stretch"),
        *("rtol", "atol", "ulp", "equal_nan", "update_expected"),
        *("output_chunks", "overwrite", "scheduler"),
    }
    assert set(Settings._fields) == tried | of_the_runner_alone


def test_the_help(called_here):
    assert "Average windows of 2 x 2." in called_here("avgpool", "--help")
