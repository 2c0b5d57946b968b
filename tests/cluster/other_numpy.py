"""What Dask loads into a worker that is to tell of another version of NumPy."""


def dask_setup(_):
    from distributed import versions

    true_versions = versions.get_package_info
    versions.get_package_info = lambda names: true_versions(names) | {"numpy": "1.0"}
