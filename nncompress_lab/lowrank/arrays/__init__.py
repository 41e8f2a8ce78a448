"""Singular values, thin factors and the choice of a rank on arrays: NumPy only."""
