"""How much each weight matters: by itself, to the loss, or to the layer's output.

NumPy only. Larger is more important; `masks_by_score`, `masks_by_output` and `n_m_mask`
rank the scores.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


def taylor_scores(weights: Array, gradients: Array) -> Array:
    """What removing each weight changes the loss by, to first order.

    Args:
        weights: Of any shape.
        gradients: Of the loss by the weights, of the same shape. Those of single batches
            say more than their mean, which is near zero in a trained model: average the
            scores of batches instead.

    Returns:
        `abs(weights * gradients)`.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> taylor_scores(np.array([2.0, -1.0]), np.array([0.5, 3.0]))
        array([1., 3.])

    References:
        Molchanov, Tyree, Karras, Aila, Kautz, "Pruning Convolutional Neural Networks for
        Resource Efficient Inference", ICLR 2017, section 2.2.
        https://arxiv.org/abs/1611.06440. For weights: Molchanov, Mallya, Tyree, Frosio,
        Kautz, "Importance Estimation for Neural Network Pruning", CVPR 2019, section 3.
        https://arxiv.org/abs/1906.10771
    """
    _check_same_shape(weights, gradients, "gradients")
    scores: Array = np.abs(weights * gradients)
    return scores


def movement_scores(weights: Array, gradients: Array) -> Array:
    """Whether a step of gradient descent moves each weight away from zero.

    The score of a training is the sum of these over its steps. It may be negative: the
    weight shrinks.

    Args:
        weights: Of any shape.
        gradients: Of the loss by the weights, of the same shape.

    Returns:
        `-weights * gradients`.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> movement_scores(np.array([2.0, -1.0]), np.array([0.5, 3.0]))
        array([-1.,  3.])

    References:
        Sanh, Wolf, Rush, "Movement Pruning: Adaptive Sparsity by Fine-Tuning", NeurIPS
        2020, section 3. https://arxiv.org/abs/2005.07683
    """
    _check_same_shape(weights, gradients, "gradients")
    scores: Array = -weights * gradients
    return scores


def wanda_scores(matrix: Array, norms: Array) -> Array:
    """The size of each weight times the size of what it is multiplied with.

    Args:
        matrix: Weights of shape `(rows, channels)`; `as_matrix` makes it of a kernel.
        norms: Of each input over the calibration data: shape `(rows,)`, or
            `(groups, rows)` where groups of channels see different inputs.

    Returns:
        Array of the shape of `matrix`. Rank it by output (`masks_by_output`).

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> wanda_scores(np.array([[2.0, -1.0], [1.0, 1.0]]), np.array([1.0, 10.0]))
        array([[ 2.,  1.],
               [10., 10.]])

    References:
        Sun, Liu, Bair, Kolter, "A Simple and Effective Pruning Approach for Large
        Language Models", ICLR 2024, section 3. https://arxiv.org/abs/2306.11695
    """
    grouped = np.atleast_2d(norms)
    groups, rows = grouped.shape
    if rows != matrix.shape[0] or matrix.shape[1] % groups:
        raise ValueError(
            "`norms` must have one entry for each row of the matrix, and groups that "
            f"divide its channels. Received: norms of shape {norms.shape}, a matrix of "
            f"shape {matrix.shape}."
        )
    columns = np.repeat(grouped.T, matrix.shape[1] // groups, axis=1)
    scores: Array = np.abs(matrix) * columns
    return scores


def optimal_brain_scores(
    matrix: Array, second_moment: Array, *, damping: float = 0.01
) -> Floats:
    """What removing each weight costs when all others of its output make up for it.

    Args:
        matrix: Weights of shape `(rows, channels)`.
        second_moment: Sum of the outer products of the inputs, shape `(rows, rows)`.
        damping: Fraction of the mean of its diagonal that is added to it, at least 0.

    Returns:
        float64 array of the shape of `matrix`: the rise of the squared error of the
        layer's output, summed over the calibration data, `w**2 / inverse[j, j]` with the
        inverse of the second moment. Half of it is the saliency of the paper, whose
        error has a factor of one half.

    Raises:
        ValueError: If the shapes do not fit or `damping` is negative.
        numpy.linalg.LinAlgError: If the second moment is singular and not damped.

    Example:
        >>> optimal_brain_scores(np.array([[2.0], [1.0]]), np.diag([1.0, 9.0]), damping=0)
        array([[4.],
               [9.]])

    References:
        Hassibi, Stork, "Second order derivatives for network pruning: Optimal Brain
        Surgeon", NIPS 1992. For layers: Dong, Chen, Pan, "Learning to Prune Deep Neural
        Networks via Layer-wise Optimal Brain Surgeon", NeurIPS 2017, section 3.
        https://arxiv.org/abs/1705.07565
    """
    inverse = np.linalg.inv(damped(second_moment, damping, rows=matrix.shape[0]))
    scores: Floats = matrix.astype(np.float64) ** 2 / np.diag(inverse)[:, None]
    return scores


def damped(second_moment: Array, damping: float, *, rows: int) -> Floats:
    """A second moment that can be inverted although few examples were seen.

    Args:
        second_moment: Shape `(rows, rows)`.
        damping: Fraction of the mean of the diagonal to add to the diagonal. If that is
            zero, because the layer saw only zeros, 1 is added instead.
        rows: What its shape must be.

    Raises:
        ValueError: If the shape is another or `damping` is negative.
    """
    if second_moment.shape != (rows, rows):
        raise ValueError(
            f"The second moment of {rows} inputs has shape ({rows}, {rows}). Received: "
            f"{second_moment.shape}."
        )
    check_damping(damping)
    mean = float(np.mean(np.diag(second_moment)))
    ridge = damping * mean if mean > 0 else 1.0
    exact: Floats = second_moment.astype(np.float64) + ridge * np.eye(rows)
    return exact


def check_damping(damping: float) -> None:
    """Raise a `ValueError` unless `damping` is finite and at least 0."""
    if not 0 <= damping < np.inf:
        raise ValueError(
            "`damping` is a fraction of the mean second moment and must be at least 0. "
            f"Received: damping={damping!r}. 0.01 is usual."
        )


def _check_same_shape(weights: Array, other: Array, name: str) -> None:
    if weights.shape != other.shape:
        raise ValueError(
            f"`{name}` must have the shape of the weights. Received: {other.shape} and "
            f"{weights.shape}."
        )
