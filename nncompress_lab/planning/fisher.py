"""What a change of weights will cost, from gradients alone: the empirical Fisher proxy."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.data.datasets import Data
from nncompress_lab.models.kernels import KernelLayer, kernel_layers
from nncompress_lab.planning.chains import Values
from nncompress_lab.training.gradients import kernel_gradients
from nncompress_lab.training.task import Task

Floats = npt.NDArray[np.float64]
EXAMPLES = 128


class FisherProxy:
    """Half the squared change of each weight times the mean square of its gradient.

    At a minimum of the loss that is its change to second order, if the Hessian is taken
    for the diagonal of the empirical Fisher information.

    Args:
        model: Built. It is not changed.
        data: Examples with labels; the first 128 are taken, one by one.
        task: What the model is for.

    References:
        Theis, Korshunova, Tejani, Huszar, "Faster gaze prediction with dense networks and
        Fisher pruning", 2018, section 2.2. https://arxiv.org/abs/1801.05787
    """

    def __init__(self, model: keras.Model, data: Data, task: Task) -> None:
        layers = [one for one in kernel_layers(model) if one.is_float]
        self._layers: Mapping[str, KernelLayer] = {one.path: one for one in layers}
        sums: dict[str, list[Floats]] = {}
        few = data.take(EXAMPLES)
        for gradients in kernel_gradients(
            model, layers, few, loss=task.total, batch_size=1
        ):
            for path, arrays in gradients.items():
                squares = [np.square(one.astype(np.float64)) for one in arrays]
                held = sums.get(path, [0.0] * len(squares))
                sums[path] = [
                    one + more for one, more in zip(held, squares, strict=True)
                ]
        self._fisher = {
            path: [one / len(few) for one in arrays] for path, arrays in sums.items()
        }

    def of(self, values: Mapping[str, Values] | None) -> float | None:
        """The proxy of the change to some weights; None where these are not known."""
        if values is None or not values.keys() <= self._fisher.keys():
            return None
        return 0.5 * sum(self._of_layer(path, values[path]) for path in values)

    def _of_layer(self, path: str, values: Values) -> float:
        kernels: list[Any] = self._layers[path].arrays()
        triples = zip(self._fisher[path], kernels, values, strict=False)
        return float(
            sum(
                np.vdot(fisher, np.square(after.astype(np.float64) - before))
                for fisher, before, after in triples
            )
        )
