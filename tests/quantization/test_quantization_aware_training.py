"""Quantization-aware training: gradients, what trains, and what is stored."""

import keras
import numpy as np
import pytest
import tiny_models
from rounded_models import rounded_by, trained_once

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.quantization.layers.rounded import ROUNDED
from nncompress_lab.quantization.layers.train_rounded import with_stored_kernels
from nncompress_lab.quantization.quantization_aware_training import (
    QuantizationAwareTraining,
)

SHORT = {"epochs": 1, "batch_size": 16}
LEARNED = QuantizationAwareTraining(bits=3, step_size="learned", **SHORT)


def learned_dense(kernel: np.ndarray, scale: float, bits: int):
    dense = ROUNDED[keras.layers.Dense](
        kernel.shape[1],
        use_bias=False,
        rounding={"bits": bits, "granularity": "per_tensor", "learned": True},
    )
    dense.build((None, kernel.shape[0]))
    dense.kernel_floats.assign(kernel)
    dense.kernel_log2_scale.assign([[[np.log2(scale)]]])
    return dense


def test_the_step_size_has_the_gradient_of_the_paper():
    """Equation 3 of LSQ, and the chain rule from the scale to its logarithm."""
    kernel = np.array([[0.26, -0.9], [0.04, 3.0], [-5.0, 0.0]], np.float32)
    scale, qmax = 0.5, 3
    dense = learned_dense(kernel, scale, bits=3)
    x = np.array([[1.0, 2.0, -1.5]], np.float32)

    by_kernel, by_scale = trained_once(dense, x, rate=1e-3)

    steps = kernel / scale
    inside = np.abs(steps) < qmax
    by_paper = np.where(inside, np.rint(steps) - steps, np.sign(steps) * qmax)
    expected = scale * np.log(2) * (x.T * by_paper).sum()
    # The step of 1e-3 is read off float32 numbers around 1.
    np.testing.assert_allclose(by_scale.item(), expected, rtol=1e-3)
    # Straight through the rounding, and 0 where the range clips.
    np.testing.assert_allclose(by_kernel, x.T * inside, atol=1e-3)


@pytest.mark.parametrize("rate", [1e3, -1e3], ids=["tiny", "huge"])
def test_a_step_size_that_runs_away_stays_finite(rate):
    dense = learned_dense(np.full((2, 2), 3.0, np.float32), 0.5, bits=3)
    x = np.ones((1, 2), np.float32)
    dense.kernel_log2_scale.assign_sub([[[rate]]])

    by_kernel, by_scale = trained_once(dense, x, rate=1e-3)

    scale = dense.arrays_to_store("kernel")["scale"]
    assert 0 < scale.item() < np.inf
    assert np.isfinite(by_kernel).all()
    assert np.isfinite(by_scale).all()


def test_a_learned_step_size_starts_with_the_least_squared_error():
    model = tiny_models.sequential()

    start = with_stored_kernels(rounded_by(LEARNED, model))

    best = ncl.UniformQuantization(bits=LEARNED.bits, clipping="mse")(model)
    for one, other in zip(kernel_layers(start), kernel_layers(best), strict=True):
        np.testing.assert_allclose(one.arrays()[0], other.arrays()[0], rtol=1e-5)


def test_activations_are_rounded_too_if_asked_for(context):
    step = QuantizationAwareTraining(bits=8, activation_bits=8, **SHORT)

    result = step(tiny_models.sequential(), context)

    kinds = [type(layer).__name__ for layer in result.layers]
    assert kinds.count("FakeQuantize") == 3
    assert step.needs == {"train", "validation", "calibration"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": 1}, "`bits` is the width"),
        ({"activation_bits": 9}, "`bits` is the width"),
        ({"step_size": "lsq"}, "`step_size` must be one of"),
        ({"step_size": "learned", "symmetric": False}, "no zero point"),
        ({"epochs": 0}, "`epochs` must be a whole number"),
        ({"teacher": "me"}, "`teacher` must be None or one of"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        QuantizationAwareTraining(**settings)
