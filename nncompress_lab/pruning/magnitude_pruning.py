"""Magnitude pruning as a pass: the smallest kernel weights of a model become zero."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import keras

from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.layer_adaptive import layer_adaptive_cuts
from nncompress_lab.pruning.arrays.masks import (
    Weights,
    check_sparsity,
    check_threshold,
    global_magnitude_cut,
    threshold_cut,
)
from nncompress_lab.pruning.arrays.ranking import Cut
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
        held = [one for layer in layers for one in layer.arrays(shared=True)]
        try:
            cuts = iter(self._cuts(held))
        except ValueError as error:
            names = ", ".join(layer.path for layer in layers)
            raise ValueError(f"Cannot prune {names}: {error}") from error
        del held  # or no kernel could go when it gets another value
        for layer in layers:
            arrays = layer.arrays()
            for array in arrays:
                next(cuts).zero(array)
            layer.assign(arrays)

    def _cuts(self, arrays: list[Weights]) -> list[Cut]:
        """Where the weights that are dropped end in each array."""
        if self.threshold is not None:
            return [threshold_cut(one, threshold=self.threshold) for one in arrays]
        if self.sparsity is None or not arrays:
            return []
        if self.scope == "global":
            cut = global_magnitude_cut(arrays, sparsity=self.sparsity)
            return [cut] * len(arrays)
        if self.scope == "adaptive":
            return layer_adaptive_cuts(
                arrays, sparsity=self.sparsity, by_magnitude=True
            )
        return [
            global_magnitude_cut([array], sparsity=self.sparsity) for array in arrays
        ]
