"""Both programs in their short form, on the installed command."""

import inject
import instants
import pytest
import system_calls

pytestmark = pytest.mark.faults


def test_no_fault_of_a_system_call_does_harm(capsys):
    if why_not := system_calls.can_trace():
        pytest.skip(why_not)
    status = inject.main(["--short"])
    assert status == 0, capsys.readouterr().out


def test_no_signal_and_no_limit_does_harm(capsys):
    status = instants.main(["--short"])
    assert status == 0, capsys.readouterr().out
