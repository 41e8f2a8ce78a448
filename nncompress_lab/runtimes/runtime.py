"""What every runtime offers: predict, a runner to be timed, and a latency."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nncompress_lab.measure.latency import ROUNDS, Race, race

Array = npt.NDArray[Any]
Inputs = Array | Sequence[Array] | Mapping[str, Array]


class Runtime(Protocol):
    """A model in a runtime. Classes that derive from it get `latency`.

    Attributes:
        threads: How many the runtime may use.
    """

    threads: int

    def predict(self, x: Inputs) -> Any:
        """The outputs for a batch: an array, or a list of them if there are several."""

    def runner(self, x: Inputs) -> Callable[[], object]:
        """A function that runs the model on `x` and nothing else, to be timed."""

    def latency(self, x: Inputs, *, rounds: int = ROUNDS) -> Race:
        """Time the model on a batch, against itself.

        Args:
            x: Inputs of the model.
            rounds: As `measure.race` takes it.

        Returns:
            A race of one candidate, `"model"`: its latency and the noise. To compare
            models give their runners to `measure.race` together, as only then all of
            them see the same disturbances.
        """
        return race(
            {"model": lambda: self.runner(x)},
            rounds=rounds,
            threads=self.threads,
            batch_size=len(as_list(x)[0]),
        )


def as_list(x: Inputs) -> list[Array]:
    """The inputs of a model as a list of arrays."""
    if isinstance(x, Mapping):
        return [np.asarray(x[name]) for name in sorted(x)]  # as Keras sorts them
    if isinstance(x, np.ndarray):
        return [x]
    return [np.asarray(one) for one in x]


def check_count(arrays: Sequence[Array], names: Sequence[str]) -> None:
    """Raise a `ValueError` unless there is an array for each input of a file."""
    if len(arrays) != len(names):
        raise ValueError(
            f"The file has {len(names)} input{'s' if len(names) > 1 else ''}: "
            f"{', '.join(names)}. Received: {len(arrays)} arrays. Pass an array of "
            "examples for each; of lists of numbers numpy.array makes one."
        )


def single(outputs: list[Array]) -> Any:
    """The only output, or all of them."""
    return outputs[0] if len(outputs) == 1 else outputs
