"""Arithmetic of sensitivities, NumPy only."""
