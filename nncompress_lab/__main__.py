"""`python -m nncompress_lab` is `nncompress`."""

from nncompress_lab.cli.commands import main

main()
