"""The kernels of a model in fewer bits, each by itself: integers or codes."""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import keras
import numpy.typing as npt

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.kernels import KernelLayer, kernel_layers
from nncompress_lab.models.rewrite import replaceable_layers
from nncompress_lab.models.selection import Selection
from nncompress_lab.quantization.activation_quantization import ActivationQuantization
from nncompress_lab.quantization.arrays.bitpacking import unpack_bits
from nncompress_lab.quantization.arrays.codebook_format import Format
from nncompress_lab.quantization.layers.replace import Arrays, kernel_view
from nncompress_lab.quantization.layers.stored import QUANTIZED
from nncompress_lab.trials.arrays.noise import Noise

Array = npt.NDArray[Any]
WHOLE_MODEL: Final = "*"
KEPT: Final = 4  # steps of a layer: a hand goes back and forth


class Step(Protocol):
    """A pass that stores each kernel by itself, such as `UniformQuantization`."""

    select: Selection

    @property
    def format(self) -> Format:
        """How each kernel is stored."""

    def encode(self, view: Any, kernel: npt.NDArray[Any]) -> Arrays:
        """What is stored for a kernel that is cut up in this pass's format."""

    def obstacle(self, layer: KernelLayer) -> str | None:
        """Why a layer stays as it is; None if it is stored in fewer bits."""


@dataclass(frozen=True)
class Choice:
    """How the kernels are stored, and whether activations are rounded as well.

    Args:
        steps: By the path of a layer, or for `"*"`, the whole model; what is not named
            stays as it is.
        activations: What rounds the inputs of all kernel layers, if anything.
    """

    steps: Mapping[str, Any] = field(default_factory=dict)
    activations: ActivationQuantization | None = None

    def of(self, path: str) -> Any:
        """The step for a layer; None if it stays as it is."""
        return self.steps.get(WHOLE_MODEL, self.steps.get(path))


@dataclass(frozen=True, eq=False)
class Stored:
    """A layer's kernels in fewer bits.

    Args:
        step: That stored them.
        stored: By the name of the kernel, what the file holds.
        decoded: The floats that they stand for, in the order of the layer.
        noise: What was lost.
    """

    step: Step
    stored: dict[str, Arrays]
    decoded: list[Array]
    noise: Noise


class Kernels:
    """The kernels of a model that can be stored in fewer bits, as they came.

    Args:
        model: It is not changed.

    Raises:
        UnsupportedModelError: If it has none.
    """

    def __init__(self, model: keras.Model) -> None:
        free = replaceable_layers(model)
        self.layers: dict[str, KernelLayer] = {
            one.path: one
            for one in kernel_layers(model)
            if type(one.layer) in QUANTIZED and one.is_float and id(one.layer) in free
        }
        if not self.layers:
            raise UnsupportedModelError(
                f"The model {model.name!r} has no kernel that can be quantized. Received: "
                f"{len(model.layers)} layers. Dense, convolution and embedding layers "
                "with float weights have one."
            )
        self.floats = {path: one.arrays() for path, one in self.layers.items()}
        self._stored: dict[str, dict[Step, Stored]] = {path: {} for path in self.layers}
        # Who draws a layer and who measures it want it at the same time.
        self._locks = {path: threading.Lock() for path in self.layers}

    def treating(self, choice: Choice, path: str) -> Any:
        """The step that a layer is stored with; None if it stays as it is."""
        step = choice.of(path)
        left = step is None or step.obstacle(self.layers[path]) is not None
        return None if left else step

    def stored(self, choice: Choice, path: str) -> Stored | None:
        """What a layer is stored as; None if it stays as it is."""
        step = self.treating(choice, path)
        if step is None:
            return None
        with self._locks[path]:
            kept = self._stored[path]
            if step not in kept:
                if len(kept) == KEPT:
                    del kept[next(iter(kept))]  # the oldest
                kept[step] = self._store(path, step)
            return kept[step]

    def bytes_saved(self, choice: Choice, path: str) -> int:
        """How many bytes less a layer's kernels take in memory."""
        step = self.treating(choice, path)
        if step is None:
            return 0
        one = self.layers[path]
        views = (kernel_view(step.format, one.layer, name) for name in one.kernel_names)
        floats = sum(array.nbytes for array in self.floats[path])
        return floats - sum(int(view.stored_bytes) for view in views)

    def noise(self, choice: Choice) -> Noise:
        """What all kernels together have lost."""
        noise = Noise()
        for path, floats in self.floats.items():
            held = self.stored(choice, path)
            noise += held.noise if held else Noise.of_floats(floats)
        return noise

    def _store(self, path: str, step: Step) -> Stored:
        one = self.layers[path]
        stored: dict[str, Arrays] = {}
        decoded, noise = [], Noise()
        for name, floats in zip(one.kernel_names, self.floats[path], strict=True):
            view = kernel_view(step.format, one.layer, name)
            stored[name] = step.encode(view, floats)
            decoded.append(view.decode(stored[name]))
            noise += Noise.of(floats, decoded[-1], codes_of(view, stored[name]))
        return Stored(step, stored, decoded, noise)


def codes_of(view: Any, stored: Arrays) -> Array:
    """For each weight of a kernel the integer or code that a file holds for it."""
    q, count = stored["q"], math.prod(view.grouped_shape)
    codes = q if q.size == count else unpack_bits(q, bits=view.format.bits, count=count)
    kernel: Array = view.kernel(codes)
    return kernel
