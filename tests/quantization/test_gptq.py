"""Error-compensated rounding: against the algorithm in words, and against the nearest."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import channel_axes, kernel_layers, to_numpy
from nncompress_lab.models.layer_inputs import input_second_moments
from nncompress_lab.quantization.arrays import error_compensation as gptq
from nncompress_lab.quantization.arrays.affine import (
    affine_params,
    dequantize,
    quantize,
)
from nncompress_lab.quantization.arrays.clipping import Clipping, clipped_params
from nncompress_lab.quantization.arrays.error_compensation import gptq_round

both_modes = pytest.mark.parametrize("symmetric", [True, False])


def correlated_inputs(count: int, rows: int) -> np.ndarray:
    """Inputs after a ReLU that share a few causes, as those of a hidden layer do."""
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(rows, rows)) * np.arange(1, rows + 1) ** -0.5
    return np.maximum(generator.normal(size=(count, rows)) @ mixing.T, 0)


def random_matrix(rows: int, channels: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(rows, channels)).astype(np.float32)


def rounded_in_words(matrix, second_moment, params, *, qmax, damping) -> np.ndarray:
    """The paper's equations, with the inverse of what is left at every step."""
    weights = matrix.astype(np.float64)
    rows = len(weights)
    left = second_moment + damping * np.diag(second_moment).mean() * np.eye(rows)
    codes = np.empty(matrix.shape, np.int8)
    for row in range(rows):
        inverse = np.linalg.inv(left[row:, row:])
        steps = np.clip(np.rint(weights[row] / params.scale[0]), -qmax, qmax)
        codes[row] = steps
        error = (weights[row] - steps * params.scale[0]) / inverse[0, 0]
        weights[row:] -= np.outer(inverse[0], error)
    return codes


@pytest.mark.parametrize("block", [1, 7, 128])
def test_it_is_the_algorithm_of_the_paper_in_any_blocks(block, monkeypatch):
    monkeypatch.setattr(gptq, "BLOCK", block)
    inputs, matrix = correlated_inputs(200, 30), random_matrix(30, 8)
    params = affine_params(matrix, bits=4, axis=0)
    moment = inputs.T @ inputs

    codes = gptq_round(matrix, moment, params, bits=4, damping=0.01, order="natural")

    expected = rounded_in_words(matrix, moment, params, qmax=7, damping=0.01)
    np.testing.assert_array_equal(codes, expected)


@both_modes
@pytest.mark.parametrize("order", ["natural", "activation"])
def test_independent_inputs_are_rounded_to_the_nearest(symmetric, order):
    matrix = random_matrix(20, 6)
    params = affine_params(matrix, bits=4, symmetric=symmetric, axis=0)
    moment = np.diag(np.arange(20.0))  # the first input is always 0

    codes = gptq_round(matrix, moment, params, bits=4, symmetric=symmetric, order=order)

    np.testing.assert_array_equal(
        codes, quantize(matrix, params, bits=4, symmetric=symmetric)
    )


@both_modes
@pytest.mark.parametrize("order", ["natural", "activation"])
def test_the_outputs_gain_more_than_three_decibels_over_the_nearest(symmetric, order):
    inputs, matrix = correlated_inputs(600, 128), random_matrix(128, 32)
    form = {"bits": 4, "symmetric": symmetric}
    params = clipped_params(matrix, Clipping("mse"), axis=0, **form)

    def error(codes) -> float:
        change = dequantize(codes, params) - matrix
        return float(np.square(inputs @ change).sum())

    found = gptq_round(matrix, inputs.T @ inputs, params, order=order, **form)

    gain = 10 * np.log10(error(quantize(matrix, params, **form)) / error(found))
    # The paper promises no number; these inputs leave about 4 dB to gain, more rows more.
    assert gain > 3


@both_modes
@pytest.mark.parametrize("order", ["natural", "activation"])
def test_zeros_stay_zero(symmetric, order):
    inputs, matrix = correlated_inputs(100, 20), random_matrix(20, 6)
    matrix[np.random.default_rng(2).random(matrix.shape) < 0.7] = 0
    params = affine_params(matrix, bits=3, symmetric=symmetric, axis=0)

    codes = gptq_round(
        matrix,
        inputs.T @ inputs,
        params,
        bits=3,
        symmetric=symmetric,
        order=order,
    )

    assert (dequantize(codes, params)[matrix == 0] == 0).all()


