"""Tensors line by line, as in a pipeline with a co-process."""

import json
import os
import re
import resource
import select
import signal
import time

import numpy as np
import pytest
from calling import PIPES, interrupt_amid_endless_json

AS_IT_IS = ["maxpool", "-k", "1", "--lines"]
CONV = ["conv", "-k", "[[1,10],[100,1000]]", "--lines"]


def ask(process, line, patience=20):
    """Write a line to a co-process, and wait for one answer."""
    process.stdin.write(line)
    process.stdin.flush()
    ready, _, _ = select.select([process.stdout], [], [], patience)
    assert ready, f"no answer to {line!r}"
    return process.stdout.readline()


def test_each_line_is_a_call(cnnops):
    lines = ["[[1,2],[3,4]]", "[[1.5,2],[3,4]]", "[[[[1,2,3],[4,5,6]]]]", "[[1,2],[3,4]]"]
    single = "".join(cnnops.text(*CONV[:-1], line) for line in lines)
    assert cnnops.text(*CONV, stdin="\n".join(lines) + "\n") == single
    assert cnnops.text(*CONV, "-", "-f", "json", "-o", "-", stdin="\n".join(lines)) == single


@pytest.mark.parametrize(
    "call",
    [
        ["conv", "-k", "k.npy", "-b", "[0.5]", "-p", "1", "--layout", "channels-last"],
        ["conv", "--out-channels", "2", "--kernel-size", "2", "--seed", "0"],
        ["maxpool", "-k", "2", "-s", "1", "--dtype", "float32", "--threads", "1"],
        ["batchnorm", "--weight", "[1.5]", "--precision", "3"],
        ["batchnorm", "--eval", "--state", "bn.json"],
        ["dropout", "-p", "0.25", "--seed", "3", "-q"],
        ["dropout", "--mask", "mask.npy"],
    ],
    ids=lambda call: " ".join(call),
)
def test_the_answers_are_those_of_single_calls(cnnops, tmp_path, call):
    np.save(tmp_path / "k.npy", np.array([[[[0.5, 1], [2, 4]]]], np.float32))
    np.save(tmp_path / "mask.npy", np.arange(9).reshape(3, 3, 1) % 2)
    (tmp_path / "bn.json").write_text('{"running_mean":[2],"running_var":[4]}')
    lines = [
        "[[[1],[2],[3]],[[4],[5],[6]],[[7],[8],[9]]]",
        "[[[1],[NaN],[3]],[[4],[5],[6]],[[7],[8],[0.125]]]",
    ]
    if call[0] == "maxpool" or "--out-channels" in call:
        lines = [re.sub(r"\[([^][]+)\]", r"\1", line) for line in lines]
    if call[0] == "batchnorm":
        lines = [f"[{line[1:-1].replace('],[', '],[')}]" for line in lines]
        lines = ["[[1],[2],[4]]", "[[5],[Infinity],[6.5]]", "[[[1,2]],[[3,4]]]"]
    single = "".join(cnnops.text(*call, line) for line in lines)
    assert cnnops.text(*call, "--lines", stdin="\n".join(lines)) == single
    assert single.count("\n") == len(lines)


def test_every_answer_is_there_before_the_next_question(installed):
    with installed.start(*CONV, bufsize=0, **PIPES) as process:
        for number in range(5):
            answer = ask(process, b"[[%d,0],[0,1]]\n" % number)
            assert answer == b"[[%d]]\n" % (number + 1000)
        process.stdin.write(b"[[7,0],")
        assert select.select([process.stdout], [], [], 0.2)[0] == []
        assert ask(process, b"[0,0]]\n[[8,0],[0,0]]\n") == b"[[7]]\n"
        assert process.stdout.readline() == b"[[8]]\n"
        process.stdin.write(b"[[9,0],[0,0]]")  # the last line needs no end
        process.stdin.close()
        assert process.stdout.read() == b"[[9]]\n"
        assert (process.wait(20), process.stderr.read()) == (0, b"")


def test_a_pipe_that_would_not_wait_is_waited_for(installed):
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with (
        installed.start(*CONV, **(PIPES | {"stdin": reading})) as process,
        open(writing, "wb") as pipe,
    ):
        time.sleep(1)
        pipe.write(b"[[1,2],[3,4]]\n")
        pipe.close()
        assert process.communicate(timeout=20) == (b"[[4321]]\n", b"")
    assert not os.get_blocking(reading)  # others read from it too
    os.close(reading)


def test_no_lines_no_answers(cnnops):
    assert cnnops.text(*AS_IT_IS, stdin="") == ""


