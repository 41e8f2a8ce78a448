"""Low-rank approximation tried out on scratch copies, fast enough for a slider."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.lowrank.arrays.rank import break_even_rank
from nncompress_lab.lowrank.arrays.svd import Factors, Spectrum, energy_by_rank
from nncompress_lab.lowrank.factoring import macs_by_rank, spectrum_of
from nncompress_lab.lowrank.low_rank import LowRank
from nncompress_lab.lowrank.two_layers import MatrixLayer
from nncompress_lab.trials.replacing import Replacement, ReplacingTrial
from nncompress_lab.trials.scratch import Layers

Floats = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class TwoThin(Replacement):
    """Two thin layers that stand for one.

    Args:
        factors: Of its matrix.
    """

    factors: Factors


@dataclass(frozen=True, eq=False)
class Cut:
    """A layer's matrix, cut at a rank.

    Args:
        matrix: That of the layer, shape `(m, n)`.
        factors: The two thin ones.
        product: Their product, shape `(m, n)`.
        energies: Which fraction of the energy each rank keeps, from rank 1 on.
        break_even: The largest rank that makes the layer smaller.
        weight_error: The norm of what the cut drops over that of the matrix.
        output_error: The same of what the layer computes on real images; None for an
            Embedding, which multiplies nothing.
    """

    matrix: Floats
    factors: Factors
    product: Floats
    energies: npt.NDArray[np.float64]
    break_even: int
    weight_error: float
    output_error: float | None

    @property
    def singular_values(self) -> npt.NDArray[np.float64]:
        """Of the matrix, descending, over the largest."""
        squares = np.diff(self.energies, prepend=0.0)
        values: npt.NDArray[np.float64] = np.sqrt(np.maximum(squares, 0))
        return values / (values[0] or 1.0)


class LowRankTrial(ReplacingTrial[TwoThin]):
    """One model with any of its layers as two thin ones, without a new model for each.

    A choice maps the path of a layer to a `LowRank` with a whole `rank`. A layer whose
    rank is above break-even stays as it is, as in the pass. See `ReplacingTrial` for the
    arguments.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> trial = LowRankTrial(zoo.lenet5(), data.fashion_mnist(), examples=100)
        >>> trial.counted({"dense1": LowRank(rank=16)})
        {'parameters': 51880, 'macs': 1913800}
    """

    def full_rank(self, path: str) -> int:
        """The rank at which two factors hold any matrix of a layer's shape.

        Raises:
            ValueError: If there is no such layer.
        """
        self.check_layer(path)
        return self._matrices[path].full_rank

    def break_even(self, path: str) -> int:
        """The largest rank that makes a layer smaller.

        Raises:
            ValueError: If there is no such layer.
        """
        self.check_layer(path)
        one = self._matrices[path]
        return break_even_rank(one.rows, one.columns)

    def cut(self, path: str, rank: int) -> Cut:
        """What the matrix of a layer is at a rank, also beyond break-even.

        Args:
            path: Of the layer.
            rank: 1 to its full rank.

        Raises:
            ValueError: If there is no such layer or rank.
        """
        self.check_layer(path)
        factors = self._factors(path, rank)
        matrix, product = self._matrices[path].matrix(), factors.product()
        return Cut(
            matrix,
            factors,
            product,
            self._energies_of(path),
            self.break_even(path),
            *self._errors(path, matrix, product),
        )

    def _costs_of(self, layers: Layers) -> dict[str, int]:
        reasons = LowRank(rank=1).explain(self._original)
        self._matrices = {
            path: MatrixLayer.of(one)
            for path, one in layers.items()
            if reasons[path] is None
        }
        whole, self._for_each_rank = macs_by_rank(
            self._original, list(self._matrices.values())
        )
        self._energies: dict[str, npt.NDArray[np.float64]] = {}
        self._factoring = threading.Lock()
        self._spectrum: tuple[str, Spectrum] | None = None
        self._cut: tuple[str, int, Factors] | None = None
        return whole

    def _costs(self, path: str, step: LowRank) -> tuple[int, int] | None:
        one, rank = self._matrices[path], int(step.rank or 0)
        if rank > self.break_even(path):
            return None
        return rank * (one.rows + one.columns), rank * self._for_each_rank[path]

    def _replace(self, path: str, step: LowRank) -> TwoThin | None:
        costs = self._costs(path, step)
        if costs is None:
            return None
        factors = self._factors(path, int(step.rank or 0))
        kernel = self._matrices[path].kernel(factors.product())
        return TwoThin(kernel, *costs, factors)

    def _factors(self, path: str, rank: int) -> Factors:
        """Those of the last cut are kept: they are measured and drawn."""
        with self._factoring:
            held = self._cut
            if held is None or held[:2] != (path, rank):
                held = path, rank, self._spectrum_of(path).factors(rank)
                self._cut = held
            return held[2]

    def _spectrum_of(self, path: str) -> Spectrum:
        """That of the last layer is kept: a hand tries many ranks of one."""
        if self._spectrum is None or self._spectrum[0] != path:
            self._spectrum = path, spectrum_of(self._matrices[path], {})
        return self._spectrum[1]

    def _energies_of(self, path: str) -> npt.NDArray[np.float64]:
        if path not in self._energies:
            self._energies[path] = energy_by_rank(self._matrices[path].matrix())
        return self._energies[path]
