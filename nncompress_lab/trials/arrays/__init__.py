"""Arithmetic of trials on arrays: NumPy only."""
