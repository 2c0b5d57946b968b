"""The operators: pure functions on NumPy arrays, one file each, and the geometry they share."""
