"""Whether a result is what was expected, and how it differs; knows arrays and nothing else."""
