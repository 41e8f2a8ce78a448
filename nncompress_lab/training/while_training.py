"""What holds while a compressed model is trained, and is gone afterwards."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from nncompress_lab.models.kernels import kernel_layers, to_numpy, walk

REMEMBERED = 0.01  # of the statistics before training, after an epoch


@contextmanager
def keeping_zeros(model: keras.Model) -> Iterator[None]:
    """While the block runs, kernel weights that are zero stay zero in training.

    The mask is a constraint on the kernel variable, which every Keras optimizer applies
    after each update and which no file stores. It is gone after the block, and the model's
    next training step is built anew, without it. An optimizer's moving average
    (`use_ema=True`) is taken before constraints are applied, so what it leaves in place of
    zeros at the end of `fit` is set to zero at the end of the block.

    Args:
        model: The model whose kernels are to keep their zeros; the one that is trained.
    """
    floats = [layer for layer in kernel_layers(model) if layer.is_float]
    kernels = [kernel for layer in floats for kernel in layer.kernels()]
    constrained = [(kernel, kernel.constraint) for kernel in kernels]
    for kernel in kernels:
        keep_zeros_of(kernel)
    masked = [(kernel, kernel.constraint) for kernel in kernels if _is_masked(kernel)]
    build_steps_anew(model)
    try:
        yield
    finally:
        for kernel, constraint in masked:
            apply_mask(kernel, to_numpy(constraint.mask))
        for kernel, before in constrained:
            kernel.constraint = before
        build_steps_anew(model)


def keep_zeros_of(variable: Any) -> None:
    """Constrain a variable so that what is zero in it stays zero in training."""
    mask = to_numpy(variable) != 0
    if not mask.all():
        variable.constraint = KeepMasked(mask, then=variable.constraint)


def apply_mask(variable: Any, mask: Any) -> bool:
    """Set what a mask does not keep to zero; whether any of it was not."""
    values = to_numpy(variable)
    strays = bool(np.any(values[~mask]))
    if strays:
        variable.assign(np.where(mask, values, 0))
    return strays


def build_steps_anew(model: keras.Model) -> None:
    """Let a model forget its compiled training step, which holds old constraints.

    Keras builds the step once, at the first `fit`, and goes on with it in the next.
    """
    model.train_function = None


def _is_masked(variable: Any) -> bool:
    return isinstance(variable.constraint, KeepMasked)


@contextmanager
def forgetting_statistics(model: keras.Model, *, within: int) -> Iterator[None]:
    """While the block runs, BatchNormalization forgets old means and variances in time.

    At Keras's momentum of 0.99 they keep 45 % of what they were after 79 steps, an epoch
    of 10,000 examples. After a pass that changed what a layer puts out, such a model
    works in training and fails in use: a ResNet-20 with half its channels had 20 % of
    the test images right after an epoch, and 76 % with the momentum of this block.

    Args:
        model: The model that is trained.
        within: Steps after which the old values may weigh `REMEMBERED` at most.
    """
    normalizations = [
        (layer, layer.momentum)
        for _, layer in walk(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer, momentum in normalizations:
        layer.momentum = min(momentum, REMEMBERED ** (1 / within))
    try:
        yield
    finally:
        for layer, momentum in normalizations:
            layer.momentum = momentum


class KeepMasked(keras.constraints.Constraint):
    """Sets entries of a variable to zero that a mask does not keep.

    Args:
        mask: Booleans of the variable's shape, an array or a variable that changes.
        then: A constraint to apply before, if any.
    """

    def __init__(self, mask: Any, *, then: Any = None) -> None:
        self.mask = mask
        self.then = then

    def __call__(self, value: Any) -> Any:
        """The value with zeros where the mask is False."""
        value = ops.convert_to_tensor(value if self.then is None else self.then(value))
        # Not a product: it would leave -0.0, whose sign bit no coder gets rid of.
        return ops.where(ops.convert_to_tensor(self.mask), value, ops.zeros_like(value))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """While the block runs, what Keras draws depends on `seed` alone.

    Keras's initializers and dropouts take their seeds from Python's generator when they
    are made; it is afterwards as it was.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
