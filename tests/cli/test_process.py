"""The command as a process: statuses, pipes, signals, the other ways to start it."""

import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest
from calling import PIPES, interrupt_amid_endless_json

AS_IT_IS = ["maxpool", "--dims", "1", "-k", "1"]


@pytest.mark.parametrize("format", ["json", "npy", "table"])
def test_a_reader_that_has_enough_ends_the_command_quietly(installed, tmp_path, format):
    np.save(tmp_path / "x.npy", np.arange(300_000.0).reshape(3000, 100))
    with installed.start("dropout", "--eval", "-f", format, "x.npy", **PIPES) as process:
        assert len(process.stdout.read(10)) == 10
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_a_reader_that_is_gone_before_the_start(cnnops):
    reading, writing = os.pipe()
    os.close(reading)
    result = cnnops(*AS_IT_IS, "[1,2]", stdout=writing)
    os.close(writing)
    assert (result.status, result.err) == (0, "")


def was_interrupted_silently(process):
    status = process.wait(60)
    assert process.stdout.read() == b""
    assert process.stderr.read() == b""
    as_a_shell_sees_it = 128 - status if status < 0 else status
    return as_a_shell_sees_it == 130


@pytest.mark.parametrize("options", [[], ["-o", "y.npy"]])
def test_an_interrupt_during_a_long_wait_is_silent(installed, tmp_path, options):
    more_than_a_pipe_holds = b"[" + b"1," * 500_000
    with installed.start(*AS_IT_IS, *options, **PIPES) as process:
        process.stdin.write(more_than_a_pipe_holds)
        process.stdin.flush()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert was_interrupted_silently(process)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_is_heard_while_data_keep_coming(installed):
    with installed.start(*AS_IT_IS, bufsize=0, **PIPES) as process:
        interrupt_amid_endless_json(process)
        assert was_interrupted_silently(process)


def test_version(cnnops):
    text = cnnops.text("--version")
    assert re.fullmatch(r"cnnops \d+\.\d+\S*\n", text)


def test_the_package_runs_as_a_module(installed):
    module = {"setup": f'exec "{installed.executable.with_name("python")}" -m cnnops_cli "$@"'}
    assert installed.json(*AS_IT_IS, "[1,2]", **module) == "[1,2]"
    assert installed.text("--version", **module) == installed.text("--version")
    assert "--kernel" in installed.refusal("maxpool", "[1]", **module)
    help_text = installed.text("conv", "--help", **module)
    assert help_text == installed.text("conv", "--help")


def completions(cnnops, words):
    typed = words.split(" ")
    bash = cnnops.text(
        env={
            "_CNNOPS_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(typed) - 1),
        }
    )
    return bash.split()


def test_the_shell_completes_commands_options_and_words(cnnops):
    assert completions(cnnops, "cnnops ") == ["conv", "maxpool", "batchnorm", "dropout"]
    assert completions(cnnops, "cnnops max") == ["maxpool"]
    assert completions(cnnops, "cnnops conv --padd") == ["--padding", "--padding-mode"]
    assert completions(cnnops, "cnnops conv --padding-mode re") == ["reflect", "replicate"]
    assert completions(cnnops, "cnnops maxpool --layout channels-l") == ["channels-last"]


def test_the_completion_script_names_the_command(cnnops):
    for shell in ("bash", "zsh", "fish"):
        script = cnnops.text(env={"_CNNOPS_COMPLETE": f"source_{shell}"})
        assert "_CNNOPS_COMPLETE" in script
        assert "cnnops" in script


def test_the_locale_does_not_matter(installed):
    call = ["dropout", "--eval", "-f", "table"]
    plain = installed.text(*call, stdin=np.arange(3000.0))
    assert plain
    for locale in (
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ):
        result = installed(*call, stdin=np.arange(3000.0), env=locale)
        assert (result.status, result.err) == (0, "")
        assert b"2999" in result.out


