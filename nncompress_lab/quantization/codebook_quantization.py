"""Non-uniform quantization as passes: kernels as codes into tables, and their training."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import keras
import numpy as np

from nncompress_lab.errors import check_choice
from nncompress_lab.models.kernels import KernelLayer, Skip, kernel_layers, to_numpy
from nncompress_lab.models.selection import EVERY_LAYER, Selection
from nncompress_lab.passes import Context, Pass
from nncompress_lab.quantization.arrays.codebook import learned_table
from nncompress_lab.quantization.arrays.codebook_format import CodebookFormat, MakeTable
from nncompress_lab.quantization.arrays.fixed_tables import (
    normal_float_table,
    power_of_two_table,
)
from nncompress_lab.quantization.arrays.matrix_view import Granularity
from nncompress_lab.quantization.layers.replace import (
    StoredKernels,
    explain_storing,
    kernel_view,
    store_kernels,
)
from nncompress_lab.quantization.layers.stored import QuantizedKernels
from nncompress_lab.training.loop import Training
from nncompress_lab.training.teach import Meanwhile
from nncompress_lab.training.training_pass import Taught, Teacher, train_copy
from nncompress_lab.training.while_training import keep_zeros_of

Table = Literal["learned", "power_of_two", "normal_float"]


@dataclass(frozen=True)
class CodebookQuantization(Pass):
    """Store the kernels of a trained model as codes into tables of few values.

    The values need not be evenly spaced: a learned table has them where the weights are.
    Codes are packed without gaps, so memory and file shrink as with integers of the same
    width; latency stays, because the layer computes with the decoded floats. Weights that
    are zero stay zero. A layer that would grow, its tables counted, is left as it is.

    Args:
        bits: Of a code, 1 to 8; fixed tables need at least 2. With 1 bit a pruned kernel
            has zero and one other value.
        table: `"learned"` minimizes the squared error (optimal one-dimensional k-means),
            `"power_of_two"` has zero and powers of two, `"normal_float"` quantiles of a
            Gaussian (NF4 at 4 bits).
        granularity: What shares a table: `"per_tensor"`, `"per_channel"` or `"per_group"`.
            A table costs `4 * 2**bits` bytes.
        group_size: Weights that share a table; only with `"per_group"`.
        select: Which layers to quantize; all kernel layers by default.

    Raises:
        ValueError: If a value is out of range or does not fit the others.

    Example:
        >>> CodebookQuantization(bits=3).format.bits
        3

    References:
        Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3.
        https://arxiv.org/abs/1510.00149
        The fixed tables: see `power_of_two_table` and `normal_float_table`.
    """

    bits: int = 4
    table: Table = "learned"
    granularity: Granularity = "per_tensor"
    group_size: int | None = None
    select: Selection = EVERY_LAYER

    def __post_init__(self) -> None:
        _ = self.format  # checks the numbers
        check_choice("table", self.table, Table)
        if self.table != "learned":
            self._make_table(np.ones(1))  # checks the bits

    @property
    def format(self) -> CodebookFormat:
        """How each kernel is stored."""
        return CodebookFormat(self.bits, self.granularity, self.group_size)

    def explain(self, model: keras.Model) -> dict[str, Skip | None]:
        """Which layers are quantized, and why the others are not."""
        return explain_storing(model, self.select, self.format)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with quantized layers in place of the selected ones."""
        reasons = self.explain(model)

        def store(one: KernelLayer) -> StoredKernels | None:
            return self._coded(one) if reasons[one.path] is None else None

        return store_kernels(model, store)

    def _coded(self, one: KernelLayer) -> StoredKernels:
        arrays = {}
        for name in one.kernel_names:
            view = kernel_view(self.format, one.layer, name)
            kernel = to_numpy(getattr(one.layer, name))
            try:
                arrays[name] = view.encode(kernel, self._make_table)
            except ValueError as error:
                raise ValueError(f"Cannot quantize {one.path}: {error}") from error
        return StoredKernels(self.format, arrays)

    @property
    def _make_table(self) -> MakeTable:
        if self.table == "learned":
            return partial(learned_table, size=2**self.bits)
        makers = {
            "power_of_two": power_of_two_table,
            "normal_float": normal_float_table,
        }
        return partial(makers[self.table], bits=self.bits)


@dataclass(frozen=True)
class FineTuneCodebook(Pass):
    """Train the values of the tables, and all floats, of a codebook-quantized model.

    The codes stay. The gradient of a table's value is the sum of the gradients of the
    weights that are coded as it, so weights that share a value move together. A value that
    is zero stays zero. The weights of the best epoch on validation data are returned,
    or those of the start if every epoch was worse.

    Args:
        epochs: Passes over the training data at most, at least 1.
        batch_size: Examples a step, at least 1.
        learning_rate: Peak of the learning rate, above 0; it falls to zero along half a
            cosine over `epochs`. Tables have few values that many weights share, so it is
            smaller than for training weights.
        optimizer: Name of a Keras optimizer.
        patience: Epochs without improvement after which training stops, at least 1.
        teacher: Whose soft targets to learn from as well, as in `FineTune`.
        temperature: Of the soft targets, above 0.
        student_loss_weight: Of the labels beside the soft targets, in [0, 1].

    Raises:
        ValueError: If a value is out of range; when called, if no layer of the model has
            a table.

    References:
        Han, Mao, Dally, "Deep Compression", ICLR 2016, section 3.3.
        https://arxiv.org/abs/1510.00149
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 3e-4
    optimizer: str = "adam"
    patience: int = 3
    teacher: Teacher | None = None
    temperature: float = 4.0
    student_loss_weight: float = 0.1

    def __post_init__(self) -> None:
        Training.of(self)
        Taught.of(self)

    @property
    def needs(self) -> frozenset[str]:
        """Training data, validation data to choose the epoch by, and the teacher."""
        return Taught.of(self).needs

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, train the copy's tables, return the best epoch."""
        _tables(model)  # says early that there are none
        return train_copy(self, model, context, Meanwhile(prepare=_free_tables))


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
