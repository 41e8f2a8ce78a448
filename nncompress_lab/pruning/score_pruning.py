"""Pruning by what the data say about each weight, in one step."""

from dataclasses import dataclass

import keras

from nncompress_lab.models.kernels import KernelLayer, Skip
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.masks import check_sparsity
from nncompress_lab.pruning.layer_masks import (
    NEEDS,
    Scope,
    Score,
    keep_only,
    ranked_masks,
    score_kernels,
    unscored,
)
from nncompress_lab.pruning.weight_pruning import WeightPruning
from nncompress_lab.training.training_pass import check_loss


@dataclass(frozen=True)
class ScorePruning(WeightPruning):
    """Set the kernel weights with the smallest scores to zero.

    As with `MagnitudePruning`, the zeros are the mask and nothing gets smaller or faster
    by itself. What the data add is a better choice where there is no training afterwards.

    Args:
        sparsity: Fraction of the weights to drop of all that may be pruned, in
            `[0, 1)`.
        score: `"wanda"` weighs each weight with the norm of its input over the
            calibration data; `"taylor"` with the gradient of the loss, batch by batch over
            the first 1024 training examples; `"magnitude"` uses no data.
        scope: What competes: the weights of one `"output"`, each of which loses equally
            many (as Wanda was proposed), of one kernel (`"layer"`), or of all selected
            layers, by score (`"global"`) or by their share in what their kernel would
            still hold (`"adaptive"`).
        loss: For `"taylor"`: name of a Keras loss, or `"auto"` as in `FineTune`.
        select: Which layers to prune; by default all kernels that are not depthwise,
            which a selection takes in. For `"wanda"`, an Embedding is left out.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> ScorePruning(sparsity=0.5).needs == {"calibration"}
        True

    References:
        Sun et al., "A Simple and Effective Pruning Approach for Large Language Models",
        ICLR 2024. https://arxiv.org/abs/2306.11695. Molchanov et al., "Importance
        Estimation for Neural Network Pruning", CVPR 2019, section 3.
        https://arxiv.org/abs/1906.10771
    """

    sparsity: float
    score: Score = "wanda"
    scope: Scope = "output"
    loss: str = "auto"

    def __post_init__(self) -> None:
        check_sparsity(self.sparsity)
        check_loss(self.loss)

    @property
    def needs(self) -> frozenset[str]:
        """Training data for gradients, calibration data for inputs."""
        return NEEDS[self.score]

    @property
    def independent(self) -> bool:
        """Unless all kernels compete."""
        return self.scope in {"output", "layer"}

    def obstacle(self, layer: KernelLayer) -> Skip | None:
        """For "wanda": its inputs do not weigh its kernel."""
        return unscored(layer, self.score)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, score its weights and zero the least important ones."""
        pruned = copy_model(model)
        layers = self.treated(pruned)
        scores = score_kernels(pruned, layers, self.score, context, loss=self.loss)
        masks = ranked_masks(layers, scores, sparsity=self.sparsity, scope=self.scope)
        keep_only(layers, masks)
        return pruned
