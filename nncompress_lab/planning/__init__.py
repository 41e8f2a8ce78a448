"""Which layer bears how much: what each setting costs and saves, layer by layer.

`sensitivity` is the table of it, `scan` measures it, `scanning` is how a model takes on one
option in one place, `cache` keeps what is measured and `arrays` is the arithmetic, without
Keras.
"""
