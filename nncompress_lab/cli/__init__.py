"""The command line: `commands` has a function for each command."""
