"""Training that makes the scales of channels sparse, so that few of them matter."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import keras
from keras import ops

from nncompress_lab.models.kernels import walk
from nncompress_lab.passes import Context
from nncompress_lab.training.retraining_pass import RetrainingPass
from nncompress_lab.training.teach import Meanwhile


@dataclass(frozen=True)
class SparseGammas(RetrainingPass):
    """Train a model with a penalty on the gammas of its BatchNormalization layers.

    The sum of their absolute values is added to the loss. Channels that the model can do
    without get small gammas, and `ChannelPruning(criterion="batch_norm", scope="global")`
    after it finds them: network slimming. Without it gammas say little about channels.
    What comes out is the last epoch, in which gammas are sparsest, not the one with the
    best accuracy.

    Args:
        strength: What the sum is multiplied by, above 0. The paper takes 1e-4 or 1e-5
            for 160 epochs; the fewer epochs, the more it takes.
        **training: As in `RetrainingPass`.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> SparseGammas(strength=1e-3, epochs=5).label
        'SparseGammas(strength=0.001, epochs=5)'

    References:
        Liu, Li, Shen, Huang, Yan, Zhang, "Learning Efficient Convolutional Networks through
        Network Slimming", ICCV 2017, section 3. https://arxiv.org/abs/1708.06519
    """

    strength: float = 1e-4
    _: KW_ONLY

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.strength < float("inf"):
            raise ValueError(
                "`strength` must be finite and above 0. Received: "
                f"strength={self.strength!r}. 1e-4 is usual."
            )

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model, train the copy with the penalty, return its last epoch."""

        def penalize(copy: keras.Model) -> None:
            for _, layer in walk(copy):
                if isinstance(layer, keras.layers.BatchNormalization) and layer.scale:
                    gamma = layer.gamma
                    gamma.regularizer = _with_l1(gamma.regularizer, self.strength)

        last = Meanwhile(prepare=penalize, judged_from=self.epochs - 1)
        return self.retrain(model, context, last)


def _with_l1(before: Any, strength: float) -> Callable[[Any], Any]:
    """A regularizer and the sum of absolute values beside it."""

    def penalty(gamma: Any) -> Any:
        l1 = strength * ops.sum(ops.abs(gamma))
        return l1 if before is None else l1 + before(gamma)

    return penalty
