"""How much errors of a kernel matter, from what calibration inputs have shown.

NumPy only.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# So many examples count as if seen that show all inputs, and all outputs, alike. With 64
# photographs, 4 do too little for a network of a thousand classes.
UNSEEN: Final = 16


class Weighed(NamedTuple):
    """A kernel and how much its errors matter, as `rate_round` takes them.

    Args:
        matrix: Shape `(rows, channels)`.
        moments: Second moments of the inputs, shape `(groups, rows, rows)`.
        importance: Of each output, shape `(channels,)`.
    """

    matrix: Array
    moments: Array
    importance: Array

    @classmethod
    def of(
        cls,
        matrix: Array,
        information: Array,
        moments: Array | None,
        *,
        examples: int,
        unseen: float = 0.0,
    ) -> "Weighed":
        """A kernel weighed by the Fisher information of its weights.

        A kernel without rows of inputs, as that of an Embedding, is weighed by its own
        information alone.

        Args:
            matrix: The kernel, shape `(rows, channels)`.
            information: Of each of its weights, of the same shape.
            moments: Sums over the examples of the outer products of its inputs, shape
                `(groups, rows, rows)`; None if it has no rows of inputs.
            examples: How many they are.
            unseen: How much of the second moments and of the importance is not what was
                seen but the mean over all inputs, or outputs; from 0 to 1.
        """
        if moments is None:
            moment = np.diag(information.mean(axis=1))
            return cls(matrix, moment[None], np.ones(information.shape[1]))
        means = moments / examples
        sizes = np.trace(means, axis1=1, axis2=2)
        rows = np.arange(means.shape[1])
        means *= 1 - unseen  # in place: those of a wide layer are large
        means[:, rows, rows] += unseen * (sizes / len(rows))[:, None]
        sizes[sizes == 0] = 1.0
        groups = np.array_split(information.sum(axis=0), len(means))
        parts = [one / size for one, size in zip(groups, sizes, strict=True)]
        importance = np.concatenate(parts)
        return cls(
            matrix,
            means,
            (1 - unseen) * importance + unseen * importance.mean(),
        )
