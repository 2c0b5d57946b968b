"""The entry of the command `cnnops`, and of `python -m cnnops_cli`."""

import gc
import os
import sys


def main() -> None:
    """Run the command; a signal that ends it is silent from the first import on."""
    # A process this short leaves no garbage worth collecting, at its start (imports) or its end.
    gc.disable()
    try:
        _fill_closed_streams()
        from cnnops_cli import signals

        signals.listen()
        try:
            from cnnops_cli.app import run

            status = run(sys.argv[1:])
        finally:
            signals.ignore()
    except KeyboardInterrupt:
        status = 130
    except Exception as error:  # nothing else is there yet to report it
        sys.stderr.write(f"cnnops: error: cannot start: {type(error).__name__}: {error}\n")
        status = 2
    gc.freeze()
    sys.exit(status)


def _fill_closed_streams() -> None:
    """Open standard streams that the caller has closed, so that no file takes their number."""
    for descriptor, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        if not _is_open(descriptor):
            os.open(os.devnull, flags)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
