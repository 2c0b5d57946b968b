"""The arithmetic behind results: cells worked out, formulas with letters, and plans of a call."""
