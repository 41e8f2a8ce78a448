"""Narrower attention heads: NumPy only."""
