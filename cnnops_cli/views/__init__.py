"""Results as a person reads them.

Rich is known to two files: ansi.py (a terminal's colours) and progress.py (the bar).
"""
