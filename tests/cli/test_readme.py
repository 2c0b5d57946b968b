"""README and the page of examples/ say what is so: their calls, scripts, pictures and tables."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import typer
from make_examples import EXAMPLES, VIEWS
from PIL import Image

import cnnops_cli
from cnnops_cli.app import OPERATORS, app

ROOT = Path(__file__).parent.parent.parent
PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "examples/README.md")}
README = PAGES["README.md"]
CALL = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
BLOCKS = {
    page: re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for page, text in PAGES.items()
}
SCRIPTS = {
    "chain.sh": """\
Open chain/conv.html, batchnorm.html and dropout.html in a browser, in this order.
""",
    "edges.sh": """\
maxpool  (H 3, W 4, C 3)  int64  min 66  max 500  mean 229.083  std 99.5973
[0]                   [1]                   [2]
191  291  212   66    217  253  188   71    198  266  261  112
196  500  384  158    202  456  316  159    198  429  266  179
 94  141  290  266    128  150  278  269    152  156  273  281
""",
    "golden.sh": """\
cnnops conv: equal to digit-edges.json exactly
status 1
cnnops conv: equal to standard input exactly
""",
    "own-kernel.sh cnnops conv -k sobel.json -f npy": """\
cnnops dropout: equal to ./digit-edges.json within 4 ulp
""",
    "pictures.sh": "",
    "running-statistics.sh": "[[-1.016,0.979,-1.354,-1.284]]\n",
}


@pytest.fixture
def shell(executable, tmp_path):
    """Run a line in a copy of examples/, with the installed command on the path."""
    folder = shutil.copytree(EXAMPLES, tmp_path / "examples")
    path = f"{executable.parent}:{os.defpath}"

    def run(line):
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=folder,
            env={"PATH": path, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            text=True,
            check=False,
        ).stdout

    return run


@pytest.mark.parametrize("page", BLOCKS)
def test_there_are_examples_of_every_command(page):
    for name in OPERATORS:
        assert any(re.search(rf"^\$ .*cnnops {name} ", block, re.M) for block in BLOCKS[page])


@pytest.mark.parametrize("page", BLOCKS)
def test_calls_print_what_the_page_shows(shell, page):
    """From the last block to the first, so that none needs another, and then as a reader does."""
    for block in (*reversed(BLOCKS[page]), *BLOCKS[page]):
        assert block == "".join(f"$ {line}\n{shell(line)}" for line, _ in CALL.findall(block))


def test_readme_is_a_front_door():
    assert len(README.splitlines()) <= 320


def test_the_lesson_is_what_the_first_call_writes(shell, tmp_path):
    (line, shown), *_ = CALL.findall(BLOCKS["README.md"][0])
    assert shell(f"rm lesson.html; {line}") == shown
    assert line.endswith(" --lesson lesson.html")
    made = tmp_path / "examples/lesson.html"
    assert made.read_bytes() == (EXAMPLES / "lesson.html").read_bytes()
    assert line.removesuffix("lesson.html") in (EXAMPLES / "lesson.sh").read_text().replace('"', "")


def test_the_picture_of_the_lesson_leads_to_it():
    (opening,) = re.findall(r"\n\n\[!\[.+\]\(examples/lesson\.png\)\]\((.*)\)\n", README)
    assert opening == "examples/lesson.html"
    assert README.index("lesson.png") < README.index("```console")
    with Image.open(EXAMPLES / "lesson.png") as picture:
        assert picture.width >= 2 * 800  # of a page that GitHub shows in about 800
        assert np.asarray(picture.convert("L"))[:20].min() > 240  # light, and all of the top
    assert (EXAMPLES / "lesson.png").stat().st_size < 60_000


def test_the_views_are_what_the_calls_write(shell, tmp_path):
    assert {name for _, name in VIEWS} == {
        name for name in tracked_examples() if name.endswith(".svg")
    }
    for line, name in VIEWS:
        assert f"]({name})" in PAGES["examples/README.md"] or f"](examples/{name})" in README
        shell(f"rm {name}; {line}")
        made = tmp_path / "examples" / name
        assert made.read_bytes() == (EXAMPLES / name).read_bytes()


def test_the_pictures_are_those_of_the_script(shell, tmp_path):
    shown = set(re.findall(r"\]\((pictures/\w+\.png)\)", PAGES["examples/README.md"]))
    assert len(shown) == 4
    assert shell("./pictures.sh made") == ""
    for name in shown:
        with Image.open(EXAMPLES / name) as kept:
            with Image.open(tmp_path / "examples" / name.replace("pictures", "made")) as made:
                assert kept.mode == made.mode
                np.testing.assert_array_equal(np.asarray(made), np.asarray(kept))


@pytest.mark.parametrize("call", SCRIPTS)
def test_scripts(shell, call):
    assert shell(f"./{call}") == SCRIPTS[call]


def test_every_script_is_run():
    run = {call.split()[0] for call in SCRIPTS}
    in_a_browser = {"lesson.sh"}
    assert {path.name for path in EXAMPLES.glob("*.sh")} == run | in_a_browser


def test_every_file_of_the_examples_is_described():
    rows = re.findall(r"^\| (`.*?) \|", PAGES["examples/README.md"].split("\n## ")[0], re.MULTILINE)
    named = set(re.findall(r"`([\w.-]+)/?`", "".join(rows)))
    shown = {
        "README.md",
        "pictures",
        "lesson.png",
        *(name for name in tracked_examples() if name.endswith(".svg")),
    }
    assert named == tracked_examples() - shown


def tracked_examples():
    """Return the names in examples/, without what a reader has made there."""
    call = ["git", "ls-files", "."]
    try:
        run = subprocess.run(call, cwd=EXAMPLES, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a checkout")
    return {line.partition("/")[0] for line in run.stdout.splitlines()}


@pytest.mark.parametrize("page", [*PAGES, "tests/benchmarks/README.md"])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_option_that_is_named_is_one():
    group = typer.main.get_command(app)
    context = group.make_context("cnnops", [], resilient_parsing=True)
    commands = [group, *(group.get_command(context, name) for name in OPERATORS)]
    params = [param for command in commands for param in command.get_params(context)]
    known = {option for param in params for option in (*param.opts, *param.secondary_opts)}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", "".join(PAGES.values())))
    assert named - known == {"--update"}  # pytest's, of the recipe


def test_dtypes_are_those_of_the_table():
    (table,) = re.findall(r"^\| INPUT \| .*\n\|---.*\n((?:\|.*\n)+)", README, re.MULTILINE)
    integers = "int8, int16, int32, int64, uint8, uint16, uint32, uint64"
    calls = {
        "conv": lambda array: cnnops_cli.conv(array, array[:1]),
        "maxpool": lambda array: cnnops_cli.maxpool(array, 2),
        "batchnorm": lambda array: cnnops_cli.batchnorm(array, training=True),
        "dropout": lambda array: cnnops_cli.dropout(array),
    }
    seen = []
    for line in table.splitlines():
        kinds, *dtypes = (cell.strip() for cell in line.strip("|").split(" | "))
        for dtype in kinds.replace("integers", integers).split(","):
            dtype = dtype.removesuffix(" read as uint8").strip()
            if not dtype:
                continue
            seen.append(dtype)
            for name, expected in zip(calls, dtypes, strict=True):
                result = calls[name](np.ones((2, 1, 2, 2), dtype))
                assert result.dtype == expected.replace("INPUT's", dtype), (name, dtype)
    assert len(seen) == 12