def test_a_seed_is_the_same_mask_for_each_line_and_none_a_fresh_one(cnnops):
    lines = "[" + ",".join("1" * 60) + "]\n"
    fixed = cnnops.text("dropout", "--lines", "--seed", "5", stdin=lines * 2).splitlines()
    assert fixed[0] == fixed[1] == cnnops.text("dropout", "--seed", "5", lines).rstrip("\n")
    fresh = cnnops.text("dropout", "--lines", stdin=lines * 2).splitlines()
    assert fresh[0] != fresh[1]


BAD = {
    "[[1,2],[3": "INPUT is not JSON: unexpected end of data at column 10",
    "": "INPUT is blank; expected a JSON tensor",
    " \t": "INPUT is blank; expected a JSON tensor",
    '"text"': "INPUT holds a string; a JSON tensor is nested arrays of numbers",
    "[[1],[2,3]]": "INPUT is ragged: [0] holds 1 value, but [1] holds 2 values",
    "[[[[[1]]]]]": "input has rank 5, but a 2-D kernel takes rank 2 to 4: (*spatial), "
    "(C, *spatial) or (N, C, *spatial): kernel (2, 2), input (1, 1, 1, 1, 1)",
    "[[1,2]]": "kernel reaches over 2 elements along H, but input has 1 there: kernel (2, 2), "
    "input (1, 2)",
}


@pytest.mark.parametrize("bad", BAD, ids=lambda line: repr(line))
def test_a_bad_line_ends_the_command(cnnops, bad):
    result = cnnops(*CONV, stdin=f"[[1,2],[3,4]]\n[[0,0],[0,1]]\n{bad}\n[[1,2],[3,4]]\n")
    assert (result.status, result.out) == (2, b"[[4321]]\n[[1000]]\n")
    assert result.err == f"cnnops conv: error: line 3: {BAD[bad]}\n"


def test_keep_going_writes_null_and_ends_with_2(cnnops):
    lines = ["[[1,2],[3,4]]", *BAD, "[[0,0],[0,1]]"]
    result = cnnops(*CONV, "--keep-going", stdin="\n".join(lines))
    assert result.status == 2
    assert result.out.decode().splitlines() == ["[[4321]]", *["null"] * len(BAD), "[[1000]]"]
    *each, last = result.err.splitlines()
    reasons = enumerate(BAD.values(), 2)
    assert each == [f"cnnops conv: error: line {number}: {reason}" for number, reason in reasons]
    assert last == (
        f"cnnops conv: error: {len(BAD)} of {len(lines)} lines failed; null stands in their place"
    )
    fine = cnnops(*CONV, "--keep-going", stdin="[[1,2],[3,4]]\n")
    assert (fine.status, fine.out, fine.err) == (0, b"[[4321]]\n", "")


def test_keep_going_answers_a_bad_line_at_once(installed):
    with installed.start(*CONV, "--keep-going", bufsize=0, **PIPES) as process:
        assert ask(process, b"nonsense\n") == b"null\n"
        assert process.stderr.readline().startswith(b"cnnops conv: error: line 1: ")
        assert ask(process, b"[[1,2],[3,4]]\n") == b"[[4321]]\n"
        process.stdin.close()
        assert process.wait(20) == 2


def test_npy_is_no_line(cnnops):
    reason = cnnops.refusal(*AS_IT_IS, stdin=np.ones((2, 2)))
    assert reason == "line 1: standard input is .npy; --lines takes JSON, one tensor per line"


def test_ends_of_lines_and_a_byte_order_mark(cnnops):
    assert cnnops.text(*AS_IT_IS, stdin="\ufeff[[1]]\r\n [[2]] \r\n") == "[[1]]\n[[2]]\n"


def test_a_line_of_many_megabytes(cnnops):
    large = np.arange(1_200_000.0).reshape(600, 2000) / 8
    line = json.dumps(large.tolist())
    assert len(line) > 8_000_000
    out = cnnops.text(*AS_IT_IS, stdin=f"[[1]]\n{line}\n[[2]]\n").splitlines()
    assert (out[0], out[2], len(out)) == ("[[1]]", "[[2]]", 3)
    np.testing.assert_array_equal(np.array(json.loads(out[1])), large)


def test_memory_does_not_grow_with_the_lines(cnnops):
    def most_held(lines):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        cnnops(*CONV, "--keep-going", stdin="nonsense\n" * lines)
        return before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

    most_held(10)
    before, after = most_held(20_000)
    assert after < before + 20_000


