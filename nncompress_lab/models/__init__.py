"""Keras models below all techniques: their kernels, their graph, copies and files.

Every technique stands on this package, and nothing in it knows a technique.
"""