def test_nothing_that_goes_in_is_changed():
    inputs, matrix = correlated_inputs(100, 20), random_matrix(20, 6)
    moment, params = inputs.T @ inputs, affine_params(matrix, bits=4, axis=0)
    before = matrix.copy(), moment.copy()

    gptq_round(matrix, moment, params, bits=4)

    np.testing.assert_array_equal(matrix, before[0])
    np.testing.assert_array_equal(moment, before[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"damping": -1}, "damping=-1"),
        ({"order": "random"}, "order='random'"),
        ({"damping": 0}, "not positive definite"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(settings, message):
    matrix = random_matrix(3, 2)
    params = affine_params(matrix, bits=4, axis=0)

    with pytest.raises(ValueError, match=message):
        gptq_round(matrix, np.ones((3, 3)), params, bits=4, **settings)


def test_a_second_moment_of_another_size_is_refused():
    matrix = random_matrix(3, 2)
    params = affine_params(matrix, bits=4, axis=0)

    with pytest.raises(ValueError, match=r"the shape \(3, 3\). Received: \(2, 2\)"):
        gptq_round(matrix, np.eye(2), params, bits=4)


def output_errors(model: keras.Model, other: keras.Model, x) -> dict[str, float]:
    """By kernel, the squared change of its outputs on the inputs of `model`."""
    chosen = [one for one in kernel_layers(model) if one.type_name != "Embedding"]
    moments = input_second_moments(model, chosen, x)
    after = {one.path: one.arrays() for one in kernel_layers(other)}
    errors = {}
    for one in chosen:
        for name, kernel, rounded in zip(
            one.kernel_names, one.arrays(), after[one.path], strict=True
        ):
            view = ncl.GPTQ().format.view(
                kernel.shape, channel_axes(one.layer, name, kernel.ndim)
            )
            found = moments[one.path][name]
            parts = np.array_split(view.matrix(rounded - kernel), len(found), axis=1)
            errors[f"{one.path}/{name}"] = sum(
                float(np.einsum("rc,rs,sc->", part, moment, part))
                for part, moment in zip(parts, found, strict=True)
            )
    return errors


@pytest.mark.contract
@pytest.mark.parametrize(
    "build",
    [tiny_models.depthwise, tiny_models.transformer, tiny_models.every_layer],
    ids=lambda b: b.__name__,
)
def test_every_kernel_of_every_kind_has_outputs_at_least_as_good(build, context):
    model = build()
    x = context.calibration.x
    nearest = ncl.UniformQuantization(bits=4, clipping="mse")(model)

    found = ncl.GPTQ(bits=4, inputs="float")(model, context)

    before = output_errors(model, nearest, x)
    after = output_errors(model, found, x)
    assert sum(after.values()) < 0.8 * sum(before.values())
    # Greedy: one kernel may come out a little worse than by luck.
    assert all(after[path] <= 1.3 * before[path] + 1e-6 for path in before)


@pytest.mark.contract
def test_the_outputs_of_the_whole_model_are_closer(context):
    model = tiny_models.sequential()
    x = context.calibration.x
    expected = to_numpy(model(x, training=False))

    errors = {
        step.label: np.square(
            to_numpy(step(model, context)(x, training=False)) - expected
        ).mean()
        for step in (ncl.UniformQuantization(bits=3, clipping="mse"), ncl.GPTQ(bits=3))
    }

    nearest, compensated = errors.values()
    assert compensated < 0.75 * nearest


def test_groups_and_affine_formats_are_stored_as_by_rounding(context):
    model = tiny_models.sequential()
    form = {
        "bits": 4,
        "granularity": "per_group",
        "group_size": 7,
        "symmetric": False,
        "clipping": "mse",
    }

    found = ncl.GPTQ(**form)(model, context)

    nearest = ncl.UniformQuantization(**form)(model)
    assert [one.shape for one in found.weights] == [
        one.shape for one in nearest.weights
    ]
    for one, other in zip(kernel_layers(found), kernel_layers(nearest), strict=True):
        np.testing.assert_array_equal(
            to_numpy(one.layer.kernel_scale), to_numpy(other.layer.kernel_scale)
        )


@pytest.mark.parametrize(
    "settings",
    [{"bits": 1}, {"clipping": "percentile"}, {"inputs": "none"}, {"damping": -1.0}],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        ncl.GPTQ(**settings)
