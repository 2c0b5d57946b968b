"""The commands: options to an operation, one file each, and what is done with any operation."""
