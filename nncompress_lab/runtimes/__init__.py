"""Real runtimes that a compressed model is exported to and timed in."""
