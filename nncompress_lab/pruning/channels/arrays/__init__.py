"""Which channels go together, and which of them matter least: NumPy only."""
