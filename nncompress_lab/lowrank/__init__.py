"""Low-rank approximation: a matrix as the product of two thin ones.

The arithmetic is in `arrays`; the pass is in `low_rank`.
"""
