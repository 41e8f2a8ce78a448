"""Pruning as a pass in which the weights that stay make up for those that go."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import keras
import numpy as np

from nncompress_lab.models.kernels import KernelLayer, Skip, channel_axes, kernel_layers
from nncompress_lab.models.layer_inputs import Floats, input_second_moments
from nncompress_lab.models.patches import Array, as_matrix, from_matrix
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.masks import check_n_m, check_sparsity
from nncompress_lab.pruning.arrays.optimal_brain import (
    prune_n_m_with_compensation,
    prune_with_compensation,
)
from nncompress_lab.pruning.arrays.scores import check_damping
from nncompress_lab.pruning.layer_masks import unscored
from nncompress_lab.pruning.nm_pruning import has_groups, input_axis
from nncompress_lab.pruning.weight_pruning import WeightPruning
from nncompress_lab.training.loop import given

MEMORY = 1 << 30  # bytes of second moments that are held at once


@dataclass(frozen=True)
class OptimalBrainPruning(WeightPruning):
    """Set kernel weights to zero and change the others so that the outputs stay near.

    It needs no training and no labels, only sample inputs, and keeps far more accuracy
    than dropping weights alone. The zeros are the mask, as with `MagnitudePruning`. The
    work grows with the cube of the inputs of an output.

    Args:
        sparsity: Fraction of each kernel to drop, in `[0, 1)`. Weights that are zero
            already stay zero. Give either this, or `n` and `m`.
        n: How many of each `m` consecutive weights of an output stay instead, 1 to `m`,
            in groups as `NMPruning` has them: 2 of 4 for sparse tensor cores.
        m: Weights in a group.
        damping: Fraction of the inputs' mean second moment that is added to each, so that
            few examples are enough; at least 0.
        select: Which layers to prune; by default all kernels that are not depthwise,
            which a selection takes in. An Embedding is left out: it multiplies nothing.

    Raises:
        ValueError: If a number is out of range, or not exactly one of `sparsity` and `n`
            with `m` is given.

    Example:
        >>> OptimalBrainPruning(n=2, m=4).label
        'OptimalBrainPruning(n=2, m=4)'

    References:
        Frantar, Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in
        One-Shot", ICML 2023, section 3. https://arxiv.org/abs/2301.00774. Hassibi, Stork,
        "Optimal Brain Surgeon", NIPS 1992.
    """

    sparsity: float | None = None
    damping: float = 0.01
    n: int | None = None
    m: int | None = None

    def __post_init__(self) -> None:
        pattern = (self.n, self.m)
        if (self.sparsity is None) == (pattern == (None, None)):
            raise ValueError(
                "Exactly one of `sparsity` (a fraction) and `n` with `m` (a pattern) must "
                f"be given. Received: sparsity={self.sparsity!r}, n={self.n!r}, "
                f"m={self.m!r}."
            )
        if self.sparsity is not None:
            check_sparsity(self.sparsity)
        else:
            check_n_m(*pattern)  # type: ignore[arg-type]
        check_damping(self.damping)

    @property
    def needs(self) -> frozenset[str]:
        """Sample inputs."""
        return frozenset({"calibration"})

    @property
    def independent(self) -> bool:
        """Always: inputs are those of the model as it was."""
        return True

    def obstacle(self, layer: KernelLayer) -> Skip | None:
        """It does not multiply its inputs, or has none to group."""
        grouped = self.m is None or has_groups(layer)
        return unscored(layer) or (None if grouped else Skip.NO_GROUPS)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model and prune its layers by the inputs that they have in it."""
        pruned = copy_model(model)
        originals = self.treated(model)
        layers = {one.path: one.layer for one in kernel_layers(pruned)}
        inputs = given(context.calibration)
        for group in _within_memory(originals):
            moments = input_second_moments(model, group, inputs)
            for one in group:
                target = replace(one, layer=layers[one.path])
                target.assign(self._pruned(one, moments[one.path]))
        return pruned

    def _pruned(self, layer: KernelLayer, moments: dict[str, Floats]) -> list[Array]:
        arrays = []
        for name, array in zip(layer.kernel_names, layer.arrays(), strict=True):
            channels = channel_axes(layer.layer, name, array.ndim)
            matrix = as_matrix(array, channels)
            parts = np.split(matrix, len(moments[name]), axis=1)
            axis = input_axis(layer.layer, name, array.ndim)
            run = None if axis is None else array.shape[axis]
            done = [
                self._part(part, moment, run)
                for part, moment in zip(parts, moments[name], strict=True)
            ]
            arrays.append(
                from_matrix(np.concatenate(done, axis=1), array.shape, channels)
            )
        return arrays

    def _part(self, matrix: Array, moment: Floats, run: int | None) -> Array:
        damping = self.damping
        if self.sparsity is not None:
            return prune_with_compensation(
                matrix, moment, sparsity=self.sparsity, damping=damping
            )
        if self.n is None or self.m is None or run is None:  # a depthwise half
            return matrix
        return prune_n_m_with_compensation(
            matrix, moment, n=self.n, m=self.m, run=run, damping=damping
        )


def _within_memory(layers: list[KernelLayer]) -> Iterator[list[KernelLayer]]:
    """The layers in their order, in groups whose second moments fit into memory."""
    group: list[KernelLayer] = []
    used = 0
    for layer in layers:
        needed = sum(_moment_bytes(layer, name) for name in layer.kernel_names)
        if group and used + needed > MEMORY:
            yield group
            group, used = [], 0
        group.append(layer)
        used += needed
    if group:
        yield group


def _moment_bytes(layer: KernelLayer, name: str) -> int:
    kernel = getattr(layer.layer, name)
    channels = channel_axes(layer.layer, name, kernel.ndim)
    rows = int(np.prod([s for i, s in enumerate(kernel.shape) if i not in channels]))
    return 8 * rows * rows
