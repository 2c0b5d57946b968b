"""Max pooling: tiles, the steps over a tile's cells, and the checks of what they found."""
