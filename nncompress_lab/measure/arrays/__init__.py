"""Arithmetic of measurements, NumPy only."""
