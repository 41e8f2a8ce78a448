"""Scales, codes, tables and how they are stored, on arrays: NumPy only."""
