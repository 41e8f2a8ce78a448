"""`python -m nncompress_lab` is `nncompress`."""

from nncompress_lab.cli import main

main()
