"""The arithmetic behind results: elements explained, formulas with letters, estimates of a call."""
