"""The arrows of the house: who may import whom, and what."""

import ast
import graphlib
import subprocess
from pathlib import Path

import pytest

from cnnops_cli.tensors.formats import array_formats

PACKAGE = Path(__file__).parent.parent / "cnnops_cli"
NAME = "cnnops_cli"

BOTTOM = {"errors", "words", "dtypes", "paths", "signals", "spans"}
ROOMS = {"options", "parsers", "tensors", "ops", "views", "checks", "explain"}
MAY_IMPORT = {
    "errors": set(),
    "hints": set(),
    "words": {"errors", "hints"},
    "dtypes": {"errors", "words"},
    "paths": {"errors"},
    "signals": set(),
    "spans": set(),
    "help": {"commands"},
    "options": BOTTOM | {"parsers", "tensors"},
    "parsers": BOTTOM | {"tensors"},
    "tensors": BOTTOM,
    "ops": BOTTOM,
    "explain": BOTTOM | {"ops"},
    "views": BOTTOM,
    "checks": BOTTOM,
    "commands": BOTTOM | ROOMS,
    "app": {"errors", "words", "help", "options", "commands", "ops", "tensors", ""},
    "__init__": {"errors", "ops"},
    "__main__": {"app", "signals"},
}
ONLY_IN = {
    "typer": {"app", "commands", "help", "options", "parsers"},
    "rich": {"views"},
    "orjson": {"tensors"},
    "zipfile": {"tensors"},
    "PIL": {"tensors"},
    "numpy": {"checks", "commands", "dtypes", "explain", "ops", "tensors", "views"},
}
NOT_IN_OPS = {
    "sys",
    "pathlib",
    "io",
    "time",
    "datetime",
    "random",
    "secrets",
    "shutil",
    "tempfile",
    "json",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= named if node.module == NAME else {node.module}
    return found


def test_there_is_something_to_look_at():
    assert {room_of(path) for path in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downward(path):
    ours = {name for name in imports_of(path) if name.split(".")[0] == NAME}
    rooms = {name.split(".")[1] for name in ours}
    allowed = MAY_IMPORT[room_of(path)] | {room_of(path), "__version__"}
    assert rooms <= allowed, f"{path.name} imports {rooms - allowed}"


def test_no_imports_run_in_a_circle():
    files = {module_of(path): path for path in MODULES}
    arrows = {}
    for module, path in files.items():
        nodes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
        named = {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}
        arrows[module] = files.keys() & (named | {node.module for node in nodes})
    assert arrows[f"{NAME}.commands.conv"] > {f"{NAME}.commands.settle", f"{NAME}.parsers"}
    graphlib.TopologicalSorter(arrows).prepare()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_has_its_rooms(path):
    for name in {name.split(".")[0] for name in imports_of(path)} & set(ONLY_IN):
        assert room_of(path) in ONLY_IN[name], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "ops").rglob("*.py")), ids=lambda p: p.name)
def test_operators_know_nothing_of_files_terminals_and_clocks(path):
    assert not {name.split(".")[0] for name in imports_of(path)} & NOT_IN_OPS


def test_pillow_is_known_to_one_file():
    users = [path.name for path in MODULES if any("PIL" in name for name in imports_of(path))]
    assert users == ["pictures.py"]


@pytest.mark.parametrize("row", array_formats(), ids=lambda row: row.name)
def test_a_format_is_known_to_its_row_alone(row):
    users = [path for path in MODULES if row.module in imports_of(path)]
    assert not [path for path in users if room_of(path) != "tensors"]


def test_none_of_clicks_names_is_imported():
    used = {name for path in MODULES for name in imports_of(path)}
    assert not [name for name in used if "click" in name]


def test_an_operator_is_one_file_in_each_room():
    commands = {path.stem for path in (PACKAGE / "commands").glob("*.py")}
    operators = {path.stem for path in (PACKAGE / "ops").glob("*.py")}
    assert {"conv", "maxpool", "batchnorm", "dropout"} <= commands & operators


def test_the_top_level_is_the_plan():
    """What is tracked; a user may have made other files there."""
    try:
        call = ["git", "ls-files"]
        listed = subprocess.run(
            call, cwd=PACKAGE.parent, capture_output=True, check=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a checkout")
    top = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    shown = {name for name in top if not name.startswith(".")}
    assert shown == {"pyproject.toml", NAME, "tests", "examples", "README.md"}
