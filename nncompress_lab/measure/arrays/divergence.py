"""How far outputs are from those that they stand for, for outputs of every kind."""

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
OutputKind = Literal["logits", "softmax", "binary_logits", "sigmoid", "real"]
LEAST: Final = 1e-12  # a probability: what is rounded to zero is not impossible


def divergence_of(
    original: npt.NDArray[Any], changed: npt.NDArray[Any], kind: OutputKind
) -> float:
    """The mean over examples and positions of how far one output is from another.

    Args:
        original: Outputs of the original model, examples first, classes last.
        changed: Those of the other, of the same shape.
        kind: What they are. Of classes (`"logits"`, `"softmax"`) it is the
            Kullback-Leibler divergence in nats, of yes or no (`"binary_logits"`,
            `"sigmoid"`) the sum of those of all labels, and of real numbers the mean
            squared error as a fraction of the original's variance.

    Returns:
        At least 0, and 0 only if the two say the same.

    Example:
        >>> even, sure = np.log([[0.5, 0.5]]), np.log([[0.8, 0.2]])
        >>> round(divergence_of(even, sure, "logits"), 3)  # log(0.5 / sqrt(0.8 * 0.2))
        0.223

    References:
        Kullback, Leibler, "On Information and Sufficiency", The Annals of Mathematical
        Statistics 22, 1951, equation 2.4. https://doi.org/10.1214/aoms/1177729694
    """
    one, other = (array.astype(np.float64) for array in (original, changed))
    if kind == "real":
        return _relative_error(one, other)
    p, q = (_log_probabilities(array, kind) for array in (one, other))
    each = np.sum(np.exp(p) * (p - q), axis=(0, -1))
    return max(0.0, float(np.mean(each)))


def _relative_error(one: Floats, other: Floats) -> float:
    whole = float(np.var(one)) or float(np.mean(one**2)) or 1.0
    return float(np.mean((other - one) ** 2)) / whole


def _log_probabilities(outputs: Floats, kind: OutputKind) -> Floats:
    """Of each class, shape `(1, ..., classes)`, or of no and yes, `(2, ..., labels)`."""
    if kind == "logits":
        shifted = outputs - outputs.max(axis=-1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return np.asarray(logs[np.newaxis])
    if kind == "binary_logits":
        return np.asarray(-np.logaddexp(0, np.stack([outputs, -outputs])))
    yes_or_no = kind == "sigmoid"
    each = np.stack([1 - outputs, outputs]) if yes_or_no else outputs[np.newaxis]
    each = np.maximum(each, LEAST)
    return np.asarray(
        np.log(each / each.sum(axis=0 if yes_or_no else -1, keepdims=True))
    )
