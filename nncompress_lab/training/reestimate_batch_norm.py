"""The statistics of BatchNormalization measured anew, as a pass without any training."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.models.kernels import Reasons, to_numpy, walk
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context, Pass
from nncompress_lab.training.loop import given

Floats = npt.NDArray[np.float64]
LONG = 2048  # numbers that are added to as many others at once


@dataclass(frozen=True)
class ReestimateBatchNorm(Pass):
    """Measure again what each BatchNormalization subtracts and divides by.

    Its means and variances are those of the model that was trained. Where a pass has
    changed what a layer puts out, they are wrong, and most of the accuracy that is lost
    is lost by that. The calibration inputs tell the right ones: no labels, no training,
    one run of the model. Apply it after passes that change weights or channels, and
    before `FoldBatchNorm`, after which there is no normalization left.

    The examples go through the model together. Each normalization takes the mean and the
    variance of what comes in and passes on what it makes with these, so the ones behind
    it see what they will see in use: the result is exact for these examples, as if it
    were done layer by layer. One that is called several times gets those of all calls.

    Args:
        examples: How many of the calibration examples are used, at least 1. The
            activations of all of them are held at once, layer by layer.
        batch_size: Run so many at a time where memory is short, at least 1. Deep layers
            then see inputs that were normalized by their batch, as in training.

    Raises:
        ValueError: If a number is below 1.

    Example:
        >>> ReestimateBatchNorm().needs == {"calibration"}
        True

    References:
        Li, Wu, Su, Wang, "EagleEye: Fast Sub-net Evaluation for Efficient Neural Network
        Pruning", ECCV 2020 (adaptive batch normalization).
        https://arxiv.org/abs/2007.02491
    """

    examples: int = 512
    batch_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("examples", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(
                    f"`{name}` must be at least 1. Received: {name}={value}."
                )

    @property
    def needs(self) -> frozenset[str]:
        """Sample inputs."""
        return frozenset({"calibration"})

    @property
    def needs_graph(self) -> bool:
        """Never: weights alone change."""
        return False

    def explain(self, model: keras.Model) -> Reasons:
        """The normalizations, all of which are measured; other layers have none."""
        return dict.fromkeys((path for path, _ in normalizations(model)), None)

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model and run the copy once, its normalizations measuring."""
        measured = copy_model(model)
        layers = [layer for _, layer in normalizations(measured)]
        data = given(context.calibration).take(self.examples)
        size = self.batch_size or len(data)
        with measuring(layers):
            for x, _labels, _weights in data.batches(size) if layers else ():
                measured(x, training=False)
        return measured


def normalizations(model: Any) -> list[tuple[str, Any]]:
    """The BatchNormalization layers of a model with their paths, inner ones too."""
    return [
        (path, layer)
        for path, layer in walk(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


@contextmanager
def measuring(layers: Sequence[Any]) -> Iterator[None]:
    """While the block runs, normalizations take on the statistics of their inputs.

    What is called in it runs without gradients.

    Args:
        layers: Normalizations of a model that is called, not run as a graph.
    """
    # Past Keras's own attributes, which would track the function as a part of the layer.
    for layer in layers:
        layer.__dict__["call"] = _measures_first(layer)
    try:
        with _without_gradients():
            yield
    finally:
        for layer in layers:
            del layer.__dict__["call"]


def _measures_first(layer: Any) -> Callable[..., Any]:
    original, statistics = layer.call, _Statistics()

    @wraps(original)
    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        statistics.add(_rows(inputs, layer.axis, mask))
        if statistics.count:
            layer.moving_mean.assign(statistics.mean)
            layer.moving_variance.assign(statistics.variance)
        return original(inputs, training=False, mask=mask)

    return call


def _rows(inputs: Any, axis: int, mask: Any) -> npt.NDArray[np.float32]:
    """What is normalized together: a column for each channel, without masked places."""
    array = np.moveaxis(to_numpy(inputs).astype(np.float32), axis, -1)
    return array[to_numpy(mask).astype(bool)] if mask is not None else array


class _Statistics:
    """Mean and variance of all rows so far, by channel, in float64."""

    count = 0
    mean: Floats = np.zeros(())
    variance: Floats = np.ones(())

    def add(self, rows: npt.NDArray[np.float32]) -> None:
        rows = rows.reshape(-1, rows.shape[-1])
        if not len(rows):
            return
        mean = _total(rows) / len(rows)
        variance = _total(np.square(rows - mean.astype(np.float32))) / len(rows)
        self.count += len(rows)
        share = len(rows) / self.count
        step = mean - self.mean
        self.mean = self.mean + share * step
        # Chan, Golub, LeVeque, "Updating Formulae", 1979: between the parts and within.
        between = share * (1 - share) * step**2
        self.variance = (1 - share) * self.variance + share * variance + between


def _total(rows: npt.NDArray[np.float32]) -> Floats:
    """The sum of each column; of narrow rows many side by side are added up as one."""
    columns = rows.shape[1]
    beside = max(1, LONG // columns)
    whole = len(rows) // beside * beside
    long = rows[:whole].reshape(-1, beside * columns).sum(axis=0, dtype=np.float64)
    rest = rows[whole:].sum(axis=0, dtype=np.float64)
    total: Floats = long.reshape(beside, columns).sum(axis=0) + rest
    return total


def _without_gradients() -> AbstractContextManager[Any]:
    """So that torch does not hold all activations for a gradient that none asks for."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    no_grad: AbstractContextManager[Any] = torch.no_grad()
    return no_grad
