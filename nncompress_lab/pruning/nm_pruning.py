"""N:M pruning as a pass: of each M consecutive inputs, an output uses only N."""

from dataclasses import dataclass
from typing import Any

import keras

from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.kernels import (
    KernelLayer,
    Skip,
    channel_axes,
    keras_classes,
    kernel_shape,
)
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.masks import Mask, Weights, check_n_m, n_m_mask
from nncompress_lab.pruning.layer_masks import (
    NEEDS,
    Score,
    keep_only,
    score_kernels,
    unscored,
)
from nncompress_lab.training.training_pass import check_loss


@dataclass(frozen=True)
class NMPruning(LayerPass):
    """Keep the `n` most important of each `m` consecutive weights of an output.

    Graphics processors with sparse tensor cores skip the zeros of the pattern 2:4, and
    gain up to a factor of two in large matrix products. Everything else runs at the same
    speed. The groups run along the input channels: axis 0 of a Dense kernel `(in, out)`,
    axis 2 of a convolution's `(h, w, in, out)`. Where `m` does not divide them, the last
    group is smaller and keeps `n` too, or all it has.

    Args:
        n: How many weights of a group stay, 1 to `m`.
        m: Weights in a group.
        score: What makes a weight important, as in `ScorePruning`.
        loss: For `"taylor"`: name of a Keras loss, or `"auto"` as in `FineTune`.
        select: Which layers to prune. An Embedding and a depthwise kernel sum over no
            input channels and are left as they are.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> NMPruning(n=1, m=4).label
        'NMPruning(n=1)'

    References:
        Mishra et al., "Accelerating Sparse Deep Neural Networks", 2021, sections 3 and 4.
        https://arxiv.org/abs/2104.08378
    """

    n: int = 2
    m: int = 4
    score: Score = "magnitude"
    loss: str = "auto"

    def __post_init__(self) -> None:
        check_n_m(self.n, self.m)
        check_loss(self.loss)

    @property
    def needs(self) -> frozenset[str]:
        """What the score needs."""
        return NEEDS[self.score]

    @property
    def independent(self) -> bool:
        """Always: scores are those of the model as it was."""
        return True

    def obstacle(self, layer: KernelLayer) -> Skip | None:
        """It has no such score, or no inputs to group."""
        return unscored(layer, self.score) or (
            None if has_groups(layer) else Skip.NO_GROUPS
        )

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model and zero the least important weights of each group."""
        pruned = copy_model(model)
        layers = self.treated(pruned)
        scores = score_kernels(pruned, layers, self.score, context, loss=self.loss)
        masks = [
            [
                self._mask(array, input_axis(layer.layer, name, array.ndim))
                for name, array in zip(layer.kernel_names, arrays, strict=True)
            ]
            for layer, arrays in zip(layers, scores, strict=True)
        ]
        keep_only(layers, masks)
        return pruned

    def _mask(self, scores: Weights, axis: int | None) -> Mask:
        if axis is None:
            return n_m_mask(scores, n=1, m=1)
        return n_m_mask(scores, n=self.n, m=self.m, axis=axis)


def has_groups(layer: KernelLayer) -> bool:
    """Whether a kernel of a layer sums over input channels, which can be grouped."""
    return any(
        input_axis(layer.layer, name, len(kernel_shape(layer.layer, name))) is not None
        for name in layer.kernel_names
    )


def input_axis(layer: Any, kernel_name: str, ndim: int) -> int | None:
    """The axis of a kernel that counts the channels that an output sums over.

    Args:
        layer: A layer with a kernel.
        kernel_name: Which of its kernels.
        ndim: Number of axes of that kernel.

    Returns:
        The last one that is summed over; None for an Embedding and a depthwise kernel.
    """
    names = keras_classes(layer)
    if "Embedding" in names or "BaseDepthwiseConv" in names:
        return None
    if kernel_name == "depthwise_kernel":
        return None
    channels = channel_axes(layer, kernel_name, ndim)
    return max(axis for axis in range(ndim) if axis not in channels)
