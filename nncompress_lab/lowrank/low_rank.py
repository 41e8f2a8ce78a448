"""Low-rank approximation of a trained model's kernels, as a pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np

from nncompress_lab.decisions import decided
from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.lowrank.arrays.rank import (
    break_even_rank,
    check_energy,
    check_error,
    check_fraction,
    rank_for_energy,
    rank_for_error,
    rank_for_fraction,
)
from nncompress_lab.lowrank.arrays.svd import Method
from nncompress_lab.lowrank.factoring import (
    Moments,
    energies_of,
    factor_layers,
    macs_by_rank,
    parameters_by_rank,
    second_moments,
    spectrum_of,
)
from nncompress_lab.lowrank.two_layers import MatrixLayer, no_matrix
from nncompress_lab.models.kernels import KernelLayer, Reasons, Skip
from nncompress_lab.passes import Context
from nncompress_lab.planning.arrays.allocation import Options, choose_under_budget
from nncompress_lab.training.loop import given

GOALS = ("rank", "energy", "error", "parameters", "macs")


@dataclass(frozen=True)
class LowRank(LayerPass):
    """Replace layers by two thin ones whose kernels multiply to nearly the same.

    Dense, EinsumDense, the projections of MultiHeadAttention, Embedding and, through the
    matrix view, convolutions become two ordinary layers named `..._left` and
    `..._right`; the second has the bias and the activation. Fewer weights, fewer MACs,
    and less time in every runtime where the layers were not tiny. A layer whose factors
    would hold no fewer weights is left as it is. Zeros of an earlier pruning are lost:
    prune afterwards. Under a mixed precision policy what passes between the two layers is
    rounded once more, to the policy's compute type: to 11 bits in float16, 8 in bfloat16.

    Args:
        rank: Of every layer: a whole number from 1, or a fraction of the full rank in
            (0, 1). Exactly one of this and the next four is given.
        energy: Fraction of the squared singular values that each layer keeps, in (0, 1].
        error: Largest relative error of each kernel in Frobenius norm, in [0, 1).
        parameters: Fraction of the kernel weights to keep at most, over all layers that
            can be factored together, in (0, 1]. Ranks are chosen so that the layers'
            energies, summed, are as high as this allows; a layer may stay whole.
        macs: The same with multiply-accumulates.
        data_aware: Whether to keep what the layers compute on the calibration data,
            instead of their weights. Energies and errors are then those of the outputs.
        same_shape: Whether to keep the layers and put the products in their kernels, so
            that accuracy is that of the two thin layers and nothing gets smaller.
        method: How kernels are factored: `"exact"`, or `"randomized"`, faster in large
            kernels and within 2 % of the smallest error, see `low_rank_factors`. Other
            goals than `rank` need all singular values all the same.
        select: Which layers to factor; all kernel layers by default.

    Raises:
        ValueError: If not exactly one goal is given, or it is out of range. When the pass
            is applied: if a budget cannot be met, or a kernel is not finite.

    Example:
        >>> LowRank(energy=0.9)
        LowRank(rank=None, energy=0.9, error=None, parameters=None, macs=None, \
data_aware=False, same_shape=False, method='exact', select=Selection())

    References:
        Denton, Zaremba, Bruna, LeCun, Fergus, "Exploiting Linear Structure Within
        Convolutional Networks for Efficient Evaluation", NIPS 2014.
        https://arxiv.org/abs/1404.0736
        For `data_aware`: Chen, Yu, Dhillon, Hsieh, "DRONE: Data-aware Low-rank
        Compression for Large NLP Models", NeurIPS 2021. For budgets: Kim, Khan, Kyung,
        "Efficient Neural Network Compression", CVPR 2019.
        https://arxiv.org/abs/1811.12781
    """

    replaces: ClassVar[bool] = True
    varies: ClassVar[frozenset[str]] = frozenset({"rank", "energy", "error"})

    rank: int | float | None = None
    energy: float | None = None
    error: float | None = None
    parameters: float | None = None
    macs: float | None = None
    data_aware: bool = False
    same_shape: bool = False
    method: Method = "exact"

    def __post_init__(self) -> None:
        goals = {name: getattr(self, name) for name in GOALS}
        if sum(value is not None for value in goals.values()) != 1:
            received = ", ".join(f"{name}={value!r}" for name, value in goals.items())
            raise ValueError(
                "Exactly one of `rank`, `energy`, `error`, `parameters` and `macs` must "
                f"be given. Received: {received}."
            )
        _check_rank(self.rank)
        if self.energy is not None:
            check_energy(self.energy)
        if self.error is not None:
            check_error(self.error)
        for name in ("parameters", "macs"):
            if goals[name] is not None:
                check_fraction(goals[name], name=name)

    @property
    def needs(self) -> frozenset[str]:
        """Calibration data if `data_aware`."""
        return frozenset({"calibration"} if self.data_aware else ())

    @property
    def needs_graph(self) -> bool:
        """Not if the layers stay, and nobody counts their MACs."""
        return not self.same_shape or self.macs is not None

    @property
    def independent(self) -> bool:
        """Unless they share a budget."""
        return self.parameters is None and self.macs is None

    def obstacle(self, layer: KernelLayer) -> Skip | None:
        """Its kernel is no matrix, or so thin that no two factors are smaller."""
        return no_matrix(layer.layer) or _no_rank(MatrixLayer.of(layer))

    def explain(self, model: keras.Model) -> Reasons:
        """Which layers are factored, and why the others are not.

        With `data_aware`, ranks other than fixed ones depend on the data; what they will
        leave as it is, is not known here.
        """
        reasons = super().explain(model)
        if self.data_aware and self.rank is None:
            return reasons
        for path, rank in self._ranks(model, self._matrices(model), {}).items():
            reasons[path] = rank if isinstance(rank, Skip) else None
        return reasons

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with two layers, or new kernels, for each selected layer."""
        layers = self._matrices(model)
        moments = {}
        if self.data_aware:
            moments = second_moments(model, layers, given(context.calibration))
        ranks = self._ranks(model, layers, moments)
        seed = context.seed if self.method == "randomized" else None
        factored = [
            (one, spectrum_of(one, moments, seed).factors(rank))
            for one in layers
            if not isinstance(rank := ranks[one.path], Skip)
        ]
        return factor_layers(model, factored, same_shape=self.same_shape)

    def _matrices(self, model: keras.Model) -> list[MatrixLayer]:
        """The layers that can be factored, whatever the rank."""
        layers = self.treated(model, super().explain(model))
        return [MatrixLayer.of(one) for one in layers]

    def _ranks(
        self, model: keras.Model, layers: list[MatrixLayer], moments: Moments
    ) -> Mapping[str, int | Skip]:
        """The rank of each layer, or why it stays as it is."""
        if moments:
            return self._choose(model, layers, moments)
        return decided(self, model, lambda: self._choose(model, layers, moments))

    def _choose(
        self, model: keras.Model, layers: list[MatrixLayer], moments: Moments
    ) -> Mapping[str, int | Skip]:
        if self.parameters is not None or self.macs is not None:
            return self._ranks_within_budget(model, layers, moments)
        ranks = {
            one.path: self.for_layer(one.path)._rank(one, moments) for one in layers
        }
        return {
            one.path: Skip.NOT_SMALLER
            if ranks[one.path] > break_even_rank(one.rows, one.columns)
            else ranks[one.path]
            for one in layers
        }

    def _rank(self, one: MatrixLayer, moments: Moments) -> int:
        if isinstance(self.rank, int):
            return self.rank
        if self.rank is not None:
            return rank_for_fraction(one.full_rank, fraction=self.rank)
        energies = energies_of(one, moments)
        if self.energy is not None:
            return rank_for_energy(energies, energy=self.energy)
        return rank_for_error(energies, error=self.error or 0.0)

    def _ranks_within_budget(
        self, model: keras.Model, layers: list[MatrixLayer], moments: Moments
    ) -> Mapping[str, int | Skip]:
        name = "macs" if self.parameters is None else "parameters"
        whole, each = (macs_by_rank if self.parameters is None else parameters_by_rank)(
            model, layers
        )
        options = []
        for one in layers:
            ranks = np.arange(1, break_even_rank(one.rows, one.columns) + 1)
            kept = energies_of(one, moments)[: ranks.size]
            costs = np.append(ranks * each[one.path], whole[one.path])
            options.append(Options(np.append(kept, 1.0), costs))
        least = sum(int(option.costs[option.cheapest]) for option in options)
        total = sum(whole.values())
        fraction = getattr(self, name)
        if least > fraction * total:
            raise ValueError(
                f"At rank 1 everywhere the layers keep {least:,} of {total:,} {name}. "
                f"Received: {name}={fraction!r}. Take at least {least / total:.4f}."
            )
        chosen = choose_under_budget(options, budget=fraction * total)
        return {
            one.path: Skip.WITHIN_BUDGET if index == len(option) - 1 else index + 1
            for one, option, index in zip(layers, options, chosen, strict=True)
        }


def _check_rank(rank: int | float | None) -> None:
    if rank is not None and not (rank >= 1 if isinstance(rank, int) else 0 < rank < 1):
        raise ValueError(
            "`rank` must be a whole number from 1, or a fraction of the full rank in "
            f"(0, 1). Received: rank={rank!r}."
        )


def _no_rank(one: MatrixLayer) -> Skip | None:
    return None if break_even_rank(one.rows, one.columns) else Skip.NOT_SMALLER
