"""What Dask loads into a worker that is to have no cnnops-cli."""

import sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "cnnops_cli":
            raise ModuleNotFoundError("No module named 'cnnops_cli'", name="cnnops_cli")


def dask_setup(_):
    sys.meta_path.insert(0, Finder())
