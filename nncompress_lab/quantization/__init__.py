"""Quantization: weights as small integers that map to evenly spaced values.

The arithmetic is in `arrays`, the Keras layers that store integers or codes in `layers`,
each pass in the file of its name.
"""
