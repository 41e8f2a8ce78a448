"""What a teacher's intermediate outputs teach: losses on arrays or tensors.

Storey 1: they compute with NumPy or, in training, with `keras.ops`.
"""

import math
from typing import Any

import numpy as np

# Squared distances, in the mean square of the features, of what is in the same place: what
# rounding leaves of a distance of 0 is no direction, and its root has no slope.
SAME_PLACE = 1e-5

Features = Any  # arrays, or the tensors that `xp` takes
Floats = Any


def hint_loss(teacher: Features, student: Features, *, xp: Any = np) -> Floats:
    """Mean squared difference of two layers' outputs.

    Args:
        teacher: Shape `(n, ...)`.
        student: The same shape. Where the student's layer is narrower, a learned linear
            map comes first (the paper's regressor); `Distillation` adds it.
        xp: `numpy` or `keras.ops`.

    Returns:
        Shape `(n,)`.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> hint_loss(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
        array([2.])

    References:
        Romero, Ballas, Kahou, Chassang, Gatta, Bengio, "FitNets: Hints for Thin Deep
        Nets", ICLR 2015, section 2.2. https://arxiv.org/abs/1412.6550
    """
    if teacher.shape[1:] != student.shape[1:]:
        raise ValueError(
            "Features can only be compared in the same shape. Received: teacher "
            f"{teacher.shape}, student {student.shape}. Project the narrower first."
        )
    axes = tuple(range(1, len(teacher.shape)))
    return xp.mean(xp.square(teacher - student), axis=axes)


def attention_map(features: Features, *, xp: Any = np) -> Floats:
    """Where in an image, or in a row of tokens, a layer's output is large.

    Args:
        features: Shape `(n, ..., channels)` with at least one axis of positions.
        xp: `numpy` or `keras.ops`.

    Returns:
        Mean square over the channels, shape `(n, positions)`, scaled to length 1 for each
        example. An example that is zero everywhere stays zero.

    Raises:
        ValueError: If there is no axis of positions.

    Example:
        >>> attention_map(np.array([[[3.0, 1.0], [0.0, 0.0]]]))
        array([[1., 0.]])

    References:
        Zagoruyko, Komodakis, "Paying More Attention to Attention", ICLR 2017, section
        3.1. https://arxiv.org/abs/1612.03928
    """
    if len(features.shape) < 3:
        raise ValueError(
            "Attention is a map over positions and needs features of shape (n, ..., "
            f"channels). Received: {features.shape}. Choose a layer before the pooling."
        )
    energy = xp.mean(xp.square(features), axis=-1)
    if len(energy.shape) > 2:  # a row of tokens may be of any length
        energy = xp.reshape(energy, (-1, math.prod(energy.shape[1:])))
    squares = xp.sum(xp.square(energy), axis=-1, keepdims=True)
    return energy / xp.sqrt(squares + 1e-24)  # which also has a slope at 0


def attention_loss(teacher: Features, student: Features) -> Floats:
    """Squared distance of two attention maps; the number of channels may differ.

    Args:
        teacher: Shape `(n, ..., channels)`.
        student: The same positions, any number of channels.

    Returns:
        Shape `(n,)`: the mean over the positions, from 0 to 2 over their number.

    Example:
        >>> left, right = np.array([[[1.0], [0.0]]]), np.array([[[0.0, 0.0], [5.0, 1.0]]])
        >>> attention_loss(left, right)
        array([1.])

    References:
        Zagoruyko, Komodakis 2017, section 3.1, with the square and the mean of the
        authors' code, where its weight is 1000.
    """
    return map_loss(attention_map(teacher), attention_map(student))


def map_loss(teacher: Floats, student: Floats, *, xp: Any = np) -> Floats:
    """`attention_loss` of attention maps that are there already.

    Args:
        teacher: As `attention_map` returns it.
        student: As `attention_map` returns it.
        xp: `numpy` or `keras.ops`.
    """
    return xp.mean(xp.square(teacher - student), axis=-1)


def relational_loss(teacher: Features, student: Features, *, xp: Any = np) -> Any:
    """How differently two layers arrange a batch: by distances and by angles.

    Distances between examples are divided by their mean, so neither the scale nor the
    width of the features matters. Both parts are Huber losses with a bend at 1.

    Args:
        teacher: Shape `(n, ...)`.
        student: Shape `(n, ...)`, of any width.
        xp: `numpy` or `keras.ops`.

    Returns:
        Distance part plus twice the angle part, the paper's weights; 0 if one
        arrangement is the other one moved, turned and scaled. It is one number for the
        batch because each example is compared with all the others.

    Example:
        >>> corner = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> bool(relational_loss(corner, 5 * corner[:, ::-1] + 3) < 1e-12)
        True

    References:
        Park, Kim, Lu, Cho, "Relational Knowledge Distillation", CVPR 2019, section 3.
        https://arxiv.org/abs/1904.05068
    """
    distances, angles = relations(teacher, xp=xp)
    other_distances, other_angles = relations(student, xp=xp)
    return _huber(distances - other_distances, xp) + 2 * _huber(
        angles - other_angles, xp
    )


def relations(features: Features, *, xp: Any = np) -> tuple[Floats, Floats]:
    """The distances and angles that `relational_loss` compares.

    Args:
        features: Shape `(n, ...)`.
        xp: `numpy` or `keras.ops`.

    Returns:
        Distances over their mean, shape `(n, n)`, and cosines of shape `(n, n, n)`:
        entry `[j, i, k]` is the angle at example `j` between `i` and `k`, and 0 where two
        of them are in the same place.

    Example:
        >>> _, cosines = relations(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        >>> cosines[0].round(3) + 0.0  # no -0.0
        array([[0., 0., 0.],
               [0., 1., 0.],
               [0., 0., 1.]])
    """
    rows = xp.reshape(features, (-1, math.prod(features.shape[1:])))
    rows = rows - xp.mean(rows, axis=0, keepdims=True)
    # Inner products, because an array of (n, n, width) may not fit into memory.
    products = xp.matmul(rows, xp.transpose(rows))
    squares = xp.diagonal(products)  # so that an example is not apart from itself
    distances = squares[:, None] + squares[None, :] - 2 * products
    apart = distances > SAME_PLACE * xp.mean(squares)
    one, zero = xp.ones_like(distances), xp.zeros_like(distances)
    distances = xp.sqrt(xp.where(apart, distances, one))
    apart = xp.where(apart, one, zero)
    mean = xp.sum(apart * distances) / xp.maximum(xp.sum(apart), 1.0)
    inner = products[None, :, :] - products[:, :, None] - products[:, None, :]
    unit = apart / distances
    cosines = (inner + squares[:, None, None]) * unit[:, :, None] * unit[:, None, :]
    return apart * distances / xp.maximum(mean, 1e-12), cosines


def _huber(difference: Floats, xp: Any) -> Any:
    size = xp.abs(difference)
    return xp.mean(xp.where(size <= 1, xp.square(size) / 2, size - 0.5))
