"""k-means on a line, round by round, as one watches it converge. NumPy only.

`learn_codebook` finds the best table at once; here is how the usual way gets near it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
MOST_ROUNDS = 200


@dataclass(frozen=True, eq=False)
class Round:
    """A table of values, and how well it stands for the weights.

    Args:
        table: The values, ascending.
        error: The mean squared error when each weight takes the nearest of them.
    """

    table: npt.NDArray[np.float64]
    error: float


def lloyd_rounds(weights: Floats, *, size: int) -> list[Round]:
    """Move values to the means of the weights nearest to them until nothing moves.

    Args:
        weights: Finite, of any shape, at least one. It is not changed.
        size: How many values there are. They begin evenly spaced from the smallest to the
            largest weight; one that no weight is nearest to stays where it is.

    Returns:
        The rounds, the even spacing first. The error never grows from one to the next.

    Example:
        >>> rounds = lloyd_rounds(np.array([0.0, 1.0, 1.0, 4.0, 5.0]), size=2)
        >>> [one.table.round(2).tolist() for one in rounds]
        [[0.0, 5.0], [0.67, 4.5]]

    References:
        Lloyd, "Least Squares Quantization in PCM", IEEE Transactions on Information
        Theory 28, 1982, method I.
    """
    points = np.sort(weights.reshape(-1).astype(np.float64))
    summed = np.append(0.0, np.cumsum(points))
    squares = float(np.sum(points**2))
    table = np.linspace(points[0], points[-1], size)
    rounds: list[Round] = []
    for _ in range(MOST_ROUNDS):
        cuts = np.searchsorted(points, (table[1:] + table[:-1]) / 2)
        ends = np.concatenate([[0], cuts, [points.size]])
        held, total = np.diff(ends), np.diff(summed[ends])
        error = squares - 2 * float(table @ total) + float(table**2 @ held)
        rounds.append(Round(table, max(error, 0.0) / points.size))
        moved = np.where(held > 0, total / np.maximum(held, 1), table)
        if np.allclose(moved, table, rtol=0, atol=1e-9 * (points[-1] - points[0])):
            break
        table = moved
    return rounds
