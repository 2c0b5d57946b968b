"""Tensors as text, pipes and files; the only place that touches a disk."""
