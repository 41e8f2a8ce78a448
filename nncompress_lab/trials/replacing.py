"""Layers replaced by several smaller ones, tried out with the kernel they amount to."""

import glob
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.layer_inputs import has_input_rows, input_second_moments
from nncompress_lab.models.selection import EVERY_LAYER, Selection
from nncompress_lab.passes import Pass
from nncompress_lab.pipelines import pipeline
from nncompress_lab.trials.arrays.product_error import few_inputs, relative_error
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.model_trial import EXAMPLES
from nncompress_lab.trials.scratch import Layers
from nncompress_lab.trials.smaller import SmallerTrial
from nncompress_lab.trials.trial import Measured

KEPT: Final = 4  # steps of a layer: a hand goes back and forth
Steps = Mapping[str, Any]  # a pass by the path of a layer; the others stay as they are
AS_IT_CAME: Final[Steps] = {}


@dataclass(frozen=True, eq=False)
class Replacement:
    """What stands for one layer.

    Args:
        kernel: That of the layer if it computed what the smaller layers compute.
        parameters: Of the kernels of the smaller layers together.
        macs: Of the smaller layers together, for one example.
    """

    kernel: npt.NDArray[Any]
    parameters: int
    macs: int


class Errors(NamedTuple):
    """How far what stands for a layer is from it, in norms over those of the layer.

    Args:
        weights: Of its kernel.
        outputs: Of what it computes on real images; None for a layer that multiplies
            nothing, such as an Embedding, or that sees no image.
    """

    weights: float
    outputs: float | None


Made = TypeVar("Made", bound=Replacement)


