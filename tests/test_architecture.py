"""The arrows of the house: who may import whom, and what."""

import ast
import graphlib
import re
import subprocess
from pathlib import Path

import pytest

from cnnops_cli.tensors.formats import array_formats

PACKAGE = Path(__file__).parent.parent / "cnnops_cli"
NAME = "cnnops_cli"

DOCSTRING = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text()))
MAP, WAY = DOCSTRING.split("no other room::")[1].split("The way of a call")


def arrows_of(text: str) -> dict[str, set[str]]:
    """Return what each room of the map may import."""
    table = re.sub(r"\n {10,}", " ", text)
    named = dict(re.findall(r"^ +(\w+) += (.*)$", table, re.MULTILINE))
    arrows = {}
    for line in re.findall(r"^ {4}(\w.*)$", table, re.MULTILINE):
        room, _, imports = line.partition("<-")
        room = room.split()[0].rstrip("/")
        if room not in named:
            for name, rooms in named.items():
                imports = re.sub(rf"\b{name}\b", rooms, imports)
            arrows[room] = set(filter(None, re.split(r"[,\s]+", imports)))
    return arrows


GROUND = set(re.findall(r"^ +ground += (.*)$", MAP, re.MULTILINE)[0].split(", "))
MAY_IMPORT = arrows_of(MAP)
ONLY_IN = {
    "typer": {"app", "commands", "help", "option_kinds", "options", "parsers"},
    "rich": {"views"},
    "orjson": {"tensors"},
    "zipfile": {"tensors"},
    "PIL": {"tensors"},
    "zarr": {"tensors"},
    "fsspec": {"tensors"},
    "numpy": {
        *("dtypes", "slabs", "large_arrays", "tensors", "ops", "blocks", "text"),
        *("explain", "checks", "lessons", "views", "commands"),
    },
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


def test_the_map_has_every_room():
    assert {room_of(path) for path in MODULES} == set(MAY_IMPORT)
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(re.findall(r"^ {4}(\w+)/  ", MAP, re.MULTILINE)) == folders
    assert MAY_IMPORT["commands"] > {"errors", "dtypes", "tensors", "options", "settings"}


def test_every_arrow_of_the_map_is_used():
    used = {room: set() for room in MAY_IMPORT}
    for path in MODULES:
        used[room_of(path)] |= {
            name.split(".")[1] for name in imports_of(path) if name.startswith(f"{NAME}.")
        }
    for room, imports in MAY_IMPORT.items():
        ground = set() if room in GROUND else GROUND
        assert imports - used[room] <= ground, f"{room} no longer imports {imports - used[room]}"


def test_the_way_of_a_call_leads_through_files_that_exist():
    files = re.findall(r"\S+\.py\b", WAY)
    assert len(files) >= 4
    for name in (*files, *re.findall(r"(\w+)/[, ]", WAY)):
        assert (PACKAGE / name).exists(), name


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
    assert arrows[f"{NAME}.commands.conv"] > {f"{NAME}.commands.validate", f"{NAME}.parsers"}
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


def test_rich_is_known_to_the_files_that_the_views_name():
    users = {p.name for p in MODULES if any(n.split(".")[0] == "rich" for n in imports_of(p))}
    said = ast.get_docstring(ast.parse((PACKAGE / "views" / "__init__.py").read_text()))
    assert users == set(re.findall(r"\w+\.py", said))


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


def test_no_two_modules_of_the_tests_have_one_name():
    """Each room finds its own by name, see `pythonpath` in pyproject.toml."""
    names = [path.stem for path in Path(__file__).parent.rglob("*.py")]
    assert {name for name in names if names.count(name) > 1} == {"conftest"}
