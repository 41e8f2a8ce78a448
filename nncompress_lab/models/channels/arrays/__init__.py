"""Numbered channels and which of them go together: NumPy only."""
