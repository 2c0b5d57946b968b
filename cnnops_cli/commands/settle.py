"""Which settings go together, and with how many inputs: others are refused before any work."""

import sys
from collections.abc import Iterable
from typing import Any

from cnnops_cli.commands.stdout import is_viewed, is_written
from cnnops_cli.errors import CnnopsError
from cnnops_cli.options import Settings
from cnnops_cli.parsers import is_directory, output_of_one, output_of_several
from cnnops_cli.paths import real_path
from cnnops_cli.tensors.formats import is_picture, picture_formats, suffixes_of
from cnnops_cli.tensors.read import STDIN

_OF_ONE_RESULT = ("view", "explain", "dry_run", "expect")
"""Settings that show, check or write one result."""
_MOST_SHOWN = 40


def settle(
    settings: Settings,
    inputs: list[str] | None,
    *read: str | None,
    with_input: bool = False,
    **files: str | None,
) -> Settings:
    """Refuse what does not go together, and tell where the results go.

    Parameters
    ----------
    settings : Settings
    inputs : list of str, optional
    *read : str, optional
        What else is read, and so may not be replaced by a result.
    with_input : bool
        Whether the view shows the input too.
    **files : str, optional
        The files that the command writes beside --output, by option.

    Returns
    -------
    Settings
        With the file of the one INPUT where its result goes to a directory.

    Raises
    ------
    CnnopsError
        If two results would go to one file, or one where something is read or nowhere at all; or
        two options contradict each other, or one is for one result and there are several.
    """
    _check_count(settings, inputs, files | {"with_input": with_input})
    settings = _with_output(settings, inputs or [STDIN])
    settings = _placed(settings, inputs or [STDIN], _given(read))
    others = _given(files.values())
    _check_pictures(settings, inputs or [STDIN])
    _check_files(settings, others, [*(inputs or []), *_given(read)])
    _check_stdout(settings)
    _check_explanation(settings, others)
    if with_input:
        _check_with_input(settings)
    return settings


def _check_count(
    settings: Settings, inputs: list[str] | None, of_one: dict[str, str | bool | None]
) -> None:
    texts = inputs or [STDIN]
    if settings.lines or len(texts) > 1:
        why = "--lines has" if settings.lines else f"{len(texts)} INPUTs have"
        _check_none_is_of_one(settings, of_one, why)
    elif settings.keep_going:
        raise CnnopsError("--keep-going goes with --lines, or with several INPUTs")
    if settings.lines:
        _check_lines(settings, inputs)
    elif len(texts) > 1 and settings.format != "auto":
        raise CnnopsError(
            f"--format {settings.format} is for one result, but there are {len(texts)} INPUTs, "
            "whose suffixes tell the formats"
        )


def _check_none_is_of_one(settings: Settings, options: dict[str, Any], why: str) -> None:
    shared = settings._asdict()
    options = {name: shared.get(name) for name in _OF_ONE_RESULT} | options
    for name, value in options.items():
        if value:
            raise CnnopsError(
                f"--{name.replace('_', '-')} is for one result, and {why} several; leave it out"
            )


def _check_lines(settings: Settings, inputs: list[str] | None) -> None:
    if inputs not in (None, [], [STDIN]):
        raise CnnopsError(f"--lines reads standard input; leave INPUT {inputs[0]} out")
    if settings.format not in ("auto", "json"):
        raise CnnopsError(f"--lines writes JSON; leave --format {settings.format} out")
    if settings.output not in (None, STDIN):
        raise CnnopsError(
            f"--lines writes to standard output; leave --output out (> {settings.output} takes "
            "the lines)"
        )


def _with_output(settings: Settings, texts: list[str]) -> Settings:
    """Decide whether --output names a file or a directory."""
    if settings.lines or (len(texts) == 1 and settings.output is None):
        return settings
    if len(texts) == 1:
        return settings._replace(output=output_of_one(str(settings.output)))
    directory = output_of_several(settings.output)
    if directory is None:
        first, second = (text[:_MOST_SHOWN] for text in texts[:2])
        hint = "; JSON text stands in quotes" if "[" in first else ""
        raise CnnopsError(
            f"several INPUTs, as {first} and {second}, need a directory for their results: "
            f"-o DIRECTORY/{hint}"
        )
    return settings._replace(output=directory)


