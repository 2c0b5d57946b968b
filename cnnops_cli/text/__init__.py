"""Numbers, columns and lines as text, in styles where there is colour."""
