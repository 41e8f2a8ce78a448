"""Which channels matter: scores from arrays, and the choice by scores. NumPy only."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nncompress_lab.models.channels.arrays.units import Mask

Criterion = Literal["l1", "l2", "batch_norm", "taylor"]
Scores = npt.NDArray[np.float64]


def channel_norms(
    kernel: npt.NDArray[Any], *, axis: int = -1, order: int = 1
) -> Scores:
    """How large the weights are that make each channel.

    Args:
        kernel: For example of shape `(height, width, inputs, filters)`.
        axis: The axis that counts the channels; the last one in most Keras kernels.
        order: 1 for the sum of absolute values, 2 for the root of the sum of squares.

    Returns:
        One float64 number per channel, in the unit of the weights.

    Raises:
        ValueError: If `order` is neither 1 nor 2 or a weight is not finite.

    Example:
        >>> channel_norms(np.array([[3.0, 0.5], [-4.0, 0.5]]))
        array([7., 1.])
        >>> channel_norms(np.array([[3.0, 0.5], [-4.0, 0.0]]), order=2)
        array([5. , 0.5])

    References:
        Li, Kadav, Durdanovic, Samet, Graf, "Pruning Filters for Efficient ConvNets",
        ICLR 2017, section 3.1. https://arxiv.org/abs/1608.08710
    """
    if order not in {1, 2}:
        raise ValueError(f"`order` must be 1 or 2. Received: order={order!r}.")
    rows = np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)
    return _finite(np.linalg.norm(rows.astype(np.float64), ord=order, axis=1))


def channel_taylor(
    kernel: npt.NDArray[Any], gradient: npt.NDArray[Any], *, axis: int = -1
) -> Scores:
    """How much the loss would change, to first order, without each channel.

    Setting a channel's weights w to zero changes the loss by about -sum(g * w). The score
    is the square of that sum, as in the paper, so that its sign does not matter.

    Args:
        kernel: The weights.
        gradient: Of the loss by them, of the same shape; for example of one batch.
            Average the scores over several batches, not the gradients: near the end of
            training these cancel out.
        axis: The axis that counts the channels.

    Returns:
        One float64 number per channel, in the unit of the loss, squared.

    Raises:
        ValueError: If a weight or a gradient is not finite.

    Example:
        >>> weights = np.array([[2.0, 1.0], [-1.0, 3.0]])
        >>> channel_taylor(weights, gradient=np.array([[1.0, 0.0], [1.0, 2.0]]))
        array([ 1., 36.])

    References:
        Molchanov, Mallya, Tyree, Frosio, Kautz, "Importance Estimation for Neural
        Network Pruning", CVPR 2019, section 3.1, equation 8.
        https://arxiv.org/abs/1906.10771
    """
    product = kernel.astype(np.float64) * gradient
    others = tuple(one for one in range(kernel.ndim) if one != axis % kernel.ndim)
    return _finite(product.sum(axis=others) ** 2)


def kept_channels(scores: npt.NDArray[Any], *, keep: int) -> Mask:
    """Mark the channels with the highest scores.

    Of equal scores the one that comes first is dropped first.

    Args:
        scores: One number per channel.
        keep: How many stay, from 0 to their number.

    Returns:
        True where a channel is kept.

    Example:
        >>> kept_channels(np.array([7.0, 1.0, 3.0]), keep=2)
        array([ True, False,  True])
    """
    mask = np.ones(len(scores), dtype=np.bool_)
    mask[np.argsort(scores, kind="stable")[: len(scores) - keep]] = False
    return mask


def channels_to_keep(channels: int, *, drop: int, round_to: int = 1) -> int:
    """How many channels stay when about `drop` of them are to go.

    The number is rounded up to a multiple of `round_to`, because runtimes compute 4, 8
    or 16 channels at once, and at least one multiple stays.

    Args:
        channels: How many there are.
        drop: How many should go, from 0 to `channels`.
        round_to: At least 1.

    Returns:
        A multiple of `round_to`, or `channels` where no smaller multiple is enough.

    Example:
        >>> channels_to_keep(64, drop=40, round_to=8), channels_to_keep(3, drop=3)
        (24, 1)
    """
    multiples = max(1, -(-(channels - drop) // round_to))
    return min(channels, multiples * round_to)


def kept_counts(scores: Sequence[Scores], *, drop: int, round_to: int = 1) -> list[int]:
    """How many channels each group keeps if all groups compete in one ranking.

    Args:
        scores: For each group one number per channel, comparable between the groups.
        drop: How many channels should go. As every group keeps at least `round_to` of
            them, and multiples of it, fewer may go.
        round_to: What the number of channels kept is to be a multiple of, at least 1.

    Returns:
        A number for each group.

    Example:
        >>> kept_counts([np.array([5.0, 4.0, 0.1]), np.array([0.3, 0.2])], drop=3)
        [2, 1]
    """
    sizes = [len(one) for one in scores]
    if not sizes:
        return []
    order = np.argsort(np.concatenate(list(scores)), kind="stable")
    group_of = np.repeat(np.arange(len(sizes)), sizes)
    dropped = np.bincount(group_of[order[:drop]], minlength=len(sizes))
    return [
        channels_to_keep(size, drop=int(count), round_to=round_to)
        for size, count in zip(sizes, dropped, strict=True)
    ]


def _finite(scores: Scores) -> Scores:
    if not np.isfinite(scores).all():
        bad = int(np.count_nonzero(~np.isfinite(scores)))
        raise ValueError(
            f"Weights must be finite to be ranked. Received: {bad} of {len(scores)} "
            "channels hold a weight or a gradient that is NaN or infinite. Train the "
            "model again, or find the layer that diverged."
        )
    return scores
