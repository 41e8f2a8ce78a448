"""Codebooks tried out on scratch copies, fast enough for a slider."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.quantization.arrays.codebook import nearest_codes
from nncompress_lab.quantization.arrays.codebook_format import CodebookFormat
from nncompress_lab.quantization.layers.replace import kernel_view
from nncompress_lab.trials.arrays.lloyd import Round, lloyd_rounds
from nncompress_lab.trials.arrays.staircase import Staircase
from nncompress_lab.trials.kernels import Choice, Stored
from nncompress_lab.trials.quantization import levels_of
from nncompress_lab.trials.storing import StoringTrial

Floats = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class TablePart:
    """The weights of one kernel that share a table.

    Args:
        weights: These weights, in one dimension.
        codes: Which value stands for each.
        staircase: Of the weights and the values of the table.
        error: The mean squared error.
        even_error: That of as many values from end to end, evenly spaced.
        place: Which part it is, from 0, by the spread of its table.
        count: How many parts there are.
    """

    weights: Floats
    codes: Floats
    staircase: Staircase
    error: float
    even_error: float
    place: int
    count: int


class CodebookTrial(StoringTrial):
    """One model under any table of values, without a new model for each.

    A choice has a `CodebookQuantization`, or for evenly spaced values a
    `UniformQuantization`, for the whole model or for each of some layers. See
    `StoringTrial` for the arguments.

    Example:
        >>> from nncompress_lab import CodebookQuantization, data, zoo
        >>> trial = CodebookTrial(zoo.lenet5(), data.fashion_mnist(), examples=100)
        >>> choice = Choice({"*": CodebookQuantization(bits=4)})
        >>> [round(one.more["entropy"], 1) for one in trial.measured(choice)]
        [3.7]
    """

    # What the picture was made of last: it is asked for again with every round.
    _shown: tuple[Stored, TablePart] | None = None
    _watched: tuple[TablePart, int, list[Round]] | None = None

    def part(self, choice: Choice, path: str) -> TablePart | None:
        """The weights that share the table of middle spread in a kernel.

        Returns:
            None if the layer stays as it is.
        """
        held = self.kernels.stored(choice, path)
        if held is None:
            return None
        if self._shown is None or self._shown[0] is not held:
            self._shown = held, self._part(held, path)
        return self._shown[1]

    def _part(self, held: Stored, path: str) -> TablePart:
        tables = self._tables(held, path)
        order = np.argsort(tables[:, -1] - tables[:, 0], kind="stable")
        middle = int(order[len(order) // 2])
        weights = self._column(path, middle if len(order) > 1 else None)
        table = np.unique(tables[middle])
        codes = nearest_codes(weights, table)
        size = 2**held.step.format.bits
        even = np.linspace(weights.min(), weights.max(), size, dtype=np.float32)
        return TablePart(
            weights,
            codes,
            Staircase.of(weights, table),
            _squared_error(weights, table[codes]),
            _squared_error(weights, even[nearest_codes(weights, np.unique(even))]),
            len(order) // 2,
            len(order),
        )

    def rounds(self, part: TablePart, *, bits: int) -> list[Round]:
        """How k-means finds values for these weights, from even spacing on."""
        if self._watched is None or self._watched[:2] != (part, bits):
            rounds = lloyd_rounds(part.weights, size=2**bits)
            self._watched = part, bits, rounds
        return self._watched[2]

    def _tables(self, held: Stored, path: str) -> Floats:
        """The values of each part of a kernel, ascending."""
        one = self.kernels.layers[path]
        name = one.kernel_names[0]
        view: Any = kernel_view(held.step.format, one.layer, name)
        stored = held.stored[name]
        if isinstance(view.format, CodebookFormat):
            scale = view.scale(stored)
            values: Floats = stored["table"]
            return values if scale is None else values * scale.reshape(-1, 1)
        scales = stored["scale"].reshape(-1, 1)
        shifts = stored.get("zero_point", np.zeros(1, np.uint8)).reshape(-1, 1)
        return levels_of(view.format, scales, shifts)

    def _column(self, path: str, channel: int | None) -> Floats:
        one, kernel = self.kernels.layers[path], self.kernels.floats[path][0]
        view = kernel_view(CodebookFormat(), one.layer, one.kernel_names[0])
        matrix = view.matrix(kernel)
        return (matrix if channel is None else matrix[:, channel]).reshape(-1)


def _squared_error(weights: Floats, rounded: Floats) -> float:
    return float(np.mean((weights.astype(np.float64) - rounded) ** 2))