def test_an_interrupt_while_it_waits(installed):
    with installed.start(*CONV, bufsize=0, **PIPES) as process:
        assert ask(process, b"[[1,2],[3,4]]\n") == b"[[4321]]\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (130, -signal.SIGINT)
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


def test_an_interrupt_is_heard_in_a_line_without_end(installed):
    with installed.start(*CONV, bufsize=0, **PIPES) as process:
        interrupt_amid_endless_json(process)
        assert process.wait(20) in (130, -signal.SIGINT)
        assert process.stderr.read() == b""


def test_a_reader_that_has_enough_ends_it_quietly(installed):
    with installed.start(*CONV, bufsize=0, **PIPES) as process:
        assert ask(process, b"[[1,2],[3,4]]\n") == b"[[4321]]\n"
        process.stdout.close()
        process.stdin.write(b"[[1,2],[3,4]]\n")
        assert (process.wait(20), process.stderr.read()) == (0, b"")


def test_a_reader_that_has_enough_changes_nothing_about_lines_that_failed(installed):
    with installed.start(*CONV, "--keep-going", bufsize=0, **PIPES) as process:
        assert ask(process, b"[[1,2],[3,x\n") == b"null\n"
        process.stdout.close()
        process.stdin.write(b"[[1,2],[3,4]]\n")
        assert process.wait(20) == 2
        said = process.stderr.read().decode().splitlines()
    assert said[0].startswith("cnnops conv: error: line 1: INPUT is not JSON")
    assert said[1:] == ["cnnops conv: error: 1 of 2 lines failed; null stands in their place"]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ([*AS_IT_IS, "x.npy"], "--lines reads standard input; leave INPUT x.npy out"),
        ([*AS_IT_IS, "-", "-"], "--lines reads standard input; leave INPUT - out"),
        ([*AS_IT_IS, "-f", "npy"], "--lines writes JSON; leave --format npy out"),
        ([*AS_IT_IS, "-f", "table"], "--lines writes JSON; leave --format table out"),
        (
            [*AS_IT_IS, "-o", "y.json"],
            "--lines writes to standard output; leave --output out (> y.json takes the lines)",
        ),
        (
            [*AS_IT_IS, "--indices", "i.npy"],
            "--indices is for one result, and --lines has several; leave it out",
        ),
        (
            ["conv", "-k", "[[1]]", "--lines", "--save-kernel", "k.npy"],
            "--save-kernel is for one result, and --lines has several; leave it out",
        ),
        (
            ["batchnorm", "--lines", "--save-state", "s.npz"],
            "--save-state is for one result, and --lines has several; leave it out",
        ),
        (
            ["dropout", "--lines", "--mask-output", "m.npy"],
            "--mask-output is for one result, and --lines has several; leave it out",
        ),
        (
            ["conv", "--lines", "-k", "-"],
            "INPUT and --kernel are both - (standard input); only one argument may be",
        ),
        (
            ["maxpool", "-k", "1", "--keep-going", "[[1]]"],
            "--keep-going goes with --lines, or with several INPUTs",
        ),
    ],
)
def test_what_does_not_go_with_lines(cnnops, tmp_path, call, reason):
    assert cnnops.refusal(*call, stdin="[[1]]\n") == reason
    assert list(tmp_path.iterdir()) == []


def test_a_bad_operand_is_no_line(cnnops):
    assert "line" not in cnnops.refusal("conv", "--lines", "-k", "gone.npy", stdin="[[1]]\n")


def test_standard_input_is_closed(installed):
    reason = installed.refusal(*AS_IT_IS, setup="exec 0<&-")
    assert reason == "standard input is closed; --lines reads it"
    assert installed.refusal(*AS_IT_IS, setup="exec 1>&-") == "standard output is closed"


def test_on_a_terminal_the_answers_are_lines_too(terminal):
    screen = terminal(*CONV, typed=b"[[1,2],[3,4]]\n[[0,0],[0,1]]\n\x04")
    notice = "cnnops conv: reading JSON, one tensor per line, from the terminal; end with Ctrl-D\n"
    assert (screen.status, screen.raw) == (0, f"{notice}[[4321]]\n[[1000]]\n")


def test_a_full_disk_is_an_error(cnnops):
    with open("/dev/full", "wb") as full:
        result = cnnops(*CONV, stdin="[[1,2],[3,4]]\n", stdout=full)
    assert result.status == 2
    assert result.err == (
        "cnnops conv: error: cannot write standard output: No space left on device\n"
    )
