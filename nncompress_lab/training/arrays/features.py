"""What a teacher's intermediate outputs teach: losses on arrays. NumPy only."""

from typing import Any

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[Any]
Floats = npt.NDArray[Any]


def hint_loss(teacher: Features, student: Features) -> Floats:
    """Mean squared difference of two layers' outputs.

    Args:
        teacher: Shape `(n, ...)`.
        student: The same shape. Where the student's layer is narrower, a learned linear
            map comes first (the paper's regressor); `Distillation` adds it.

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
    if teacher.shape != student.shape:
        raise ValueError(
            "Features can only be compared in the same shape. Received: teacher "
            f"{teacher.shape}, student {student.shape}. Project the narrower first."
        )
    loss: Floats = np.mean(
        ((teacher - student) ** 2).reshape(len(teacher), -1), axis=-1
    )
    return loss


def attention_map(features: Features) -> Floats:
    """Where in an image, or in a row of tokens, a layer's output is large.

    Args:
        features: Shape `(n, ..., channels)` with at least one axis of positions.

    Returns:
        Mean square over the channels, shape `(n, positions)`, scaled to length 1 for each
        example. An example that is zero everywhere stays zero.

    Raises:
        ValueError: If there is no axis of positions.

    Example:
        >>> attention_map(np.array([[[3.0, 1.0], [0.0, 0.0]]]))
        array([[1., 0.]], dtype=float32)

    References:
        Zagoruyko, Komodakis, "Paying More Attention to Attention", ICLR 2017, section
        3.1. https://arxiv.org/abs/1612.03928
    """
    if features.ndim < 3:
        raise ValueError(
            "Attention is a map over positions and needs features of shape (n, ..., "
            f"channels). Received: {features.shape}. Choose a layer before the pooling."
        )
    energy = np.mean(features.astype(np.float32) ** 2, axis=-1).reshape(
        len(features), -1
    )
    length = np.linalg.norm(energy, axis=-1, keepdims=True)
    result: Floats = np.divide(
        energy, length, out=np.zeros_like(energy), where=length > 0
    )
    return result


def attention_loss(teacher: Features, student: Features) -> Floats:
    """Squared distance of two attention maps; the number of channels may differ.

    Args:
        teacher: Shape `(n, ..., channels)`.
        student: The same positions, any number of channels.

    Returns:
        Shape `(n,)`, from 0 to 2.

    Example:
        >>> left, right = np.array([[[1.0], [0.0]]]), np.array([[[0.0, 0.0], [5.0, 1.0]]])
        >>> attention_loss(left, right)
        array([2.], dtype=float32)

    References:
        Zagoruyko, Komodakis 2017, section 3.1, with the square of the authors' code.
    """
    difference = attention_map(teacher) - attention_map(student)
    loss: Floats = np.sum(difference**2, axis=-1)
    return loss


def relational_loss(teacher: Features, student: Features) -> float:
    """How differently two layers arrange a batch: by distances and by angles.

    Distances between examples are divided by their mean, so neither the scale nor the
    width of the features matters. Both parts are Huber losses with a bend at 1.

    Args:
        teacher: Shape `(n, ...)`.
        student: Shape `(n, ...)`, of any width.

    Returns:
        Distance part plus twice the angle part, the paper's weights; 0 if one
        arrangement is the other one moved, turned and scaled. It is one number for the
        batch because each example is compared with all the others.

    Example:
        >>> corner = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> relational_loss(corner, 5 * corner[:, ::-1] + 3)
        0.0

    References:
        Park, Kim, Lu, Cho, "Relational Knowledge Distillation", CVPR 2019, section 3.
        https://arxiv.org/abs/1904.05068
    """
    (distances, angles), (other_distances, other_angles) = map(
        relations, (teacher, student)
    )
    return float(
        _huber(distances - other_distances) + 2 * _huber(angles - other_angles)
    )


def relations(features: Features) -> tuple[Floats, Floats]:
    """The distances and angles that `relational_loss` compares.

    Args:
        features: Shape `(n, ...)`.

    Returns:
        Distances over their mean, shape `(n, n)`, and cosines of shape `(n, n, n)`:
        entry `[j, i, k]` is the angle at example `j` between `i` and `k`, and 0 where two
        of them are in the same place.

    Example:
        >>> _, cosines = relations(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        >>> cosines[0].round(3)
        array([[0., 0., 0.],
               [0., 1., 0.],
               [0., 0., 1.]])
    """
    flat = features.reshape(len(features), -1)
    away = flat[None, :, :] - flat[:, None, :]  # [j, i] points from j to i
    distances = np.linalg.norm(away, axis=-1)
    unit = np.divide(
        away,
        distances[..., None],
        out=np.zeros_like(away),
        where=distances[..., None] > 0,
    )
    apart = distances[distances > 0]
    mean = apart.mean() if apart.size else 1.0
    return distances / mean, unit @ unit.swapaxes(-1, -2)


def _huber(difference: Floats) -> Any:
    size = np.abs(difference)
    return np.mean(np.where(size <= 1, size**2 / 2, size - 0.5))
