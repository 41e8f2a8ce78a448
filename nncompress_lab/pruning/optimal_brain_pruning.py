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
from nncompress_lab.pruning.arrays.masks import check_sparsity
from nncompress_lab.pruning.arrays.optimal_brain import prune_with_compensation
from nncompress_lab.pruning.arrays.scores import check_damping
from nncompress_lab.pruning.layer_masks import unscored
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
            already stay zero.
        damping: Fraction of the inputs' mean second moment that is added to each, so that
            few examples are enough; at least 0.
        select: Which layers to prune; by default all kernels that are not depthwise,
            which a selection takes in. An Embedding is left out: it multiplies nothing.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> OptimalBrainPruning(sparsity=0.5).needs == {"calibration"}
        True

    References:
        Frantar, Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in
        One-Shot", ICML 2023, section 3. https://arxiv.org/abs/2301.00774. Hassibi, Stork,
        "Optimal Brain Surgeon", NIPS 1992.
    """

    sparsity: float
    damping: float = 0.01

    def __post_init__(self) -> None:
        check_sparsity(self.sparsity)
        check_damping(self.damping)

    @property
    def needs(self) -> frozenset[str]:
        """Sample inputs."""
        return frozenset({"calibration"})

    def obstacle(self, layer: KernelLayer) -> Skip | None:
        """It does not multiply its inputs."""
        return unscored(layer)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model and prune its layers by the inputs that they have in it."""
        pruned = copy_model(model)
        originals = self.treated(model)
        layers = {one.path: one.layer for one in kernel_layers(pruned)}
        inputs = given(context.calibration).x
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
            done = [self._part(*one) for one in zip(parts, moments[name], strict=True)]
            arrays.append(
                from_matrix(np.concatenate(done, axis=1), array.shape, channels)
            )
        return arrays

    def _part(self, matrix: Array, moment: Floats) -> Array:
        return prune_with_compensation(
            matrix, moment, sparsity=self.sparsity, damping=self.damping
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
