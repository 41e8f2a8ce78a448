"""A pass that trains: the numbers that all of them have."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import keras
import numpy as np

from nncompress_lab.passes import Pass
from nncompress_lab.training.arrays.soft_targets import check_temperature

MOST = 2**31 - 1  # that 32 bits count, as some backends do


@dataclass(frozen=True, kw_only=True)
class TrainingPass(Pass):
    """A pass that trains a model and returns it as it was in its best epoch.

    Args:
        epochs: Passes over the training data at most, at least 1.
        batch_size: Examples a step, at least 1.
        learning_rate: Peak of the learning rate, above 0; it falls to zero along half a
            cosine over `epochs`.
        optimizer: Name of a Keras optimizer.
        patience: Epochs without improvement on the validation data after which training
            stops, at least 1.
        temperature: Of a teacher's soft targets, above 0.
        student_loss_weight: Of the labels beside the soft targets, in [0, 1].

    Raises:
        ValueError: If a number is out of range or the optimizer is unknown.
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    patience: int = 3
    temperature: float = 4.0
    student_loss_weight: float = 0.1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if not 1 <= (value := getattr(self, name)) <= MOST:
                raise ValueError(
                    f"`{name}` must be a whole number, at least 1"
                    f"{f' and at most {MOST}' if value > MOST else ''}. Received: "
                    f"{name}={value!r}."
                )
        if not 0 < self.learning_rate < np.inf:
            raise ValueError(
                "`learning_rate` must be above 0. Received: "
                f"learning_rate={self.learning_rate!r}."
            )
        if not _known(keras.optimizers.get, self.optimizer):
            raise ValueError(
                '`optimizer` must be the name of a Keras optimizer, such as "adam" or '
                f'"sgd". Received: optimizer={self.optimizer!r}.'
            )
        check_temperature(self.temperature)
        if not 0 <= self.student_loss_weight <= 1:
            raise ValueError(
                "`student_loss_weight` is the share of the labels in the loss and must be "
                "in [0, 1]. Received: "
                f"student_loss_weight={self.student_loss_weight!r}."
            )

    @property
    def needs(self) -> frozenset[str]:
        """Training data to learn from, validation data to choose the epoch by."""
        return frozenset({"train", "validation"})


def check_loss(name: str) -> None:
    """Raise a `ValueError` unless Keras has a loss of that name, or it is `"auto"`."""
    if name != "auto" and not _known(keras.losses.get, name):
        close = get_close_matches(name, [*dir(keras.losses), "auto"], n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            '`loss` must be "auto" or the name of a Keras loss, such as '
            f'"mean_squared_error". Received: loss={name!r}.{hint}'
        )


def _known(get: Callable[[str], Any], name: str) -> bool:
    """Whether one of Keras's functions finds something of a name."""
    try:
        return get(name) is not None
    except (TypeError, ValueError):
        return False
