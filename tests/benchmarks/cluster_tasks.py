"""What blocks cost on a Dask cluster of this machine: its scheduler, its workers, an object store.

    python tests/benchmarks/cluster_tasks.py tasks [--tasks 20000]
    python tests/benchmarks/cluster_tasks.py operators [--size 384] [--rounds 3]
    python tests/benchmarks/cluster_tasks.py requests

`tasks` sends tasks that do nothing, for several numbers of them that the scheduler knows of at a
time: `IN_FLIGHT` of cnnops_cli/blocks/cluster.py. `operators` computes a volume on one worker and
on two, of one thread each. `requests` counts what a block asks of an object store, moto's server.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import machine


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("figures", choices=("tasks", "operators", "requests"))
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=384, help="of the volume along each axis")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--match", default="", help="operators whose name holds this text")
    arguments = parser.parse_args(argv)
    sys.path.append(str(Path(__file__).parents[1] / "cluster"))
    import cluster_figures  # which needs what may not be installed

    machine.print_header()
    if arguments.figures == "tasks":
        cluster_figures.time_tasks(arguments.tasks)
    elif arguments.figures == "operators":
        cluster_figures.time_operators(arguments.size, arguments.rounds, arguments.match)
    else:
        cluster_figures.count_requests()


if __name__ == "__main__":
    main()
