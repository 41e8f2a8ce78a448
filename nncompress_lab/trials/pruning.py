"""Magnitude pruning tried out on scratch copies, fast enough for a slider."""

import glob
from collections.abc import Mapping
from itertools import chain
from typing import Final

import keras

from nncompress_lab import measure
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.kernels import KernelLayer, is_depthwise
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.models.selection import EVERY_LAYER, Selection
from nncompress_lab.passes import Pass
from nncompress_lab.pipelines import pipeline
from nncompress_lab.pruning.arrays.masks import check_sparsity, global_magnitude_masks
from nncompress_lab.pruning.layer_masks import by_layer, keep_only
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.pruning.weight_pruning import PRUNABLE
from nncompress_lab.trials.arrays.magnitudes import Magnitudes
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.model_trial import EXAMPLES, ModelTrial
from nncompress_lab.trials.scratch import Layers, Scratch

WHOLE_MODEL = "*"

Sparsities = Mapping[str, float]
ORIGINAL: Final[Sparsities] = {}


class PruningTrial(ModelTrial[Sparsities]):
    """One model under any magnitude pruning, without a new model for each.

    A setting is a mapping of sparsities: `{"*": 0.8}` ranks the kernels of the whole
    model together, `{"conv1": 0.3, "dense1": 0.9}` prunes each layer by itself, and a
    layer that is not named stays as it is. `setting` gives the pass that does the same,
    and the weights of both are equal to the last bit.

    The trial may be used from several threads at once.

    Args:
        model: A built functional or sequential model. It is not changed.
        data: As `ModelTrial` takes it.
        examples: How many of the examples, from the first on.

    Raises:
        UnsupportedModelError: If the model cannot be copied or has no kernel to prune.
        TypeError: If `data` is none of what `ModelTrial` takes.
        ValueError: If the examples do not fit the model, nobody says its task, or a
            weight is not finite.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> trial = PruningTrial(zoo.lenet5(), data.fashion_mnist(), examples=100)
        >>> trial.drops({"conv1": 0.5})
        {'conv1': 250, 'conv2': 0, 'dense1': 0, 'logits': 0}
    """

    def __init__(
        self, model: keras.Model, data: Given, *, examples: int = EXAMPLES
    ) -> None:
        super().__init__(model, data, examples=examples, unchanged=ORIGINAL)
        self._weighing = Scratch(model, self.scoring, self._apply)
        if not self._measuring.layers:
            raise UnsupportedModelError(
                f"The model {self.name!r} has no kernel that can be pruned. Received: "
                f"{len(model.layers)} layers. Dense, convolution and embedding layers "
                "with float weights have one."
            )
        self._weights = {
            path: layer.arrays() for path, layer in self._measuring.layers.items()
        }
        self._magnitudes = {
            path: Magnitudes(one) for path, one in self._weights.items()
        }
        self._magnitudes[WHOLE_MODEL] = Magnitudes(
            [array for arrays in self._weights.values() for array in arrays]
        )
        # The whole model is all its kernels; where these are the default, it says so.
        layers = self._measuring.layers.values()
        some = any(
            is_depthwise(one.layer, name) for one in layers for name in one.kernel_names
        )
        self._whole = EVERY_LAYER if some else PRUNABLE
        self._parameters = measure.parameters(model)
        self._nonzeros = measure.nonzeros(model)

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the layers that can be pruned, in the order of the model."""
        return tuple(self._weights)

    @property
    def kernel_weights(self) -> int:
        """How many weights the kernels of all layers hold."""
        return self._magnitudes[WHOLE_MODEL].size

    def magnitudes(self, target: str) -> Magnitudes:
        """The unpruned weights of a layer, or of `"*"`, the whole model.

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
            return MagnitudePruning(
                sparsity=sparsities[WHOLE_MODEL], scope="global", select=self._whole
            )
        steps = [
            MagnitudePruning(
                sparsity=sparsities[path],
                # One threshold a layer, also where it has two kernels.
                scope="global" if len(kernels) > 1 else "layer",
                select=Selection(names=(glob.escape(path),)),
            )
            for path, kernels in self._weights.items()
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
            for path in self._weights
        }

    def counted(self, sparsities: Sparsities) -> Figures:
        """Zeros, non-zeros and parameters under a setting; no weight is touched.

        Returns:
            `zeros`, the fraction of the kernel weights that are zero; `nonzeros` as
            `measure.nonzeros` says of the pruned model, biases included.

        Raises:
            ValueError: If a layer is unknown or a sparsity out of range.
        """
        zeros = self._zeros(sparsities)
        more = zeros - self._zeros(ORIGINAL)
        return {
            "zeros": zeros / self.kernel_weights,
            "nonzeros": self._nonzeros - more,
            "parameters": self._parameters,
        }

    def weighed(self, sparsities: Sparsities) -> Figures:
        """Bytes of the pruned model's file, as `measure.file_sizes` says."""
        return self._weighing.weighed(sparsities)

    def pruned(self, sparsities: Sparsities) -> keras.Model:
        """A new model, pruned as a setting says."""
        with self._measuring.under(sparsities) as model:
            return copy_model(model)

    def _zeros(self, sparsities: Sparsities) -> int:
        return sum(
            max(dropped, self._magnitudes[path].zeros)
            for path, dropped in self.drops(sparsities).items()
        )

    def _apply(
        self, layers: Layers, sparsities: Sparsities, held: Sparsities | None
    ) -> list[KernelLayer]:
        self._check(sparsities)
        if WHOLE_MODEL in sparsities:
            everything = list(layers.values())
            self._prune(everything, sparsities[WHOLE_MODEL])
            return everything
        anew = held is None or WHOLE_MODEL in held
        changed = [
            layer
            for path, layer in layers.items()
            if anew or (held or {}).get(path, 0.0) != sparsities.get(path, 0.0)
        ]
        for layer in changed:
            self._prune([layer], sparsities.get(layer.path, 0.0))
        return changed

    def _prune(self, layers: list[KernelLayer], sparsity: float) -> None:
        arrays = [self._weights[layer.path] for layer in layers]
        row = list(chain.from_iterable(arrays))
        masks = global_magnitude_masks(row, sparsity=sparsity)
        keep_only(layers, by_layer(layers, masks), arrays)

    def _drops_of_all(self, sparsity: float) -> dict[str, int]:
        whole = self._magnitudes[WHOLE_MODEL]
        count = round(sparsity * whole.size)
        threshold = whole.threshold_at(count)
        ties = count - whole.count_below(threshold)
        drops = {}
        for path in self._weights:  # of equal magnitudes the earlier layers' go first
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
                f"{', '.join(self._weights)}; {WHOLE_MODEL!r} is the whole model."
            )
