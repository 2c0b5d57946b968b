"""The commands: options to tensors, to operators, to output; one file each."""
