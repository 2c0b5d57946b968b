"""A small call in a pipe starts at once: what it does not use is not imported."""

import subprocess

import numpy as np

ALLOWED = {
    "annotated_doc",
    "cnnops_cli",
    "cython_runtime",
    "numpy",
    "orjson",
    "shellingham",
    "typer",
}
SLOW = {
    "rich",
    "PIL",
    "cnnops_cli.checks",
    "pydantic",
    "importlib.metadata",
    "pygments",
    "click",
    "concurrent.futures",
    "numpy.random",
    "threadpoolctl",
    "scipy",
    "zipfile",
    "tempfile",
    "mmap",
    "cnnops_cli.tensors.mapped",
}
FOR_MANY = {
    "cnnops_cli.commands.many_inputs",
    "cnnops_cli.commands.line_by_line",
    "cnnops_cli.views.progress",
}
NOT_FOR_NPY = {
    "json",
    "orjson",
    "cnnops_cli.tensors.json_format",
    "cnnops_cli.tensors.json_text",
    "cnnops_cli.tensors.pictures",
}
NOT_FOR_JSON = {"cnnops_cli.tensors.npy", "cnnops_cli.tensors.npz", "cnnops_cli.tensors.pictures"}


PROGRAM = """
import sys
from cnnops_cli.__main__ import main
try:
    main()
except SystemExit:
    packages = {name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names
    print(*sys.modules, file=sys.stderr)
    print(*packages, file=sys.stderr)
"""


def imported(executable, *arguments, stdin=b""):
    """The modules that a call imports, and the packages among them that are not Python's own."""
    modules, packages = imported_in_order(executable, *arguments, stdin=stdin)
    return set(modules), set(packages)


def imported_in_order(executable, *arguments, stdin=b""):
    python = executable.with_name("python")
    run = subprocess.run(
        [python, "-c", PROGRAM, *arguments], input=stdin, capture_output=True, check=True
    )
    modules, packages = run.stderr.decode().splitlines()
    return modules.split(), packages.split()


def test_a_small_conv_in_a_pipe(executable):
    modules, packages = imported(executable, "conv", "-k", "[[1,2],[3,4]]", stdin=b"[[1,2],[3,4]]")
    print(*sorted(modules), sep="\n")
    assert "cnnops_cli.ops.conv" in modules
    assert not modules & (SLOW | NOT_FOR_JSON)
    assert {name for name in packages if not name.startswith("_")} <= ALLOWED
    assert not {"cnnops_cli.commands.maxpool", "cnnops_cli.commands.batchnorm"} & modules
    assert not modules & FOR_MANY
    assert not {name for name in modules if "explain" in name or name.endswith(".letters")}


def test_a_small_conv_of_files_needs_no_json(executable, tmp_path):
    paths = [str(tmp_path / name) for name in ("x.npy", "k.npy", "y.npy")]
    for path in paths[:2]:
        np.save(path, np.ones((2, 2)))
    modules, _ = imported(executable, "conv", "-k", paths[1], paths[0], "-o", paths[2])
    assert not modules & (SLOW | NOT_FOR_NPY)


def test_many_tensors_in_a_pipe(executable, tmp_path):
    modules, _ = imported(executable, "conv", "-k", "[[1]]", "--lines", stdin=b"[[1]]\n")
    assert not modules & (SLOW | FOR_MANY - {"cnnops_cli.commands.line_by_line"})
    paths = [str(tmp_path / name) for name in ("x.npy", "y.npy")]
    for path in paths:
        np.save(path, np.ones((2, 2)))
    modules, _ = imported(executable, "maxpool", "-k", "1", *paths, "-o", f"{tmp_path}/out/")
    assert not modules & (SLOW | NOT_FOR_NPY | FOR_MANY - {"cnnops_cli.commands.many_inputs"})


def test_numpy_is_imported_where_the_stack_is_shallow(executable):
    for command in ("conv", "maxpool", "batchnorm", "dropout"):
        modules, _ = imported_in_order(executable, command, "--help")
        assert modules.index("numpy") < modules.index(f"cnnops_cli.commands.{command}")


def test_the_version_needs_no_numpy(executable):
    modules, _ = imported(executable, "--version")
    assert "numpy" not in modules


def test_a_view_in_colour_needs_rich_and_a_plain_one_does_not(executable, monkeypatch):
    call = ["maxpool", "-k", "1", "-f", "table", "[[1]]"]
    modules, _ = imported(executable, *call)
    assert "cnnops_cli.views.view" in modules
    assert not modules & SLOW
    monkeypatch.setenv("FORCE_COLOR", "1")
    modules, _ = imported(executable, *call)
    assert "rich.style" in modules
    assert "rich.console" not in modules


def test_an_explanation_needs_no_rich(executable):
    modules, _ = imported(executable, "maxpool", "-k", "1", "--explain", "-f", "table", "[[1]]")
    assert "cnnops_cli.explain.maxpool" in modules
    assert not modules & {"rich", "cnnops_cli.explain.conv", "cnnops_cli.explain.estimators"}


def test_the_package_itself_imports_nothing(executable):
    """An interrupt while it is imported comes before anyone could hear it."""
    program = (
        "import sys; before = set(sys.modules); import cnnops_cli; print(set(sys.modules) - before)"
    )
    run = subprocess.run(
        [executable.with_name("python"), "-c", program], capture_output=True, check=True, text=True
    )
    assert run.stdout == "{'cnnops_cli'}\n"
