"""Passes that train float kernels through their own rounding, by their loop or yours."""

import math
from abc import abstractmethod
from dataclasses import dataclass

import keras

from nncompress_lab.models.rewrite import check_model
from nncompress_lab.passes import Context
from nncompress_lab.quantization.layers.rounding import Rounding
from nncompress_lab.quantization.layers.train_rounded import (
    keep_zeros,
    with_rounded_kernels,
    with_stored_kernels,
)
from nncompress_lab.quantization.storing_pass import StoringPass
from nncompress_lab.training.retraining_pass import RetrainingPass
from nncompress_lab.training.teach import Meanwhile


@dataclass(frozen=True, kw_only=True)
class RoundedTraining(StoringPass, RetrainingPass):
    """A pass that trains a model while its kernels are rounded, then stores them so.

    The pass is `rounded`, a training, and `stored`. For a training loop of your own call
    the two yourself: between them is a model that any loop trains.

    Args:
        rate: What a bit in the packed file is worth, in units of the loss, 0 or above.
            The loss grows by `rate` times the bits of the codes and of their places, so
            weights go over to codes that are used often, and most of all to zero, in rows
            and columns that hold little, where that costs the task less. The epoch with
            the least such loss on the validation data is kept. 0 trains for the task
            alone; begin with 1e-4.
        **training: As in `RetrainingPass`.

    Raises:
        ValueError: If a value is out of range.
    """

    rate: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.rate < math.inf:
            raise ValueError(
                "`rate` is what a bit is worth in units of the loss and must be 0 or "
                f"above. Received: rate={self.rate!r}. Begin with 1e-4."
            )

    @property
    @abstractmethod
    def rounding(self) -> Rounding:
        """How each kernel is rounded while it trains."""

    def rounded(self, model: keras.Model) -> keras.Model:
        """A copy that computes with rounded kernels and trains the floats behind them.

        Args:
            model: A float model. It is not changed.

        Returns:
            A model that is not compiled. Weights that are zero stay zero under an
            optimizer of Keras.
        """
        check_model(model)
        rounded = with_rounded_kernels(
            model, lambda path: self.for_layer(path).rounding, self.explain(model)
        )
        keep_zeros(rounded)
        return rounded

    def stored(self, model: keras.Model) -> keras.Model:
        """A copy of a model from `rounded` that stores what its kernels round to.

        It predicts as that model does.
        """
        return with_stored_kernels(model)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with rounded kernels, train it, and store what they round to."""
        meanwhile = Meanwhile(prepare=keep_zeros, judged_by_loss=self.rate > 0)
        return self.stored(self.retrain(self.rounded(model), context, meanwhile))
