"""The command `cnnops`: its commands, and the one place where errors become exit statuses."""

import os
import re
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cnnops_cli import __version__, signals
from cnnops_cli.commands.memory import import_numpy
from cnnops_cli.commands.stderr import abandon, reason_of, report
from cnnops_cli.commands.stdout import write_text
from cnnops_cli.errors import CheckFailedError, CnnopsError
from cnnops_cli.help import HelpfulCommand, WritingHelp
from cnnops_cli.ops.blas import limit_before_numpy
from cnnops_cli.settings import with_settings
from cnnops_cli.tensors.formats import array_formats
from cnnops_cli.words import series, suggest

OPERATORS = ("conv", "maxpool", "batchnorm", "dropout")

_STDOUT = 1
_CHECK_FAILED, _BAD_CALL = 1, 2


class OperatorCommand(HelpfulCommand):
    """A command that knows the mistakes which are likely in what was typed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; where that fails, or INPUT may be meant otherwise, ask what was."""
        typed = list(args)
        try:
            rest = super().parse_args(ctx, args)
        except typer.TyperException:
            self._check(ctx, typed)
            raise
        inputs = () if ctx.resilient_parsing else ctx.params.get("inputs") or ()
        if len(inputs) > 1 or any(text[:1].isdecimal() and text[-1].isdecimal() for text in inputs):
            self._check(ctx, typed)
        return rest

    def _check(self, ctx: Any, typed: list[str]) -> None:
        from cnnops_cli.commands.mistakes import check_call

        check_call(str(self.name), typed, self.get_params(ctx), ctx.params)


class Operators(WritingHelp, TyperGroup):
    """The commands, each imported when it is called, because NumPy is not needed before."""

    more = "The options of a command: {0} conv -h. All of them: {0} conv --help"

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands in the order of `--help`."""
        return list(OPERATORS)

    def most_used(self, ctx: Any) -> list[tuple[str, str]]:
        """List the commands."""
        return [(name, self.get_command(ctx, name).get_short_help_str(80)) for name in OPERATORS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Build the command of an operator from the function of the same name."""
        if cmd_name not in OPERATORS:
            return None
        import_numpy()
        function = getattr(import_module(f"cnnops_cli.commands.{cmd_name}"), cmd_name)
        command = typer.Typer(add_completion=False, rich_markup_mode=None)
        command.command(cmd_name, cls=OperatorCommand)(with_settings(function))
        return typer.main.get_command(command)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments begin with."""
        if args[0] not in OPERATORS and not ctx.resilient_parsing:
            raise CnnopsError(
                f"no such command: {args[0]}; there are {', '.join(OPERATORS)}"
                f"{suggest(args[0], OPERATORS, 'command')}"
            )
        return super().resolve_command(ctx, args)


_HELP = f"""Tensor operations of convolutional networks, exact about PyTorch's semantics.

    cnnops conv --kernel '[[1,10],[100,1000]]' --stride 1,2 input.npy
    cnnops maxpool --kernel 2 photo.png --output small.png
    cnnops conv -k '[[a,b],[c,d]]' -s 1,2 input.npy --lesson lesson.html
    echo '[[1,2],[3,4]]' | cnnops conv --kernel '[[a,b],[c,d]]' --explain

INPUT and every TENSOR are {series([*(row.name for row in array_formats()), "a picture"])}: a file,
standard input, or text. The result goes to standard output, as a view on a terminal and as JSON in
a pipe, or to a file (-o). --explain shows the arithmetic behind it, --lesson writes a page that
shows every step, --expect checks it.
"""

app = typer.Typer(
    cls=Operators,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        write_text(f"cnnops {__version__}\n")
        raise typer.Exit


@app.callback(help=_HELP)
def cnnops(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Register the options before a command."""


def run(arguments: list[str]) -> int:
    """Run the command with these arguments, and return its exit status."""
    limit_before_numpy()
    group: Any = typer.main.get_command(app)
    command = "cnnops"
    try:
        if "_CNNOPS_COMPLETE" in os.environ:
            group(prog_name="cnnops")
        with group.make_context("cnnops", arguments or ["-h"]) as context:
            try:
                group.invoke(context)
            finally:
                command = f"cnnops {context.invoked_subcommand or ''}".strip()
    except typer.Exit as done:
        return done.exit_code
    except BrokenPipeError:  # the reader of standard output has what it wanted
        abandon(_STDOUT)
    except CheckFailedError:  # which has been reported
        return _CHECK_FAILED
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        return _fail(context.command_path if context else command, _describe(error))
    except (CnnopsError, MemoryError) as error:
        return _fail(command, reason_of(error))
    except ImportError as error:  # a library is missing, or memory for it
        return _fail(command, f"cannot import {error.name}: {error}")
    except OSError as error:  # of a file that nothing else names
        where = f": {error.filename}" if error.filename else ""
        return _fail(command, f"the system refused: {error.strerror or error}{where}")
    except Exception as error:
        return _fail(command, f"internal error, please report it: {type(error).__name__}: {error}")
    return 0


def _fail(command: str, text: str) -> int:
    if (number := signals.ended_by()) is not None:
        return 128 + number
    report(command, text)
    return _BAD_CALL


def _describe(error: typer.TyperException) -> str:
    """Return what Typer refused as an error of ours, with the nearest word that is accepted."""
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    if param is not None:
        return f"{param.opts[0]}: {error.message}"
    text = error.format_message()
    option = getattr(error, "option_name", "")
    if context is not None and text.startswith("No such option"):
        params = context.command.get_params(context)
        known = [name for param in params for name in (*param.opts, *param.secondary_opts)]
        hint = suggest(option, known, context.info_name)
        if re.match(r"-[\d.]", option):
            hint = "; a negative number goes after --, as in: -- -0.5"
        elif context.parent is None:
            hint = hint or "; options follow the command"
        return f"no such option: {option}{hint}"
    if option:
        return f"{option} takes no value" if "not take" in text else f"{option} needs a value"
    text = text.rstrip(".")
    return text[0].lower() + text[1:]
