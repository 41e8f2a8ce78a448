"""The Keras layers of quantization, and what puts them in the place of others.

`stored` layers hold integers or codes, `rounded` ones train floats through their
rounding, `fake_quantize` rounds activations.
"""
