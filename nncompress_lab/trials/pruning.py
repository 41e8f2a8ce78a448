"""Magnitude pruning tried out on a scratch copy, fast enough for a slider."""

import glob
import threading
from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final

import keras
import numpy as np

from nncompress_lab import measure
from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.rewrite import check_model, copy_model
from nncompress_lab.models.selection import EVERY_LAYER, Selection
from nncompress_lab.passes import Pass, pipeline
from nncompress_lab.pruning.arrays.masks import check_sparsity, global_magnitude_masks
from nncompress_lab.pruning.layer_masks import by_layer, keep_only
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.trials.arrays.magnitudes import Magnitudes

WHOLE_MODEL = "*"
EXAMPLES = 1000
BATCH_SIZE = 500

Sparsities = Mapping[str, float]
DENSE: Final[Sparsities] = MappingProxyType({})


class PruningTrial:
    """One model under any magnitude pruning, without a new model for each.

    A setting is a mapping of sparsities: `{"*": 0.8}` ranks the kernels of the whole
    model together, `{"conv1": 0.3, "dense1": 0.9}` prunes each layer by itself, and a
    layer that is not named stays dense. `setting` gives the pass that does the same,
    and the weights of both are equal to the last bit.

    The trial may be used from several threads at once.

    Args:
        model: A built functional or sequential classifier. It is not changed.
        data: A data set, whose validation images are used and never its test images, or
            a single `Data`.
        examples: How many of the images, from the first on.

    Raises:
        UnsupportedModelError: If the model cannot be copied or has no kernel to prune.
        TypeError: If `data` is neither a `Dataset` nor a `Data`.
        ValueError: If the images do not fit the model, the labels are not class indices,
            or a weight is not finite.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> trial = PruningTrial(zoo.lenet5(), data.fashion_mnist(), examples=100)
        >>> trial.drops({"conv1": 0.5})
        {'conv1': 250, 'conv2': 0, 'dense1': 0, 'logits': 0}
    """

    def __init__(
        self, model: keras.Model, data: Dataset | Data, *, examples: int = EXAMPLES
    ) -> None:
        check_model(model)
        self.name: str = model.name
        self.data = _checked_data(model, data).take(examples)
        self._lock = threading.RLock()
        self._scratch = copy_model(model)
        self._layers = {layer.path: layer for layer in EVERY_LAYER(self._scratch)}
        if not self._layers:
            raise UnsupportedModelError(
                f"The model {self.name!r} has no kernel that can be pruned. Received: "
                f"{len(model.layers)} layers. Dense, convolution and embedding layers "
                "with float weights have one."
            )
        self._dense = {path: layer.arrays() for path, layer in self._layers.items()}
        self._magnitudes = {path: Magnitudes(one) for path, one in self._dense.items()}
        self._magnitudes[WHOLE_MODEL] = Magnitudes(
            [array for arrays in self._dense.values() for array in arrays]
        )
        self.parameters = measure.parameters(self._scratch)
        self._dense_nonzeros = measure.nonzeros(self._scratch)
        measure.accuracy(self._scratch, self.data.take(1))  # refuses unfit labels
        self.dense_accuracy = self.accuracy(DENSE)
        self.dense_sizes = self.file_sizes(DENSE)

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the layers that can be pruned, in the order of the model."""
        return tuple(self._layers)

    @property
    def kernel_weights(self) -> int:
        """How many weights the kernels of all layers hold."""
        return self._magnitudes[WHOLE_MODEL].size

    def magnitudes(self, target: str) -> Magnitudes:
        """The dense weights of a layer, or of `"*"`, the whole model.

        Raises:
            ValueError: If there is no such layer.
        """
        self._check_target(target)
        return self._magnitudes[target]

    def setting(self, sparsities: Sparsities) -> Pass:
        """The pass that prunes as a setting says.

        Raises:
            ValueError: If a layer is unknown or a sparsity out of range.
        """
        self._check(sparsities)
        if WHOLE_MODEL in sparsities:
            return MagnitudePruning(sparsity=sparsities[WHOLE_MODEL], scope="global")
        steps = [
            MagnitudePruning(
                sparsity=sparsities[path],
                # One threshold a layer, also where it has two kernels.
                scope="global" if len(layer.kernel_names) > 1 else "layer",
                select=Selection(names=(glob.escape(path),)),
            )
            for path, layer in self._layers.items()
            if sparsities.get(path)
        ]
        return steps[0] if len(steps) == 1 else pipeline(*steps)

    def drops(self, sparsities: Sparsities) -> dict[str, int]:
        """How many weights a setting drops in each layer; no weight is touched.

        Raises:
            ValueError: If a layer is unknown or a sparsity out of range.
        """
        self._check(sparsities)
        if WHOLE_MODEL in sparsities:
            return self._drops_of_all(sparsities[WHOLE_MODEL])
        return {
            path: round(sparsities.get(path, 0.0) * self._magnitudes[path].size)
            for path in self._layers
        }

    def zeros(self, sparsities: Sparsities) -> int:
        """How many kernel weights are zero under a setting."""
        return sum(
            max(dropped, self._magnitudes[path].zeros)
            for path, dropped in self.drops(sparsities).items()
        )

    def nonzeros(self, sparsities: Sparsities) -> int:
        """What `measure.nonzeros` says of the pruned model: biases count, too."""
        return self._dense_nonzeros - self.zeros(sparsities) + self.zeros(DENSE)

    def accuracy(self, sparsities: Sparsities) -> float:
        """Fraction of the images that the pruned model gets right."""
        right = 0
        with self._lock:
            self._apply(sparsities)
            for start in range(0, len(self.data), BATCH_SIZE):
                part = slice(start, start + BATCH_SIZE)
                # Half the time of `predict`, which sets up a data pipeline each time.
                outputs = self._scratch.predict_on_batch(self.data.x[part])
                right += int((np.argmax(outputs, axis=1) == self.data.y[part]).sum())
        return right / len(self.data)

    def file_sizes(self, sparsities: Sparsities) -> measure.FileSizes:
        """Bytes of the pruned model's file, as `measure.file_sizes` says."""
        with self._lock:
            self._apply(sparsities)
            return measure.file_sizes(self._scratch)

    def pruned(self, sparsities: Sparsities) -> keras.Model:
        """A new model, pruned as a setting says."""
        with self._lock:
            self._apply(sparsities)
            return copy_model(self._scratch)

    def _apply(self, sparsities: Sparsities) -> None:
        self._check(sparsities)
        if WHOLE_MODEL in sparsities:
            self._prune(list(self._layers.values()), sparsities[WHOLE_MODEL])
            return
        for path, layer in self._layers.items():
            self._prune([layer], sparsities.get(path, 0.0))

    def _prune(self, layers: list[KernelLayer], sparsity: float) -> None:
        arrays = [self._dense[layer.path] for layer in layers]
        row = list(chain.from_iterable(arrays))
        masks = global_magnitude_masks(row, sparsity=sparsity)
        keep_only(layers, by_layer(layers, masks), arrays)

    def _drops_of_all(self, sparsity: float) -> dict[str, int]:
        whole = self._magnitudes[WHOLE_MODEL]
        count = round(sparsity * whole.size)
        threshold = whole.threshold_at(count)
        ties = count - whole.count_below(threshold)
        drops = {}
        for path in self._layers:  # of equal magnitudes the earlier layers' go first
            below = self._magnitudes[path].count_below(threshold)
            equal = min(ties, self._magnitudes[path].count_up_to(threshold) - below)
            drops[path] = below + equal
            ties -= equal
        return drops

    def _check(self, sparsities: Sparsities) -> None:
        for target, sparsity in sparsities.items():
            self._check_target(target)
            check_sparsity(sparsity)
        if WHOLE_MODEL in sparsities and len(sparsities) > 1:
            raise ValueError(
                "A setting is for the whole model or for single layers. Received both: "
                f"{sorted(sparsities)}. Leave out {WHOLE_MODEL!r} or the layers."
            )

    def _check_target(self, target: str) -> None:
        if target not in self._magnitudes:
            raise ValueError(
                f"{self.name!r} has no layer {target!r} that can be pruned. It has: "
                f"{', '.join(self._layers)}; {WHOLE_MODEL!r} is the whole model."
            )


def _checked_data(model: keras.Model, data: Dataset | Data) -> Data:
    images = data.validation if isinstance(data, Dataset) else data
    if not isinstance(images, Data):
        raise TypeError(
            "A trial needs images with labels: a data set such as "
            "ncl.data.fashion_mnist(), or Data(x, y). Received: "
            f"{type(data).__name__}."
        )
    expected = [tuple(tensor.shape) for tensor in model.inputs]
    received = images.x.shape
    if not _fits(received, expected):
        raise ValueError(
            f"The images do not fit the model {model.name!r}. It takes "
            f"{' and '.join(map(str, expected))}. Received: {received}. Reshape the "
            "images, or choose the data set that the model was trained on."
        )
    return images


def _fits(received: tuple[int, ...], expected: list[tuple[int | None, ...]]) -> bool:
    return (
        len(expected) == 1
        and len(received) == len(expected[0])
        and all(
            size is None or size == given
            for size, given in zip(expected[0], received, strict=True)
        )
    )
