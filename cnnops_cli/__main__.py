"""`python -m cnnops_cli` is the command `cnnops`."""

from cnnops_cli.app import main

if __name__ == "__main__":
    main()
