"""Low-rank approximation: a matrix as the product of two thin ones.

`svd` is the arithmetic on arrays, with the choice of the rank.
"""
