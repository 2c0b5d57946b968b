"""How `--help` is laid out: plain text, options in groups, examples as they stand."""

from collections import defaultdict
from typing import Any

from typer.core import TyperCommand

from cnnops_cli.commands.stdout import write_text

_NOTES = (
    (
        "TENSOR",
        "As INPUT: a file (told apart by its suffix, or by its first bytes), archive.npz:name, "
        "JSON text, one number, or - for standard input, once in a call.",
    ),
    ("SIZE", "One integer for every spatial axis, or one an axis: 2 or 1,2."),
    (
        "Exit status",
        "0 done, 1 the result is not what --expect expects, 2 anything wrong with the call or the "
        "data, 129 hung up, 130 interrupted, 143 terminated.",
    ),
)


class WritingHelp:
    """A command or group that writes its help as a result is written."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.callback = _write_help
        return option


def _write_help(ctx: Any, _: Any, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        write_text(f"{ctx.get_help()}\n")
        ctx.exit()


class HelpfulCommand(WritingHelp, TyperCommand):
    """A command whose help has one section for each `rich_help_panel` of its options."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Wrap the paragraphs of the docstring, but not those that are indented."""
        for paragraph in (self.help or "").split("\n\n"):
            formatter.write_paragraph()
            if paragraph.startswith("    "):
                formatter.write(paragraph.rstrip() + "\n")
            else:
                with formatter.indentation():
                    formatter.write_text(paragraph.replace("\n", " "))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write INPUT, then the options by group, in the order in which the groups first appear."""
        sections: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for param in sorted(self.get_params(ctx), key=lambda each: each.param_type_name):
            record = param.get_help_record(ctx)
            if record is not None:
                usual = "Options" if param.param_type_name == "option" else "Arguments"
                sections[getattr(param, "rich_help_panel", None) or usual].append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=26)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Explain the words that all commands share."""
        with formatter.section("Notes"):
            formatter.write_dl(_NOTES)
