"""How `-h` and `--help` are laid out: plain text, options in groups, examples as they are."""

import re
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import Any

from typer.core import TyperCommand, TyperOption

from cnnops_cli.commands.stdout import write_text

_MOST_USED = {
    *("inputs", "kernel", "kernel_size", "bias", "out_channels", "stride", "padding"),
    *("indices", "train", "weight", "eps", "momentum", "state", "save_state"),
    *("p", "seed", "channelwise", "mask", "output", "format", "expect", "explain", "lesson"),
}
"""The parameters that `-h` shows where a command has them; with the rest, they fit 24 lines."""
_MOST_EXAMPLES = 3
_MORE_NAMES = re.compile(r"(?<=\w\w), --[\w-]+| [a-z]+\|\S*|\|\S*")
"""What `-h` leaves out of a first column: other long names, words to choose from, alternatives."""

_NOTES = (
    (
        "TENSOR",
        "As INPUT: a file (told apart by its suffix, or by its first bytes), archive.npz:name, "
        "JSON text, one number, or - for standard input, once in a call.",
    ),
    ("SIZE", "One integer for every spatial axis, or one per axis: 2 or 1,2."),
    (
        "Exit status",
        "0 done, 1 the result is not what --expect expects, 2 anything wrong with the call or the "
        "data, 129 hung up, 130 interrupted, 143 terminated.",
    ),
)


class WritingHelp:
    """A command or group with short help by `-h` and all of it by `--help`.

    Its docstring is one sentence, an indented block of examples, and the rest.
    """

    more = "Everything: {} --help"
    """The last line of `-h`."""

    def most_used(self, ctx: Any) -> list[tuple[str, str]]:
        """Return what most calls need, with a sentence about each."""
        raise NotImplementedError

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters; the last two are -h and --help."""
        *params, whole = super().get_params(ctx)  # type: ignore[misc]
        return [*params, self._short_option, whole]

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.help, option.callback = "Show every option and what it takes.", _writing("get_help")
        return option

    @cached_property
    def _short_option(self) -> TyperOption:
        return TyperOption(
            param_decls=["-h", "short_help"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            help="Show what most calls need, on one screen.",
            callback=_writing("get_short_help"),
        )

    def get_short_help(self, ctx: Any) -> str:
        """Return what `-h` writes."""
        formatter = ctx.make_formatter()
        self.format_usage(ctx, formatter)  # type: ignore[attr-defined]
        summary, *others = _paragraphs(self)
        examples = next((text for text in others if text.startswith("    ")), "").splitlines()
        formatter.write_paragraph()
        formatter.write_text(summary)
        formatter.write("\n".join(["", *examples[:_MOST_EXAMPLES], "", ""]))
        with formatter.indentation():
            formatter.write_dl(self.most_used(ctx))
        formatter.write_paragraph()
        formatter.write_text(self.more.format(ctx.command_path))
        return str(formatter.getvalue()).rstrip("\n")

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Wrap the docstring's paragraphs, except those that are indented."""
        for paragraph in _paragraphs(self):
            formatter.write_paragraph()
            if paragraph.startswith("    "):
                formatter.write(paragraph.rstrip() + "\n")
            else:
                with formatter.indentation():
                    formatter.write_text(paragraph.replace("\n", " "))


def _paragraphs(command: Any) -> list[str]:
    return (command.help or "").split("\n\n")


def _writing(layout: str) -> Callable[[Any, Any, bool], None]:
    """Return the callback of an option that writes what a method returns, and ends the call."""

    def write(ctx: Any, _: Any, is_asked: bool) -> None:
        if is_asked and not ctx.resilient_parsing:
            write_text(f"{getattr(ctx.command, layout)(ctx)}\n")
            ctx.exit()

    return write


class HelpfulCommand(WritingHelp, TyperCommand):
    """A command whose help has one section for each `rich_help_panel` of its parameters."""

    def most_used(self, ctx: Any) -> list[tuple[str, str]]:
        """Return INPUT and the options that most calls need, each with its first sentence."""
        shown = [param for param in self.get_params(ctx) if param.name in _MOST_USED]
        records = [param.get_help_record(ctx) for param in shown]
        return [
            (_MORE_NAMES.sub("", names), text.split(". ")[0].rstrip(".") + ".")
            for names, text in records
        ]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options by group, in the order of the groups' first options."""
        sections: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                sections[getattr(param, "rich_help_panel", None) or "Help"].append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=26)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Explain the words that all commands share."""
        with formatter.section("Notes"):
            formatter.write_dl(_NOTES)
