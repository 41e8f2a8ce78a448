"""Which channels matter least: NumPy only."""
