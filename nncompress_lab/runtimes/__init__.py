"""Real runtimes that a compressed model is exported to, run in and timed in."""

from nncompress_lab.runtimes.loading import load as load
