"""The programs that make the fixtures need PyTorch, so doctest collection passes them by."""

collect_ignore_glob = ["make_golden.py", "cases_*.py", "torch_calls.py"]
