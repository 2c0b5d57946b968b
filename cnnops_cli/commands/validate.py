"""Which settings go together, and with how many inputs: others are refused before any work."""

import sys
from collections import Counter
from typing import Any

from cnnops_cli.commands.call import Call
from cnnops_cli.commands.stdout import is_viewed, is_written
from cnnops_cli.errors import CnnopsError
from cnnops_cli.parsers import is_directory, names_zarr, output_of_one, output_of_several
from cnnops_cli.paths import real_path
from cnnops_cli.settings import Settings
from cnnops_cli.tensors.formats import format_of_name, picture_formats, suffixes_of
from cnnops_cli.tensors.read import STDIN, split_member

_OF_ONE_RESULT = ("view", "explain", "lesson", "dry_run", "expect")
"""Settings that show, check or write one result."""
_MOST_SHOWN = 40


def validate(call: Call) -> Call:
    """Refuse what does not go together, before any work.

    Returns
    -------
    Call
        Its --output names a file where there is one INPUT, a directory where there are several.
    """
    if _concerns_zarr(call):
        from cnnops_cli.commands.validate_zarr import validate_zarr

        if validate_zarr(call).is_zarr:
            _check_stdout(call.settings)
            return call
    _check_count(call)
    call = _with_outputs(call)
    _check_pictures(call)
    _check_files(call)
    _check_stdout(call.settings)
    _check_explanation(call.settings, call.written)
    if call.with_input:
        _check_with_input(call.settings)
    return call


def _concerns_zarr(call: Call) -> bool:
    named = (*call.texts, call.settings.output, *call.files.values(), *call.tensors.values())
    given = call.settings.given_zarr_options()
    return bool(given) or any(text is not None and names_zarr(text) for text in named)


def _check_count(call: Call) -> None:
    settings, texts = call.settings, call.texts
    if settings.lines or len(texts) > 1:
        why = "--lines has" if settings.lines else f"{len(texts)} INPUTs have"
        of_one = {**call.files, "with_input": call.with_input}
        if settings.lines:
            of_one |= call.state_files
        _check_none_is_of_one(settings, of_one, why)
    elif settings.keep_going:
        raise CnnopsError("--keep-going goes with --lines, or with several INPUTs")
    if settings.lines:
        _check_lines(settings, call.inputs)
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


def _with_outputs(call: Call) -> Call:
    """Find where the result of each INPUT goes."""
    settings, texts = call.settings, call.texts
    if settings.lines or (len(texts) == 1 and settings.output is None):
        return call
    output = _file_or_directory(settings.output, texts)
    if not is_directory(output):
        return call._replace(settings=settings._replace(output=output), outputs=[output])
    from cnnops_cli.commands.output_paths import output_paths

    outputs = output_paths(texts, output, call.read)
    if len(texts) == 1:
        output = outputs[0]
    else:
        _check_apart([*outputs, *call.written])
        _check_states(call)
    return call._replace(settings=settings._replace(output=output), outputs=outputs)


def _file_or_directory(output: str | None, texts: list[str]) -> str:
    if len(texts) == 1:
        return output_of_one(str(output))
    directory = output_of_several(output)
    if directory is None:
        first, second = (text[:_MOST_SHOWN] for text in texts[:2])
        hint = "; JSON text needs quotes" if "[" in first else ""
        raise CnnopsError(
            f"several INPUTs, as {first} and {second}, need a directory for their results: "
            f"-o DIRECTORY/{hint}"
        )
    return directory


def _check_states(call: Call) -> None:
    """Refuse to replace one of several INPUTs by what the last of them leaves."""
    inputs = {real_path(split_member(text)[0]) for text in call.texts}
    for option, path in call.state_files.items():
        if path is not None and real_path(path) in inputs:
            option = f"--{option.replace('_', '-')}"
            raise CnnopsError(f"{option} would replace {path}, which is read; name another file")


def _check_pictures(call: Call) -> None:
    """Refuse pictures where nothing writes them, and what is for pictures where there are none."""
    pictures = [path for path in call.outputs if format_of_name(path).is_picture]
    if pictures:
        from cnnops_cli.tensors.pictures import check_installed

        check_installed(pictures[0])
    elif call.settings.stretch:
        accepted = ", ".join(suffixes_of(picture_formats()))
        raise CnnopsError(f"--stretch goes with a picture: --output FILE, {accepted}")


def _check_files(call: Call) -> None:
    """Refuse results that cannot be written, or would replace one another."""
    settings = call.settings
    written = [*filter(None, (settings.output, settings.view, settings.lesson)), *call.written]
    named = [path for path in written if path != STDIN]
    if settings.given_check_options():
        from cnnops_cli.commands.expectation import check_options

        check_options(settings, list(map(real_path, named)), [*(call.inputs or []), *call.read])
    _check_apart(named)


def _check_apart(paths: list[str]) -> None:
    files = list(map(real_path, paths))
    counts = Counter(files)
    twice = [path for path, file in zip(paths, files, strict=True) if counts[file] > 1]
    if twice:
        raise CnnopsError(f"two results cannot go to one file: {twice[-1]}")


def _check_stdout(settings: Settings) -> None:
    if sys.stdout is None and is_written(settings):
        is_result = not (settings.lines or settings.explain or settings.dry_run)
        hint = "; name a file with --output" if is_result else ""
        raise CnnopsError(f"standard output is closed{hint}")
    if settings.format == "npy" and is_written(settings) and sys.stdout.isatty():
        raise CnnopsError(
            "--format npy is binary and standard output is a terminal: name a file with --output, "
            "or pipe it"
        )
    if settings.quiet and settings.format == "table":
        raise CnnopsError("--quiet shows no view, and --format table is one: leave one of them out")


def _check_explanation(settings: Settings, written: list[str]) -> None:
    """Refuse what --explain, --at and --dry-run cannot be given with."""
    if not (settings.explain or settings.at or settings.dry_run):
        return
    if settings.at and not settings.explain:
        raise CnnopsError("--at picks elements for --explain; give both")
    if settings.explain and settings.dry_run:
        raise CnnopsError("--explain needs a result and --dry-run computes none: use one of them")
    asked = "--explain" if settings.explain else "--dry-run"
    without = {"--view": settings.view if settings.dry_run else None, "--expect": settings.expect}
    for option, value in without.items():
        if value is not None:
            raise CnnopsError(f"{asked} has no result for {option}; leave one of them out")
    if settings.format == "npy":
        raise CnnopsError(f"{asked} shows text or JSON: --format table or json, not npy")
    files = [*filter(None, [settings.output, settings.lesson]), *written]
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
