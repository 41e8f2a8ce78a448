"""Quantization: weights as small integers that map to evenly spaced values.

`affine` and `bitpacking` are the arithmetic on arrays, `layers` the Keras layers that
store integers, `post_training` the pass on models.
"""