class ReplacingTrial(SmallerTrial[Steps], Generic[Made]):
    """One model with layers replaced by several smaller ones.

    A choice maps the path of a layer to the pass that replaces it, whatever its `select`.
    A subclass makes a `Replacement` of a layer and a step in `_replace`, and says in
    `_whole` what each layer that can be replaced costs as it is.

    Args:
        model: A built functional or sequential model. It is not changed.
        data: As `ModelTrial` takes it.
        examples: How many of the examples, from the first on.
        timed: As `SmallerTrial` takes it.

    Raises:
        UnsupportedModelError: If the model cannot be copied, its MACs cannot be counted,
            or it has no layer that can be replaced.
        TypeError: If `data` is none of what `ModelTrial` takes.
        ValueError: If the examples do not fit the model, or nobody says its task.
    """

    SEEN: ClassVar[int] = 256  # images on which the errors of outputs are measured

    def __init__(
        self,
        model: keras.Model,
        data: Given,
        *,
        examples: int = EXAMPLES,
        timed: bool = False,
    ) -> None:
        super().__init__(
            model, data, unchanged=AS_IT_CAME, examples=examples, timed=timed
        )
        found = {one.path: one for one in EVERY_LAYER(self._original)}
        self._whole = self._costs_of(found)
        if not self._whole:
            raise UnsupportedModelError(
                f"The model {self.name!r} has no layer that can be replaced by smaller "
                f"ones. Received: {len(model.layers)} layers. Dense and convolution "
                "layers of more than a few weights can."
            )
        self.kernel_layers = {path: found[path] for path in self._whole}
        self._kernels = {
            path: one.arrays()[0] for path, one in self.kernel_layers.items()
        }
        self._made: dict[str, dict[Any, Made | None]] = {path: {} for path in found}
        self._seen: dict[str, npt.NDArray[Any] | None] = {}
        # Who draws a layer and who measures it want it at the same time.
        self._locks = {path: threading.Lock() for path in found}

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the layers that can be replaced, in the order of the model."""
        return tuple(self._whole)

    @property
    def largest(self) -> str:
        """The layer with the most weights."""
        return max(self.layers, key=self.size)

    @property
    def seen(self) -> int:
        """On how many images the error of a layer's outputs is measured."""
        return min(self.SEEN, self.examples)

    def size(self, path: str) -> int:
        """How many weights a layer's kernel holds.

        Raises:
            ValueError: If there is no such layer.
        """
        self.check_layer(path)
        return int(self._kernels[path].size)

    def kernel(self, path: str) -> npt.NDArray[Any]:
        """The kernel of a layer as it came."""
        self.check_layer(path)
        return self._kernels[path]

    def replacement(self, steps: Steps, path: str) -> Made | None:
        """What stands for a layer; None if it stays as it is."""
        self.check_layer(path)
        step = steps.get(path)
        if step is None:
            return None
        with self._locks[path]:
            kept = self._made[path]
            if step not in kept:
                if len(kept) == KEPT:
                    del kept[next(iter(kept))]  # the oldest
                kept[step] = self._replace(path, step)
            return kept[step]

    def setting(self, choice: Steps) -> Pass:
        """The pass that does what a choice says.

        Raises:
            ValueError: If there is no such layer.
        """
        for path in choice:
            self.check_layer(path)
        steps = [
            replace(choice[path], select=Selection(names=(glob.escape(path),)))
            for path in self.layers
            if path in choice
        ]
        return steps[0] if len(steps) == 1 else pipeline(*steps)

    def counted(self, choice: Steps) -> Figures:
        """Parameters and MACs; no weight is touched."""
        parameters, macs = self._parameters, self._macs
        for path, step in choice.items():
            self.check_layer(path)
            costs = self._costs(path, step)
            if costs is not None:
                parameters += costs[0] - self.size(path)
                macs += costs[1] - self._whole[path]
        return {"parameters": parameters, "macs": macs}

    def measured(self, choice: Steps) -> Iterator[Measured]:
        """The score under a choice on ever more of the examples."""
        for path in choice:
            self.check_layer(path)
        return super().measured(choice)

    def check_layer(self, path: str) -> None:
        """Raise a `ValueError` unless there is such a layer."""
        if path not in self._whole:
            raise ValueError(
                f"{self.name!r} has no layer {path!r} that can be replaced by smaller "
                f"ones. It has: {', '.join(self.layers)}."
            )

    def _costs_of(self, layers: Layers) -> dict[str, int]:
        """The MACs of each layer that can be replaced, in the order of the model."""
        raise NotImplementedError

    def _costs(self, path: str, step: Any) -> tuple[int, int] | None:
        """Parameters and MACs of what `_replace` makes, without making it."""
        raise NotImplementedError

    def _replace(self, path: str, step: Any) -> Made | None:
        """What stands for a layer; None if the step leaves it as it is."""
        raise NotImplementedError

    def _errors(
        self, path: str, exact: npt.NDArray[Any], near: npt.NDArray[Any]
    ) -> Errors:
        """Those of a matrix that stands for a layer's; rows are what is summed over."""
        seen = self._inputs_of(path)
        outputs = None if seen is None else relative_error(seen @ exact, seen @ near)
        return Errors(relative_error(exact, near), outputs)

    def _inputs_of(self, path: str) -> npt.NDArray[Any] | None:
        """A few that stand for what a layer sees on real images; None if it sees none."""
        with self._building:  # the layers of the original say what they are called with
            if path not in self._seen:
                self._seen[path] = self._measured_inputs(self.kernel_layers[path])
            return self._seen[path]

    def _measured_inputs(self, one: KernelLayer) -> npt.NDArray[Any] | None:
        name = one.kernel_names[0]
        if not has_input_rows(one.layer, name):
            return None
        images = self.data.take(self.seen).x
        layer = KernelLayer(one.path, one.layer, (name,))
        found = input_second_moments(self._original, [layer], images)
        # A layer that is not in the path of the outputs sees nothing.
        moments = found.get(one.path, {}).get(name)
        return None if moments is None else few_inputs(_blocks(moments))

    def _apply(
        self, layers: Layers, choice: Steps, held: Steps | None
    ) -> list[KernelLayer]:
        changed = [
            path
            for path in self.layers
            if held is None or held.get(path) != choice.get(path)
        ]
        for path in changed:
            made = self.replacement(choice, path)
            layers[path].assign([made.kernel if made else self._kernels[path]])
        return [layers[path] for path in changed]


def _blocks(moments: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Square matrices along the diagonal of one."""
    size = moments.shape[1]
    whole = np.zeros((len(moments) * size,) * 2)
    for place, moment in enumerate(moments):
        part = slice(place * size, (place + 1) * size)
        whole[part, part] = moment
    return whole
