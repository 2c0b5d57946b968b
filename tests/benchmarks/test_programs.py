"""The benchmarks run and print what they promise; how long anything takes is not looked at."""

import inspect
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import accuracy
import commands
import exactness
import fit_costs
import fit_exact
import kernels
import machine
import modes
import numpy as np
import picture
import processes
import pytest
import results
import small_calls
from calls import our_call
from tables import Table

from cnnops_cli import conv
from cnnops_cli.ops import precise_moments
from cnnops_cli.ops.convolution import running_sums
from cnnops_cli.ops.convolution.costs import RATES, Rates

FOLDER = Path(__file__).parent
PAGE = (FOLDER / "README.md").read_text()
README = (FOLDER.parent.parent / "README.md").read_text()
KEPT = FOLDER / "ratios.json"

TIME = r"\d+(\.\d+)? ms"
RATIO = r"\d+\.\d\d"
SPREAD = rf"\({RATIO} to {RATIO}\)"
MEMORY = r"-?\d+\.\d MiB"


def run(program, *arguments):
    """Standard output of a program, below its header and the heading of its table."""
    result = subprocess.run(
        [sys.executable, FOLDER / program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    header, table = result.stdout.split("\n\n", 1)
    assert {"CPU", "cores", "Python", "NumPy", "BLAS", "date"} <= {
        line.split()[0] for line in header.splitlines()
    }
    _heading, rule, *rows = table.splitlines()
    assert set(rule) == {"-"}
    return rows


@pytest.fixture
def without_peers(monkeypatch):
    """No package on the other side is installed, but NumPy."""
    monkeypatch.setattr(machine, "version", lambda name: "2.0" if name == "numpy" else None)


def test_kernels(tmp_path):
    kept = tmp_path / "kept.json"
    row, _, mean, *_ = run("kernels.py", "--rounds", "1", "--match", "uint8", "--json", kept)
    assert re.match(rf"conv, integers +photograph .* uint8 +{TIME} +{TIME} +{RATIO} +{SPREAD}", row)
    assert re.fullmatch(rf"conv, integers: geometric mean {RATIO} against NumPy", mean)
    machine_then, _ = results.read(kept)
    assert machine_then["NumPy"]


def test_kernels_compare_the_exact_mode_with_the_fast_one(monkeypatch, capsys):
    monkeypatch.setattr(machine, "version", lambda name: "2.0")
    monkeypatch.setattr(kernels, "torch_call", lambda case, operands: our_call(case))
    kernels.main(["--rounds", "1", "--match", "1x512x7x7", "--only", "conv"])
    rows = capsys.readouterr().out.split("---\n")[1].splitlines()
    groups = ("conv, fast", "conv, exact") * 2
    for row, group in zip(rows, groups, strict=False):
        assert re.match(rf"{group} +.x.,? .* 1x512x7x7 +{TIME} +{TIME} +{RATIO} +{SPREAD}", row)
    assert [re.sub(RATIO, "", row) for row in rows[len(groups) :][1:3]] == [
        "conv, fast: geometric mean  against PyTorch",
        "conv, exact: geometric mean  against conv, fast",
    ]


def test_modes():
    *rows, blank, wide, half, double = run("modes.py", "--rounds", "1", "--match", "1x512x7x7")
    figures = rf"( +{TIME}){{2}} +{RATIO} +{SPREAD}"
    assert len(rows) == 6
    assert all(re.search(rf" 1x512x7x7( float..)?{figures}", row) for row in rows)
    assert blank == ""
    for dtype, line in zip(("float32", "float16", "float64"), (wide, half, double), strict=True):
        assert re.fullmatch(rf"normal, {dtype}: geometric mean {RATIO}, most {RATIO}", line)


def test_modes_on_hard_data():
    rows = run("modes.py", "--rounds", "1", "--match", "random depthwise")
    kinds = [line.split(":")[0] for line in rows[rows.index("") + 1 :]]
    assert kinds == list(modes.FEATURES)


@pytest.mark.parametrize("data", [*modes.PICTURES, *modes.FEATURES])
def test_hard_data_have_the_shape_that_is_asked_for(data):
    make = (modes.PICTURES | modes.FEATURES)[data]
    image = make((1, 3, 300, 600))
    assert image.shape == (1, 3, 300, 600)
    assert np.isnan(image).any() == ("NaN" in data)


def test_commands():
    (row,) = run("commands.py", "--rounds", "1", "--match", "import numpy")
    assert re.match(rf"small conv, .npy +import numpy +{TIME} +{TIME} +{RATIO} +{SPREAD} +1.5", row)


def test_memory():
    (row,) = run("memory.py", "--match", "train  4x3x1024x2048 uint8")
    assert re.match(rf"batchnorm +train .* uint8( +{MEMORY}){{4}} +64 MiB", row)


def test_small_calls(monkeypatch, capsys):
    """Of conv in every mode, where it has modes."""
    monkeypatch.setattr(machine, "version", lambda name: "2.0")
    monkeypatch.setattr(small_calls, "torch_call", lambda case, _: our_call(case))
    small_calls.main(["--rounds", "1", "--match", "3x3"])
    rows = capsys.readouterr().out.split("---\n")[1].splitlines()
    modes = small_calls.MODES if "accumulate" in inspect.signature(conv).parameters else ("",)
    for row, mode in zip(rows, modes, strict=True):
        figures = rf"( +\d+\.\d us){{2}} +{RATIO} +{SPREAD}"
        assert re.match(rf"conv +3x3 kernel  1x1x8x8 +{mode}{figures}", row)


def test_a_peak_is_the_command_s_own(tmp_path):
    held = np.ones(1 << 24)
    small, large = (
        processes.peak_bytes([sys.executable, "-S", "-c", code], tmp_path)
        for code in ("pass", "b'x' * (1 << 27)")
    )
    assert small < held.nbytes / 2
    assert large > 1 << 27


def test_growth():
    (row,) = run("growth.py", "--rounds", "1", "--match", "batchnorm eval, rows of 512")
    points = ", ".join(rf"{size}: {TIME}" for size in (1, 4, 16, 64))
    assert re.match(rf"batchnorm eval, rows of 512 +batch +-?{RATIO} +1 +{points}", row)


def test_map_or_read():
    rows = run("map_or_read.py", "--rounds", "1", "--sizes", "1")
    assert [row.split()[0] for row in rows] == ["conv", "maxpool", "batchnorm", "dropout"]
    assert all(re.match(rf"\w+ +1 +{TIME} +{TIME} +{RATIO} ", row) for row in rows)


def test_block_costs():
    *rows, mask = run("block_costs.py", "--rounds", "1", "--match", "dropout")
    assert [int(row.split()[2]) for row in rows] == [1, 8, 64, 16]
    assert all(re.match(rf"dropout +[\dx]+ +\d+ +{TIME} +{TIME} +{RATIO} ", row) for row in rows)
    assert re.fullmatch(r"mask, to begin a run: as \d+ values", mask)


def test_fit_running_sums():
    rows = run("fit_running_sums.py", "--rounds", "1")
    blocks = [int(row.split()[1]) for row in rows if row.startswith("fma ")]
    assert running_sums._BLOCK in blocks
    assert all(re.fullmatch(rf"(sequential|fma) +\d+( +{RATIO}){{5}}", row) for row in rows)


def test_fit_moments():
    rows = run("fit_moments.py", "--rounds", "1")
    assert precise_moments._SUMMED in [int(row.split()[0]) for row in rows]
    assert all(re.fullmatch(rf"\d+( +{RATIO}){{3}}", row) for row in rows)


def test_fit_exact(monkeypatch, capsys):
    """Every number is one of the code's, and the value that it has is among those tried."""
    layers = list(fit_exact.layers().items())[-3:]
    monkeypatch.setattr(fit_exact, "layers", lambda: dict(layers))
    fit_exact.main(["--rounds", "1", "--match", "_MOST_PRODUCTS"])
    rows = capsys.readouterr().out.split("---\n")[1].splitlines()
    assert all(
        re.fullmatch(rf"small_sums\._MOST_PRODUCTS +\S+( +{RATIO}){{3}}", row) for row in rows
    )
    assert [row.split()[1] for row in rows if "*" in row] == ["3.28e+04*"]
    assert all(getattr(module, name) in values for module, name, values in fit_exact.NUMBERS)


@pytest.mark.parametrize("dtype", RATES)
def test_fit_costs(monkeypatch, capsys, dtype):
    """What is printed is an entry of what costs.py holds."""
    monkeypatch.setattr(fit_costs, "ELEMENTS", 1 << 14)
    fit_costs.main(["--dtype", dtype, "--rounds", "1"])
    entry = capsys.readouterr().out.split("\n\n")[1]
    found = eval("{" + entry + "}", {"Rates": Rates})
    assert list(found) == [dtype]
    rates = found[dtype]
    assert isinstance(rates, Rates)
    assert all(rate >= 0 for rate in rates)
    assert all((rates.multiply, rates.product, rates.copy))


def test_choices():
    rows = run("choices.py", "--rounds", "1", "--first", "12", "--last", "12", "--dtype", "float64")
    assert re.match(r"3x3, 3 to 32 channels  1x3x224x224 .+ \d+\.\d\d +\w", rows[-3])
    assert re.fullmatch(r"1 layers: [01] above 1\.1, [01] above 1\.25", rows[-1])


def test_accuracy(monkeypatch, capsys):
    """A conv that rounds to float16 is above the limit, and listed."""

    def exact_or_rounded(case, operands):
        result = conv(*(operand.astype(np.float64) for operand in operands), **case.arguments)
        return result if operands[0].dtype == np.float64 else result.astype(np.float32)

    def coarse(*operands, **options):
        return conv(*operands, **options).astype(np.float16)

    monkeypatch.setattr(machine, "version", lambda name: "2.0")
    monkeypatch.setattr(accuracy, "_by_pytorch", exact_or_rounded)
    monkeypatch.setattr(accuracy, "conv", coarse)
    accuracy.main(["--layers", "4"])
    *rows, above = capsys.readouterr().out.split("---\n")[1].strip().split("\n")
    assert re.match(rf"conv \d-D +\d +{RATIO} +{RATIO} +\d", rows[0])
    assert re.match(r"\d+\.\d\d  \(\d+, ", above)


def test_accuracy_without_pytorch(without_peers, capsys):
    accuracy.main([])
    assert capsys.readouterr().out.endswith("skipped: no torch\n")


def test_exactness():
    *rows, sums = run("exactness.py", "--values", "3000")
    assert [row.split()[0] for row in rows] == list(exactness.KINDS)
    counts = [[int(count) for count in row.split()[1:]] for row in (*rows, sums)]
    assert counts[-1] == [sum(column) for column in zip(*counts[:-1], strict=True)]
    assert all(sum(by_dtype) == total for *by_dtype, total in counts)
    assert counts[-1][-1] >= 3000


def test_exactness_describes_the_first_layer_that_differs(monkeypatch):
    def negative(*operands, accumulate, **options):
        return -conv(*operands, **options)

    monkeypatch.setattr(exactness, "conv", negative)
    layer = r"layer 0 of seed 1: normal float16 \(.*\) \(.*\) \{.*\}"
    values = r"\d+ of \d+ values differ; at \(.*\) .*, not .*"
    with pytest.raises(SystemExit, match=rf"^{layer}: {values}$"):
        exactness.main([])


@pytest.mark.parametrize(
    ("program", "match"),
    [(kernels, "train"), (commands, "PyTorch"), (small_calls, "conv")],
    ids=lambda given: getattr(given, "__name__", None),
)
def test_rows_without_their_peer_are_skipped(without_peers, capsys, program, match):
    program.main(["--match", match, "--rounds", "1"])
    rows = capsys.readouterr().out.split("---\n")[1].split("\n\n")[0].splitlines()
    assert rows
    assert all(row.endswith("  skipped: no torch") for row in rows)


def test_what_distorts_is_named_and_kept_from_commands(monkeypatch, capsys):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    machine.print_header()
    assert "*** WARNING: OPENBLAS_CORETYPE is set." in capsys.readouterr().out
    assert "OPENBLAS_CORETYPE" not in machine.measured_environment()


def test_work_of_other_processes_is_noted(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "STATISTICS", tmp_path / "stat")
    assert machine.OtherWork().note() == ""
    (tmp_path / "stat").write_text("cpu 0 0 0 0 0 0 0 0 0 0\n")
    others = machine.OtherWork()
    (tmp_path / "stat").write_text("cpu 100 0 0 1000000 0 0 0 100000 0 0\n")
    assert others.note().startswith("disturbed: others used ")


def test_markdown_leaves_notes_out_of_the_table(capsys):
    table = Table(("a", 5), ("b", 5), markdown=True)
    table.row("1", "2", notes=["", "mind"])
    table.skipped("3", ["torch"])
    captured = capsys.readouterr()
    assert captured.out == "| a | b |\n|---|---|\n| 1 | 2 |\n"
    assert captured.err == "1: mind\n"


def some(group, ratio, peer="torch"):
    return results.Result(group, f"<{ratio}>  1x2", peer, ratio, 1.0, ratio, ratio, ratio)


MEASURED = [
    some(results.FAST, 0.5),
    some("conv, exact", 3.0, results.FAST),
    some(results.FAST, 2.0),
    some("conv, integers", 0.1, "numpy"),
    some("dropout", 0.3),
]
MACHINE = machine.facts("torch")


def test_the_cases_of_a_file_that_were_not_measured_again_stay(tmp_path):
    path = tmp_path / "results.json"
    results.write(path, MACHINE, MEASURED)
    again = [some("dropout", 0.3, "numpy"), some("maxpool", 1.0)]
    results.write(path, MACHINE, again)
    assert results.read(path)[1] == [*MEASURED[:4], *again]


def test_figures_of_two_machines_are_not_mixed(tmp_path):
    path = tmp_path / "results.json"
    results.write(path, MACHINE | {"cores": "2000", "date": "2001-01-01"}, MEASURED)
    with pytest.raises(SystemExit, match=r"results\.json was measured with another cores$"):
        results.begin(path, MACHINE)


def test_table():
    *rows, _, where, versions = results.markdown(MACHINE, MEASURED).splitlines()
    assert rows[2:] == [
        "| conv, fast | PyTorch | **1.00** | 0.50 (<0.5> 1x2) | 2.00 (<2.0> 1x2) | 2 |",
        "| conv, exact | conv, fast | **3.00** | 3.00 (<3.0> 1x2) | 3.00 (<3.0> 1x2) | 1 |",
        "| conv, integers | NumPy | **0.10** | 0.10 (<0.1> 1x2) | 0.10 (<0.1> 1x2) | 1 |",
        "| dropout | PyTorch | **0.30** | 0.30 (<0.3> 1x2) | 0.30 (<0.3> 1x2) | 1 |",
    ]
    assert MACHINE["CPU"] in where
    assert f"NumPy {MACHINE['NumPy']}" in versions


def test_picture():
    text = picture.svg(MACHINE, MEASURED)
    assert text == picture.svg(MACHINE, MEASURED)
    root = ElementTree.fromstring(text)
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert tags.count("circle") == len(MEASURED)
    assert not {"image", "script", "use", "foreignObject"} & set(tags)
    assert "url(" not in text
    drawn = {element.text for element in root.iter() if element.tag.endswith("}text")}
    groups = {"conv, fast", "conv, exact", "conv, integers", "dropout"}
    assert groups | {"1.00", "3.00", "0.10", "0.30", "1"} <= drawn
    aside = "(integers: of NumPy's int64 matrix product; exact: of fast)"
    assert f"One dot per case {aside}, a stroke at the geometric mean; left of 1 is faster" in drawn


def test_dots_keep_apart():
    dots = picture.spread_out([100.0] * 5 + [101.0, 103.0])
    gaps = [
        (x - other_x) ** 2 + (y - other_y) ** 2
        for number, (x, y) in enumerate(dots)
        for other_x, other_y in dots[:number]
    ]
    assert min(gaps) >= (2 * picture.RADIUS) ** 2


def test_the_page_shows_the_ratios_that_are_kept():
    machine_then, measured = results.read(KEPT)
    assert (FOLDER / "ratios.svg").read_text() == picture.svg(machine_then, measured)
    assert results.markdown(machine_then, measured) in PAGE


def test_readme_names_the_means_that_are_kept():
    _, measured = results.read(KEPT)
    speed = README.split("\n## Speed\n")[1].split("\n## ")[0]
    stated = re.findall(
        r"(\d\.\d\d)(?: of\sPyTorch's time)? for `(\w+)`(?: with `--accumulate (\w+)`)?", speed
    )
    means = {group.name: f"{group.mean:.2f}" for group in results.grouped(measured)}
    against = {group.name: group.peer for group in results.grouped(measured)}
    assert {", ".join(filter(None, words)): mean for mean, *words in stated} == {
        name: mean for name, mean in means.items() if against[name] == "torch"
    }
    assert re.findall(r"(\d\.\d\d) times as long", speed) == [
        mean for name, mean in means.items() if against[name] == results.FAST
    ]


def test_zarr_reads():
    pytest.importorskip("zarr")
    arguments = ("--rounds", "1", "--threads", "2", "--size", "128", "--latency", "0.001")
    rows = run("zarr_reads.py", *arguments)
    assert len(rows) == 10
    for row, place in zip(rows, ["directory"] * 5 + ["object store"] * 5, strict=True):
        assert re.fullmatch(rf"{place} +2 +\d+ +{TIME} +{RATIO} +{RATIO}", row)


@pytest.mark.cluster
def test_cluster_tasks():
    for library in ("zarr", "distributed", "s3fs", "moto.server"):
        pytest.importorskip(library)
    rows = run("cluster_tasks.py", "tasks", "--tasks", "50")
    assert [int(row.split()[0]) for row in rows] == [100, 1000, 10_000, 50]
    assert all(re.fullmatch(rf" +\d+ +\d+( +{TIME}){{3}} +\d+ MiB", row) for row in rows)
    arguments = ("--size", "130", "--rounds", "1", "--match", "dropout")
    [row] = run("cluster_tasks.py", "operators", *arguments)
    assert re.fullmatch(rf"dropout +\d+( +{TIME}){{6}}", row)
    *_, one, many = run("cluster_tasks.py", "requests")
    assert re.fullmatch(r" +1x1x1 +27 +1 +\d+ +\d+ GET.* 1 PUT", one)
    assert re.fullmatch(r" +3x3x3 +125 +27 +\d+ +\d+ GET.* 27 PUT", many)


@pytest.mark.browser
def test_lesson_pages():
    pytest.importorskip("selenium")
    arguments = ("--rounds", "1", "--match", "sum", "--set", "CELLS_PER_FRAME=500")
    rows = run("lesson_pages.py", *arguments)
    settings = ["as it is", "CELLS_PER_FRAME=500"]
    for row, setting in zip(rows, settings, strict=True):
        assert re.fullmatch(rf"sum +{setting}( +{TIME}){{3}}", row)


def test_zarr_calls():
    pytest.importorskip("zarr")
    (row,) = run("zarr_calls.py", "--rounds", "1", "--size", "16", "--match", "eval")
    assert re.fullmatch(rf"batchnorm eval +1( +{TIME}){{3}}( +{RATIO}){{3}} +\d+ +\d+", row)


def test_zarr_blocks():
    pytest.importorskip("zarr")
    rows = run(
        "zarr_blocks.py", "--rounds", "1", "--size", "128", "--match", "eval", "--mib", "66", "99"
    )
    assert [row.split()[2:4] for row in rows] == [["66", "8"], ["99", "2"]]
    for row in rows:
        assert re.fullmatch(rf"batchnorm eval +\d+ +\d +{TIME} +{RATIO} +\d+ MiB", row)


def test_the_page_names_every_program_and_options_that_it_has(monkeypatch, capsys):
    calls = [
        shlex.split(line, comments=True)
        for line in re.findall(r"^python (tests/benchmarks/.*)$", PAGE, re.MULTILINE)
    ]
    programs = {path for path in FOLDER.glob("*.py") if "\nif __name__ ==" in path.read_text()}
    assert {FOLDER.parent.parent / path for path, *_ in calls} == programs
    for path, *arguments in calls:
        monkeypatch.setattr(sys, "argv", [path, "--help"])
        with pytest.raises(SystemExit, match=r"^0$"):
            runpy.run_path(str(FOLDER.parent.parent / path), run_name="__main__")
        options = {argument for argument in arguments if argument.startswith("--")}
        assert options <= set(re.findall(r"--[a-z]+", capsys.readouterr().out))
