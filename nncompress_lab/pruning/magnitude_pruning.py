"""Magnitude pruning as a pass: the smallest kernel weights of a model become zero."""

from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Literal

import keras

from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.layer_adaptive import layer_adaptive_masks
from nncompress_lab.pruning.arrays.masks import (
    Mask,
    Weights,
    check_sparsity,
    check_threshold,
    global_magnitude_masks,
    threshold_mask,
)
from nncompress_lab.pruning.layer_masks import by_layer, keep_only
from nncompress_lab.pruning.weight_pruning import WeightPruning

Scope = Literal["layer", "adaptive", "global"]


@dataclass(frozen=True)
class MagnitudePruning(WeightPruning):
    """Set the smallest kernel weights of a model to zero.

    The layers stay as they are: the zeros in the kernels are the mask, and `FineTune`
    and the quantization passes keep them. A pruned file is no smaller until something
    codes the zeros (see the report's packed bytes), and no common runtime computes
    faster with them.

    Args:
        sparsity: Fraction of the weights to drop of all that may be pruned, in
            `[0, 1)`; the count is exact. Give either this or `threshold`.
        threshold: Drop the weights with a smaller absolute value than this instead.
        scope: `"layer"` drops the fraction in each kernel. With `"adaptive"` all kernels
            compete, each weight by its share in what its kernel would still hold (see
            `layer_adaptive_masks`), which costs the least accuracy; with `"global"` by
            its magnitude. With a threshold all do the same.
        select: Which layers to prune; by default all kernels that are not depthwise,
            which a selection takes in. Biases and normalization are never touched.

    Raises:
        ValueError: If not exactly one of `sparsity` and `threshold` is given, or a
            value is out of range.

    Example:
        >>> MagnitudePruning(sparsity=0.9, scope="global").label
        "MagnitudePruning(sparsity=0.9, scope='global')"

    References:
        Han, Pool, Tran, Dally, "Learning both Weights and Connections for Efficient
        Neural Networks", NeurIPS 2015, section 3. https://arxiv.org/abs/1506.02626
        Lee, Park, Mo, Ahn, Shin, "Layer-adaptive Sparsity for the Magnitude-based Pruning",
        ICLR 2021, section 3. https://arxiv.org/abs/2010.07611
    """

    varies: ClassVar[frozenset[str]] = frozenset({"sparsity", "threshold"})

    sparsity: float | None = None
    threshold: float | None = None
    scope: Scope = "layer"

    def __post_init__(self) -> None:
        if (self.sparsity is None) == (self.threshold is None):
            raise ValueError(
                "Exactly one of `sparsity` (a fraction) and `threshold` (a magnitude) "
                f"must be given. Received: sparsity={self.sparsity!r}, "
                f"threshold={self.threshold!r}."
            )
        if self.sparsity is not None:
            check_sparsity(self.sparsity)
        if self.threshold is not None:
            check_threshold(self.threshold)
        if self.per_layer and self.scope != "layer":
            raise ValueError(
                "Where all layers compete for one sparsity, none has its own. Received: "
                f"per_layer={self.per_layer!r} with scope={self.scope!r}. Write "
                "scope='layer', or leave the layers out with select=."
            )

    @property
    def independent(self) -> bool:
        """Unless all kernels compete."""
        return self.scope == "layer" or self.threshold is not None

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model and zero the smallest weights of the selected layers."""
        pruned = copy_model(model)
        layers = self.treated(pruned)
        if self.scope == "layer":
            for one in layers:
                self.for_layer(one.path)._prune([one])
        else:
            self._prune(layers)
        return pruned

    def _prune(self, layers: list[KernelLayer]) -> None:
        arrays = [layer.arrays() for layer in layers]
        try:
            masks = self._masks(list(chain.from_iterable(arrays)))
        except ValueError as error:
            names = ", ".join(layer.path for layer in layers)
            raise ValueError(f"Cannot prune {names}: {error}") from error
        del arrays  # a copy of all kernels
        keep_only(layers, by_layer(layers, masks))

    def _masks(self, arrays: list[Weights]) -> list[Mask]:
        if self.threshold is not None:
            return [threshold_mask(array, threshold=self.threshold) for array in arrays]
        if self.sparsity is None or not arrays:
            return []
        if self.scope == "global":
            return global_magnitude_masks(arrays, sparsity=self.sparsity)
        if self.scope == "adaptive":
            return layer_adaptive_masks(
                arrays, sparsity=self.sparsity, by_magnitude=True
            )
        return [
            mask
            for array in arrays
            for mask in global_magnitude_masks([array], sparsity=self.sparsity)
        ]