def _given(texts: Iterable[str | None]) -> list[str]:
    return [text for text in texts if text is not None]


def _placed(settings: Settings, texts: list[str], read: list[str]) -> Settings:
    """Find the file's name for the one result that goes to a directory."""
    if settings.lines or not is_directory(settings.output):
        return settings
    from cnnops_cli.commands.files import check_places, places

    directory = str(settings.output)
    check_places(texts, directory, read)
    return settings if len(texts) > 1 else settings._replace(output=places(texts, directory)[0])


def _check_pictures(settings: Settings, texts: list[str]) -> None:
    """Refuse pictures where nothing writes them, and what is for pictures where there are none."""
    outputs = _given([settings.output])
    if is_directory(settings.output):
        from cnnops_cli.commands.files import places

        outputs = places(texts, outputs[0])
    pictures = list(filter(is_picture, outputs))
    if pictures:
        from cnnops_cli.tensors.pictures import check_installed

        check_installed(pictures[0])
    elif settings.stretch:
        accepted = ", ".join(suffixes_of(picture_formats()))
        raise CnnopsError(f"--stretch goes with a picture: --output FILE, {accepted}")


def _check_files(settings: Settings, others: list[str], sources: list[str]) -> None:
    """Refuse results that cannot be written, or would replace one another."""
    named = [path for path in _given([settings.output, settings.view, *others]) if path != STDIN]
    files = [real_path(path) for path in named]
    if settings.given_check_options():
        from cnnops_cli.commands.golden import check_options

        check_options(settings, files, sources)
    twice = [path for path, file in zip(named, files, strict=True) if files.count(file) > 1]
    if twice:
        raise CnnopsError(f"two results cannot go to one file: {twice[-1]}")


def _check_stdout(settings: Settings) -> None:
    if sys.stdout is None and is_written(settings):
        hint = "" if settings.lines else "; name a file with --output"
        raise CnnopsError(f"standard output is closed{hint}")
    if settings.format == "npy" and is_written(settings) and sys.stdout.isatty():
        raise CnnopsError(
            "--format npy is binary and standard output is a terminal: name a file with --output, "
            "or pipe it"
        )
    if settings.quiet and settings.format == "table":
        raise CnnopsError("--quiet shows no view, and --format table is one: leave one of them out")


def _check_explanation(settings: Settings, others: list[str]) -> None:
    """Refuse what --explain, --at and --dry-run cannot be given with."""
    if not (settings.explain or settings.at or settings.dry_run):
        return
    if settings.at and not settings.explain:
        raise CnnopsError("--at picks cells for --explain; give both")
    if settings.explain and settings.dry_run:
        raise CnnopsError("--dry-run computes nothing that --explain could show; leave one out")
    asked = "--explain" if settings.explain else "--dry-run"
    for option, value in (("--view", settings.view), ("--expect", settings.expect)):
        if value is not None:
            raise CnnopsError(f"{asked} has no result for {option}; leave one of them out")
    if settings.format == "npy":
        raise CnnopsError(f"{asked} shows text or JSON: --format table or json, not npy")
    files = [*filter(None, [settings.output]), *others]
    if settings.dry_run and files:
        raise CnnopsError(f"--dry-run computes nothing that {files[0]} could hold; leave it out")
    if settings.output == STDIN:
        raise CnnopsError("--explain has standard output to itself; name a file with --output")


def _check_with_input(settings: Settings) -> None:
    """Refuse --with-input where nothing would show it."""
    if settings.explain or settings.dry_run:
        raise CnnopsError("--with-input is part of the view, which --explain and --dry-run replace")
    if settings.view is None and not is_viewed(settings):
        raise CnnopsError(
            "--with-input is part of the view, and this call shows none: add --format table or "
            "--view FILE"
        )
