"""Models whose layers are factored at given ranks, and what each rank keeps and costs."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.lowrank.arrays.svd import Factors, Spectrum, energy_by_rank
from nncompress_lab.lowrank.two_layers import MatrixLayer, two_layers
from nncompress_lab.measure.macs import layer_macs
from nncompress_lab.models.kernels import KernelLayer, kernel_layers
from nncompress_lab.models.layer_inputs import has_input_rows, input_second_moments
from nncompress_lab.models.rewrite import copy_model, rewrite_layers

Moments = dict[str, npt.NDArray[np.float64]]
Costs = tuple[dict[str, int], dict[str, int]]  # whole, and for each rank; by path
# Of the mean of the diagonal, added to a second moment: inputs that the calibration data
# never showed keep some weight.
DAMPING = 0.01


def factor_layers(
    model: keras.Model,
    factored: Iterable[tuple[MatrixLayer, Factors]],
    *,
    same_shape: bool = False,
) -> keras.Model:
    """A copy of a model in which layers have kernels of low rank.

    Args:
        model: A built functional or sequential model.
        factored: Layers of that model, each with factors of its matrix.
        same_shape: Whether the layers stay and get the products as kernels.

    Returns:
        The new model.
    """
    if same_shape:
        copied = copy_model(model)
        copies = {one.path: one for one in kernel_layers(copied)}
        for one, factors in factored:
            copies[one.path].assign([one.kernel(factors.product())])
        return copied
    pairs = {id(one.layer): (one, factors) for one, factors in factored}

    def rewrite(layer: keras.Layer) -> tuple[keras.Layer, keras.Layer] | None:
        return two_layers(*pairs[id(layer)]) if id(layer) in pairs else None

    return rewrite_layers(model, rewrite)


def second_moments(model: keras.Model, layers: list[MatrixLayer], x: Any) -> Moments:
    """Damped second moments of the layers' inputs, by path; an Embedding has none."""
    usable = [
        KernelLayer(one.path, one.layer, (one.kernel_name,))
        for one in layers
        if has_input_rows(one.layer, one.kernel_name)
    ]
    found = input_second_moments(model, usable, x)
    moments = {}
    for one in usable:
        # A layer that is in the model but not in the path of its outputs sees nothing.
        if one.path in found:
            (moment,) = found[one.path][one.kernel_names[0]]
            damping = DAMPING * np.trace(moment) / len(moment)
            moments[one.path] = moment + damping * np.eye(len(moment))
    return moments


def energies_of(one: MatrixLayer, moments: Moments) -> npt.NDArray[np.float64]:
    """What each rank keeps of a layer: of its outputs if their moment is known."""
    try:
        return energy_by_rank(one.matrix(), second_moment=moments.get(one.path))
    except ValueError as error:
        raise ValueError(f"Cannot factor {one.path}: {error}") from error


def spectrum_of(
    one: MatrixLayer, moments: Moments, seed: int | None = None
) -> Spectrum:
    """A layer's matrix, to be factored at several ranks.

    Args:
        one: The layer.
        moments: Second moments of inputs by path; with those of the layer it is what the
            matrix computes that is approximated.
        seed: As `Spectrum` takes it.
    """
    try:
        return Spectrum(one.matrix(), second_moment=moments.get(one.path), seed=seed)
    except ValueError as error:
        raise ValueError(f"Cannot factor {one.path}: {error}") from error


def parameters_by_rank(_model: keras.Model, layers: list[MatrixLayer]) -> Costs:
    """Weights of each kernel, and of its two factors for each rank."""
    whole = {one.path: one.rows * one.columns for one in layers}
    return whole, {one.path: one.rows + one.columns for one in layers}


def macs_by_rank(model: keras.Model, layers: list[MatrixLayer]) -> Costs:
    """MACs of each layer, and of its two layers for each rank."""
    counts = layer_macs(model)
    whole = {one.path: counts.get(one.path, 0) for one in layers}
    # Counted where they are: the two layers may run at different positions.
    counts = layer_macs(factor_layers(model, [(one, _zeros(one)) for one in layers]))
    each = {
        one.path: sum(
            number for path, number in counts.items() if path in _paths_of_factors(one)
        )
        for one in layers
    }
    return whole, each


def _zeros(one: MatrixLayer) -> Factors:
    return Factors(np.zeros((one.rows, 1)), np.zeros((1, one.columns)))


def _paths_of_factors(one: MatrixLayer) -> set[str]:
    name = one.layer.name
    inside = f"{one.path}/{name}"  # of the Sequential that stands for a projection
    return {
        f"{path}_{side}" for path in (one.path, inside) for side in ("left", "right")
    }
