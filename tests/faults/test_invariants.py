"""The judge of disturbed runs finds each violation, and nothing in runs that are right."""

from pathlib import Path

import pytest
from cases import BY_NAME
from invariants import Fault, Judge, Outcome
from system_calls import Call, calls_of_interest, imports, where_hit

OLD = {"x.npy": (0o644, b"x"), "out.npy": (0o644, b"old"), "idx.npy": (0o644, b"older")}
NEW = OLD | {"out.npy": (0o644, b"new"), "idx.npy": (0o644, b"newer")}
HALF = OLD | {"idx.npy": (0o644, b"newer")}
ERROR = "cnnops maxpool: error: "

PAIR = Judge(BY_NAME["maxpool-indices"], OLD, Outcome(0, b"", "", NEW))
PRINTED = Judge(BY_NAME["stdout-json"], OLD, Outcome(0, b"[1]\n", "", OLD))

MOVE = Fault("EIO", Call("rename", 2, files=("out.npy",)))
LOOK = Fault("EIO", Call("newfstatat", 2, ("x.npy",), files=("x.npy",)))
PRINT = Fault("ENOSPC", Call("write", 1, descriptor=1))
THREAD = Fault("EAGAIN", Call("clone3", 1))
REMOVE = Fault("EIO", Call("unlink", 1))


def kinds(judge, fault, outcome):
    return [violation.kind for violation in judge.violations(fault, outcome)]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (MOVE, Outcome(0, b"", "", NEW)),
        (MOVE, Outcome(2, b"", f"{ERROR}cannot write out.npy: no room\n", OLD)),
        (MOVE, Outcome(2, b"", f"{ERROR}--output: no room\n", OLD)),
        (LOOK, Outcome(2, b"", f"{ERROR}cannot read x.npy: no luck\n", OLD)),
        (LOOK, Outcome(2, b"", f"{ERROR}INPUT: no luck\n", OLD)),
        (THREAD, Outcome(0, b"", "", NEW)),
        (Fault("SIGINT"), Outcome(130, b"", "", OLD)),
        (Fault("SIGINT"), Outcome(-2, b"", "", OLD)),
        (Fault("SIGHUP"), Outcome(143, b"", "", OLD)),
        (Fault("SIGTERM"), Outcome(0, b"", "", NEW)),
        (Fault("SIGKILL"), Outcome(-9, b"", "", HALF | {".cnnops-1.tmp": (0o600, b"")})),
        (REMOVE, Outcome(0, b"", "", NEW | {".cnnops-1.tmp": (0o600, b"")})),
        (Fault("SIGINT"), Outcome(-2, b"", 'Traceback\n File "/lib/site.py"\n', OLD)),
        (Fault("ulimit -v"), Outcome(2, b"", "cnnops: error: not enough memory\n", OLD)),
    ],
)
def test_what_is_right(fault, outcome):
    assert kinds(PAIR, fault, outcome) == []


@pytest.mark.parametrize(
    ("fault", "outcome", "found"),
    [
        (MOVE, Outcome(1, b"", "", OLD), ["status"]),
        (MOVE, Outcome(130, b"", "", OLD), ["status"]),
        (THREAD, Outcome(2, b"", f"{ERROR}out.npy\n", OLD), ["status"]),
        (Fault("SIGINT"), Outcome(143, b"", "", OLD), ["status"]),
        (Fault("SIGINT"), Outcome(2, b"", f"{ERROR}out.npy\n", OLD), ["status"]),
        (MOVE, Outcome(2, b"", f"{ERROR}out.npy\n", HALF), ["half changed"]),
        (MOVE, Outcome(2, b"", f"{ERROR}out.npy\n", NEW), ["changed"]),
        (Fault("SIGTERM"), Outcome(143, b"", "", NEW), ["changed"]),
        (MOVE, Outcome(0, b"", "", HALF), ["lost"]),
        (Fault("SIGTERM"), Outcome(0, b"", "", OLD), ["lost"]),
        (Fault("SIGKILL"), Outcome(-9, b"", "", {**OLD, "out.npy": (0o644, b"n")}), ["damaged"]),
        (Fault("SIGKILL"), Outcome(-9, b"", "", {"x.npy": OLD["x.npy"]}), ["damaged"] * 2),
        (MOVE, Outcome(0, b"", "", NEW | {"out.npy": (0o600, b"new")}), ["damaged", "lost"]),
        (MOVE, Outcome(0, b"", "", NEW | {"x.npy": (0o644, b"")}), ["damaged"]),
        (Fault("SIGINT"), Outcome(130, b"", "", OLD | {".a.tmp": (0o600, b"")}), ["stray"]),
        (MOVE, Outcome(2, b"", "", OLD), ["form"]),
        (MOVE, Outcome(2, b"", f"{ERROR}out.npy\n" * 2, OLD), ["form"]),
        (MOVE, Outcome(2, b"", "cnnops: error: out.npy\n", OLD), ["form"]),
        (MOVE, Outcome(2, b"", f"{ERROR}cannot write idx.npy\n", OLD), ["blames another"]),
        (MOVE, Outcome(2, b"", f"{ERROR}standard output\n", OLD), ["blames standard output"]),
        (LOOK, Outcome(2, b"", f"{ERROR}standard input\n", OLD), ["blames standard input"]),
        (MOVE, Outcome(2, b"", f"{ERROR}internal error, out.npy\n", OLD), ["internal error"]),
        (MOVE, Outcome(0, b"", "x.py:1: UserWarning: hm\n", NEW), ["warning"]),
        (MOVE, Outcome(0, b"", "something\n", NEW), ["talk"]),
        (Fault("SIGINT"), Outcome(130, b"", "Aborted!\n", OLD), ["talk"]),
        (
            Fault("SIGINT"),
            Outcome(-2, b"", 'Traceback\n File "/cnnops_cli/app.py"\n', OLD),
            ["traceback"],
        ),
    ],
)
def test_what_is_wrong(fault, outcome, found):
    assert kinds(PAIR, fault, outcome) == found


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (Outcome(0, b"[1]\n", "", OLD), []),
        (Outcome(2, b"[1", "cnnops conv: error: cannot write standard output\n", OLD), []),
        (Outcome(0, b"[1", "", OLD), ["output"]),
        (Outcome(2, b"[2", "cnnops conv: error: cannot write standard output\n", OLD), ["output"]),
        (Outcome(2, b"", "cnnops conv: error: cannot write out.npy\n", OLD), ["blames another"]),
    ],
)
def test_standard_output(outcome, found):
    assert kinds(PRINTED, PRINT, outcome) == found


