"""The kinds of options: what each takes, and so its metavar, its check and its completion."""

from collections.abc import Callable
from typing import Any

import typer

from cnnops_cli import parsers
from cnnops_cli.words import PADDING_WORDS


class OptionGroup:
    """A section of `--help`; its methods make options of one kind, such as ``--stride -s``."""

    def __init__(self, title: str) -> None:
        self.title = title

    def option(self, names: str, help: str, **settings: Any) -> Any:
        """Make an option of a kind of its own."""
        return typer.Option(
            *names.split(), help=help, rich_help_panel=self.title, show_default=False, **settings
        )

    def flag(self, names: str, help: str) -> Any:
        """Make an option that takes no value."""
        return self.option(names, help)

    def tensor(self, names: str, help: str) -> Any:
        """Make an option that takes a TENSOR, which is read later."""
        return self.option(names, help, metavar="TENSOR")

    def file(self, names: str, help: str, parser: Callable[[str], str]) -> Any:
        """Make an option that takes a FILE, of the formats that a parser accepts."""
        return self.option(names, help, metavar="FILE", parser=parser)

    def size(self, names: str, help: str) -> Any:
        """Make an option that takes one integer, or one per axis."""
        return self.option(names, help, metavar="SIZE", parser=parsers.parse_size)

    def padding(self, help: str) -> Any:
        """Make the option --padding."""
        return self.option(
            "--padding -p",
            help,
            metavar="PAD",
            parser=parsers.parse_padding,
            autocompletion=_completing(PADDING_WORDS),
        )

    def dims(self, help: str) -> Any:
        """Make the option --dims."""
        return self.option("--dims", help, metavar="1|2|3", parser=parsers.parse_dimensions)

    def integer(self, names: str, help: str, minimum: int = 0, maximum: int | None = None) -> Any:
        """Make an option that takes an integer in a range."""
        parser = parsers.integer_from(minimum, maximum)
        return self.option(names, help, metavar="N", parser=parser)

    def number(
        self, names: str, help: str, parser: Callable[[str], float] = parsers.parse_real
    ) -> Any:
        """Make an option that takes a number."""
        return self.option(names, help, metavar="X", parser=parser)

    def choice(
        self, names: str, words: tuple[str, ...], help: str, metavar: str | None = None
    ) -> Any:
        """Make an option that takes one of several words."""
        subject = names.split()[0].removeprefix("--").replace("-", " ")
        return self.option(
            names,
            help,
            metavar=metavar or "|".join(words),
            parser=parsers.one_of(subject, words),
            autocompletion=_completing(words),
        )


def _completing(words: tuple[str, ...]) -> Callable[[str], list[str]]:
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]
