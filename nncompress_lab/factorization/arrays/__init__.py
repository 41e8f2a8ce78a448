"""A convolution's kernel as a chain of smaller ones, on arrays: NumPy only."""