def test_of_several_inputs_each_is_whole_and_has_its_line():
    case = BY_NAME["several-new"]
    new = {"res/a.npy": (0o644, b"a"), "res/b.json": (0o644, b"b")}
    judge = Judge(case, {}, Outcome(0, b"", "", new))
    one = {"res/a.npy": new["res/a.npy"]}
    lines = f"{ERROR}b.json: no room\n{ERROR}1 of 2 INPUTs failed\n"
    fault = Fault("ENOSPC", Call("write", 1, files=("res/b.json",)))
    assert kinds(judge, fault, Outcome(2, b"", lines, one)) == []
    assert kinds(judge, fault, Outcome(2, b"", lines, new)) == ["changed"]
    assert kinds(judge, Fault("SIGTERM"), Outcome(143, b"", "", one)) == []


TRACE = """\
7 openat(AT_FDCWD</f>, "/p/cnnops_cli/__init__.py", O_RDONLY) = 3</p/cnnops_cli/__init__.py>
7 read(3</p/cnnops_cli/__init__.py>, "", 1) = 0
7 openat(AT_FDCWD</f>, "x.npy", O_RDONLY) = 3</f/x.npy>
7 read(3</f/x.npy>, "a \\"b\\"", 9) = 5
8 read(3</f/x.npy>,  <unfinished ...>
8 <... read resumed>"", 9) = 0
7 openat(AT_FDCWD</f>, "/f/.cnnops-0123456789abcdef.tmp", O_WRONLY|O_CREAT, 0666) = 4
7 write(1<pipe:[42]>, "[1]", 3) = -1 EIO (Input/output error) (INJECTED)
7 rename("/f/.cnnops-0123456789abcdef.tmp", "/f/out.npy") = 0
7 --- SIGTERM {si_signo=SIGTERM, si_code=SI_KERNEL} ---
"""


def test_calls_of_the_first_thread_are_counted_and_named_by_their_files():
    calls = calls_of_interest(TRACE, Path("/f"))
    assert [(call.name, call.when, call.files, call.descriptor) for call in calls] == [
        ("openat", 2, ("x.npy",), -1),
        ("read", 2, ("x.npy",), -1),
        ("openat", 3, (".cnnops-0123456789abcdef.tmp", "out.npy"), -1),
        ("write", 1, ("/pipe:[42]",), 1),
        ("rename", 1, (".cnnops-0123456789abcdef.tmp", "out.npy", "out.npy"), -1),
    ]
    assert [call.targets for call in imports(TRACE, Path("/f"))] == [("/p/cnnops_cli/__init__.py",)]


def test_a_hit_is_what_strace_says_it_is():
    write, rename = Call("write", 1), Call("rename", 1)
    assert where_hit(TRACE, Path("/f"), write, "EIO").is_about(Call("write", 1, ("/pipe:[7]",), 1))
    assert where_hit(TRACE, Path("/f"), rename, "EIO") is None
    assert where_hit(TRACE, Path("/f"), rename, "SIGTERM").targets[1] == "out.npy"
    assert where_hit(TRACE, Path("/f"), rename, "SIGKILL") is None


@pytest.mark.parametrize(
    ("call", "absent", "present"),
    [
        (Call("openat", 1, text='"x", O_RDONLY'), "ENOSPC", "EIO"),
        (Call("openat", 1, text='"x", O_CREAT'), "EAGAIN", "ENOSPC"),
        (Call("read", 1), "EAGAIN", "EIO"),
        (Call("read", 1, descriptor=0), "ENOSPC", "EAGAIN"),
    ],
)
def test_errors_are_those_that_a_call_may_give(call, absent, present):
    assert absent not in call.errors()
    assert present in call.errors()
