"""Models and layers that round their kernels while they train."""

import keras
import numpy as np
from keras import ops

from nncompress_lab.quantization.layers.train_rounded import with_rounded_kernels


def rounded_by(step, model):
    return with_rounded_kernels(model, lambda _: step.rounding, step.explain(model))


def trained_once(dense, x, rate=1.0):
    """One step of plain gradient descent on the sum of the outputs."""
    model = keras.Sequential([keras.Input(x.shape[1:]), dense])
    model.compile(
        keras.optimizers.SGD(rate),
        lambda _y, outputs: ops.sum(outputs, axis=-1),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    before = [ops.convert_to_numpy(one) for one in dense.trainable_variables]
    model.fit(x, np.zeros(len(x)), batch_size=len(x), verbose=0)
    after = [ops.convert_to_numpy(one) for one in dense.trainable_variables]
    return [(one - two) / rate for one, two in zip(before, after, strict=True)]
