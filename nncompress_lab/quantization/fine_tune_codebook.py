"""Training the tables of a model whose kernels are codes, as a pass."""

from dataclasses import dataclass
from typing import Any

import keras

from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.passes import Context
from nncompress_lab.quantization.layers.stored import QuantizedKernels
from nncompress_lab.training.retraining_pass import RetrainingPass
from nncompress_lab.training.teach import Meanwhile
from nncompress_lab.training.while_training import keep_zeros_of


@dataclass(frozen=True, kw_only=True)
class FineTuneCodebook(RetrainingPass):
    """Train the values of the tables, and all floats, of a codebook-quantized model.

    The codes stay. The gradient of a table's value is the sum of the gradients of the
    weights that are coded as it, so weights that share a value move together. A value that
    is zero stays zero. The weights of the best epoch on validation data are returned,
    or those of the start if every epoch was worse.

    Args:
        **training: As in `RetrainingPass`. Tables have few values that many weights
            share, so `learning_rate` is smaller than for training weights.

    Raises:
        ValueError: If a value is out of range; when called, if no layer of the model has
            a table.

    References:
        Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3.3.
        https://arxiv.org/abs/1510.00149
    """

    learning_rate: float = 3e-4

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, train the copy's tables, return the best epoch."""
        _tables(model)  # says early that there are none
        return self.retrain(model, context, Meanwhile(prepare=_free_tables))


def _free_tables(model: keras.Model) -> None:
    for table in _tables(model):
        table.trainable = True
        keep_zeros_of(table)


def _tables(model: keras.Model) -> list[Any]:
    """The variables that hold the tables of a model's kernels."""
    tables = [
        layer.layer.stored_kernel(name)["table"]
        for layer in kernel_layers(model)
        if isinstance(layer.layer, QuantizedKernels)
        for name in layer.kernel_names
        if "table" in layer.layer.stored_kernel(name)
    ]
    if not tables:
        raise ValueError(
            f"FineTuneCodebook trains the tables of quantized kernels, and {model.name!r} "
            "has none. Apply CodebookQuantization first."
        )
    return tables