def test_output_does_not_depend_on_the_working_folder_or_hash_seed(installed, tmp_path):
    (tmp_path / "sub").mkdir()
    call = ["conv", "--out-channels", "2", "--kernel-size", "2", "--seed", "3", "-f", "json"]
    runs = [
        installed(*call, "[[1,2,3],[4,5,6]]", cwd=folder, env={"PYTHONHASHSEED": seed})
        for folder, seed in ((tmp_path, "1"), (tmp_path / "sub", "2"))
    ]
    assert runs[0].status == 0
    assert runs[0] == runs[1]


def test_a_termination_leaves_no_file(installed, tmp_path):
    with installed.start(*AS_IT_IS, "-o", "y.npy", **PIPES) as process:
        process.stdin.write(b"[1,")
        process.stdin.flush()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (143, b"")
    assert list(tmp_path.iterdir()) == []


INTERRUPTED_IMPORT = """
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from cnnops_cli.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "numpy", "cnnops_cli.ops.conv"])
def test_an_interrupt_of_the_start_is_silent(installed, module):
    program = INTERRUPTED_IMPORT.replace("MODULE", repr(module))
    python = installed.executable.with_name("python")
    run = subprocess.run(
        [python, "-c", program, "conv", "-k", "1"], capture_output=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, b"", b"")


def test_completion_after_a_wrong_command_is_silent(cnnops):
    words = {"COMP_WORDS": "cnnops cnov --k", "COMP_CWORD": "2"}
    result = cnnops(env={**words, "_CNNOPS_COMPLETE": "complete_bash"})
    assert (result.status, result.err) == (0, "")


THREADS = """
import sys
import threading

class Thread(threading.Thread):
    def start(self):
        print("started", file=sys.stderr)
        super().start()

threading.Thread = Thread
from cnnops_cli.__main__ import main
main()
"""


@pytest.mark.parametrize(("threads", "started"), [("1", 0), ("3", 2)])
def test_threads_are_those_that_were_asked_for(installed, tmp_path, threads, started):
    np.save(tmp_path / "x.npy", np.ones((6, 16, 128, 128), np.float32))
    python = installed.executable.with_name("python")
    layer = ["--out-channels", "32", "--kernel-size", "3", "--seed", "0"]
    call = ["conv", *layer, "--threads", threads, "x.npy", "-o", "y.npy"]
    run = subprocess.run(
        [python, "-c", THREADS, *call], cwd=tmp_path, capture_output=True, check=True
    )
    assert run.stderr == b"started\n" * started


CLOSED = """
import os
from cnnops_cli.__main__ import main

real = os.replace

def replace(*arguments):
    for descriptor in range(3):  # as a C library does that warns
        try:
            os.write(descriptor, b"warning")
        except OSError:
            pass
    real(*arguments)

os.replace = replace
main()
"""

WITHOUT_THREADS = """
import threading

def start(thread):
    raise RuntimeError("can't start new thread")

threading.Thread.start = start
from cnnops_cli.__main__ import main
main()
"""


def test_no_file_takes_the_place_of_a_stream_that_is_closed(installed, tmp_path, same):
    python = installed.executable.with_name("python")
    call = ["maxpool", "-k", "2", "[[1,2],[3,4]]", "-o", "y.npy"]
    shell = ["/bin/sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', python, "-c", CLOSED, *call]
    assert subprocess.run(shell, cwd=tmp_path, check=False).returncode == 0
    same(np.load(tmp_path / "y.npy"), np.array([[4]]))


@pytest.mark.parametrize(
    "call", [["conv", "--kernel", "k.npy"], ["batchnorm"], ["maxpool", "-k", "3"]]
)
def test_the_callers_thread_does_the_work_where_no_other_can_be_started(installed, tmp_path, call):
    random = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", random.standard_normal((6, 16, 128, 128)).astype(np.float32))
    np.save(tmp_path / "k.npy", random.standard_normal((32, 16, 3, 3)).astype(np.float32))
    python = installed.executable.with_name("python")
    outputs = [
        subprocess.run(
            [*start, *call, "--threads", "3", "--format", "npy", "x.npy"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        for start in ([installed.executable], [python, "-c", WITHOUT_THREADS])
    ]
    assert outputs[0].stdout == outputs[1].stdout
    assert outputs[1].stderr == b""
