"""A choice is declared once: its words are its metavar, its check and its completion."""

import pytest
import typer

from cnnops_cli.app import app
from cnnops_cli.words import ACCUMULATE, DTYPES, FORMATS, LAYOUTS, PADDING_MODES

CHOICES = {
    "--format": FORMATS,
    "--dtype": DTYPES,
    "--layout": LAYOUTS,
    "--padding-mode": PADDING_MODES,
    "--accumulate": ACCUMULATE,
}


@pytest.mark.parametrize("option", CHOICES)
def test_one_declaration_gives_all_three(option, refused_here):
    words = CHOICES[option]
    group = typer.main.get_command(app)
    with group.make_context("cnnops", ["conv"]) as context:
        command = group.get_command(context, "conv")
        (param,) = (param for param in command.params if option in param.opts)
        offered = [item.value for item in param.shell_complete(context, words[0][:2])]
    assert param.metavar == ("NAME" if option == "--dtype" else "|".join(words))
    assert offered == [word for word in words if word.startswith(words[0][:2])]
    subject = option[2:].replace("-", " ")
    assert refused_here("conv", "-k", "1", option, "q", "[1]") == (
        f"cnnops conv: error: {option}: {subject} 'q' is not one of {', '.join(words)}"
    )
