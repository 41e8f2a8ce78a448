"""Weight pruning: the smallest weights become zero.

`masks` is the arithmetic on arrays, `magnitude` the pass on models.
"""
