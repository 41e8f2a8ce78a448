"""What a change of weights will do to the outputs, without running the changed model."""

from collections.abc import Mapping
from typing import Final

import keras
import numpy as np

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.kernels import KernelLayer, kernel_layers
from nncompress_lab.planning.chains import Values
from nncompress_lab.training.fisher import kernel_fisher

EXAMPLES: Final = 256


class FisherProxy:
    """Half the squared change of each weight times its Fisher information.

    To second order that is by how much the outputs diverge, if what one weight does does
    not depend on the others.

    Args:
        model: Built. It is not changed.
        data: Inputs, of which the first 256 are looked at.

    References:
        Theis, Korshunova, Tejani, Huszar, "Faster gaze prediction with dense networks and
        Fisher pruning", 2018, section 2.2. https://arxiv.org/abs/1801.05787
    """

    def __init__(self, model: keras.Model, data: Data) -> None:
        layers = [one for one in kernel_layers(model) if one.is_float]
        self._layers: Mapping[str, KernelLayer] = {one.path: one for one in layers}
        self._fisher = kernel_fisher(model, layers, data.take(EXAMPLES))

    def of(self, values: Mapping[str, Values] | None) -> float | None:
        """The proxy of the change to some weights; None where these are not known."""
        if values is None or not values.keys() <= self._fisher.keys():
            return None
        return 0.5 * sum(self._of_layer(path, values[path]) for path in values)

    def _of_layer(self, path: str, values: Values) -> float:
        kernels = self._layers[path].arrays()
        # The values of a layer go on behind its kernels, with a bias, say.
        triples = zip(self._fisher[path], kernels, values, strict=False)
        return float(
            sum(
                np.vdot(fisher, np.square(after.astype(np.float64) - before))
                for fisher, before, after in triples
            )
        )
