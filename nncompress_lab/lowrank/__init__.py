"""Low-rank approximation: a matrix as the product of two thin ones.

`svd` is the arithmetic on arrays, `rank` the choice of the rank, `low_rank` the pass.
"""
