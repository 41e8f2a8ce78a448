"""Layers replaced by chains of smaller ones.

The arithmetic is in `arrays`; the pass is in `factorization`.
"""
