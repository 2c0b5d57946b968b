"""The interactive page about a call: a template, its script and style, and the data it shows."""
