"""Layers replaced by chains of smaller ones.

The arithmetic is in `chain`, `tucker`, `spatial`, `cp`, `separable` and `vbmf`, which
need NumPy only; the pass is in `factorize`.
"""
