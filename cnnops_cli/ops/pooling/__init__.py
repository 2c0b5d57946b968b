"""Max pooling: tiles, the steps along their axes, and values that have no plain order."""
