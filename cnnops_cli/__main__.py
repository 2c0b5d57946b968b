"""The entry of the command `cnnops`, and of `python -m cnnops_cli`."""

import gc
import sys


def main() -> None:
    """Run the command; an interrupt is silent from the first import on."""
    # A process this short leaves no garbage worth a search, at its start (imports) or its end.
    gc.disable()
    try:
        from cnnops_cli.app import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    main()
