"""The entry of the command `cnnops`, and of `python -m cnnops_cli`."""

import sys


def main() -> None:
    """Run the command; an interrupt is silent from the first import on."""
    try:
        from cnnops_cli.app import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
