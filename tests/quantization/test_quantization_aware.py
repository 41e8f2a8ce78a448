"""Quantization-aware training: gradients, what trains, and what is stored."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tiny_models
from keras import ops

import nncompress_lab as ncl
from nncompress_lab.kernels import kernel_layers
from nncompress_lab.quantization.aware_layers import ROUNDED
from nncompress_lab.quantization.layers import QuantizedKernels
from nncompress_lab.quantization.quantization_aware import (
    QuantizationAwareTraining,
    _with_integers,
)

SHORT = {"epochs": 1, "batch_size": 16}
LONG = {"epochs": 20, "batch_size": 32, "learning_rate": 0.02}
LEARNED = QuantizationAwareTraining(bits=3, step_size="learned", **SHORT)
ABSMAX = QuantizationAwareTraining(bits=4, symmetric=False, **SHORT)


def learned_dense(kernel: np.ndarray, scale: float, bits: int):
    dense = ROUNDED[keras.layers.Dense](
        kernel.shape[1],
        use_bias=False,
        rounding={"bits": bits, "granularity": "per_tensor"},
        learned=True,
    )
    dense.build((None, kernel.shape[0]))
    dense.kernel_floats.assign(kernel)
    dense.kernel_log2_scale.assign([[[np.log2(scale)]]])
    return dense


def trained_once(dense, x, rate=1.0):
    """One step of plain gradient descent on the sum of the outputs."""
    model = keras.Sequential([keras.Input(x.shape[1:]), dense])
    model.compile(
        keras.optimizers.SGD(rate),
        lambda _y, outputs: ops.sum(outputs, axis=-1),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    before = [ops.convert_to_numpy(one) for one in dense.trainable_variables]
    model.fit(x, np.zeros(len(x)), batch_size=len(x), verbose=0)
    after = [ops.convert_to_numpy(one) for one in dense.trainable_variables]
    return [(one - two) / rate for one, two in zip(before, after, strict=True)]


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

    scale = ops.convert_to_numpy(dense.scale_and_zero_point("kernel")[0])
    assert 0 < scale.item() < np.inf
    assert np.isfinite(by_kernel).all()
    assert np.isfinite(by_scale).all()


def test_a_learned_step_size_starts_with_the_least_squared_error():
    model = tiny_models.sequential()

    start = _with_integers(LEARNED._rounded(model))

    best = ncl.UniformQuantization(bits=LEARNED.bits, clipping="mse")(model)
    for one, other in zip(kernel_layers(start), kernel_layers(best), strict=True):
        np.testing.assert_allclose(one.arrays()[0], other.arrays()[0], rtol=1e-5)


@pytest.mark.parametrize("step", [LEARNED, ABSMAX], ids=["learned", "absmax"])
@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_the_integers_predict_what_was_trained(build, step):
    rounded = step._rounded(build())
    images = tiny_models.images()

    stored = _with_integers(rounded)

    # The same numbers go through the same operations, in a graph that may be fused.
    np.testing.assert_allclose(
        ops.convert_to_numpy(stored(images, training=False)),
        ops.convert_to_numpy(rounded(images, training=False)),
        rtol=1e-5,
        atol=1e-6,
    )
    assert any(isinstance(one.layer, QuantizedKernels) for one in kernel_layers(stored))


@pytest.mark.parametrize("step", [LEARNED, ABSMAX], ids=["learned", "absmax"])
def test_floats_and_scales_train_and_zeros_stay(step, context):
    pruned = ncl.MagnitudePruning(sparsity=0.5)(tiny_models.residual())
    untrained = _with_integers(step._rounded(pruned))
    outputs = ops.convert_to_numpy(untrained(context.validation.x, training=False))
    least_likely = outputs.argmin(axis=-1)  # so that no epoch is worse
    all_wrong = ncl.Data(context.validation.x, least_likely)

    result = step(pruned, replace(context, validation=all_wrong))

    for before, start, after in zip(
        kernel_layers(pruned),
        kernel_layers(untrained),
        kernel_layers(result),
        strict=True,
    ):
        kernel = after.arrays()[0]
        assert (kernel[before.arrays()[0] == 0] == 0).all()
        assert not np.array_equal(kernel, start.arrays()[0])


@pytest.fixture(scope="module")
def separated():
    """Points that a small network separates, and that network."""
    keras.utils.set_random_seed(7)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(512, 2)).astype(np.float32)
    data = ncl.Data(x, (np.hypot(*x.T) > 1.1).astype(np.int32))
    given = ncl.Context(train=data, validation=data, progress=False)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(16, "relu", name="first"),
            keras.layers.Dense(16, "relu", name="second"),
            keras.layers.Dense(2, name="logits"),
        ]
    )
    model = ncl.FineTune(**LONG)(model, given)
    assert ncl.measure.accuracy(model, data) > 0.95
    return model, given


@pytest.mark.parametrize("teacher", [None, "context"])
def test_rounding_in_training_beats_rounding_afterwards(separated, teacher):
    """At 2 bits; with a teacher even if the labels of the training say nothing."""
    model, given = separated
    coarse = {"bits": 2, "granularity": "per_tensor"}
    after = ncl.UniformQuantization(**coarse)(model)
    if teacher:
        mute = ncl.Data(given.train.x, np.zeros_like(given.train.y))
        coarse |= {"teacher": teacher, "student_loss_weight": 0.0}
        given = replace(given, train=mute, teacher=model)

    step = QuantizationAwareTraining(step_size="learned", **coarse, **LONG)
    during = step(model, given)

    accuracies = [ncl.measure.accuracy(m, given.validation) for m in (after, during)]
    assert accuracies[1] > accuracies[0] + 0.05


@pytest.mark.parametrize(
    ("step_size", "clipping", "rtol"),
    # The logarithm of a scale and back is a rounding away from the scale.
    [("absmax", "absmax", 0), ("learned", "mse", 1e-6)],
)
def test_training_that_only_harms_leaves_what_rounding_makes(
    context, step_size, clipping, rtol
):
    right = replace(context, validation=context.train)
    model = ncl.FineTune(epochs=20, batch_size=8, learning_rate=0.01, patience=20)(
        tiny_models.sequential(), right
    )
    classes = model.output_shape[-1]
    wrong = ncl.Data(context.train.x, (context.train.y + 1) % classes)
    misled = replace(right, train=wrong)

    step = QuantizationAwareTraining(step_size=step_size, learning_rate=0.01, **SHORT)
    result = step(model, misled)

    rounded = ncl.UniformQuantization(clipping=clipping)(model)
    # Training draws from the generator of the dropout, which is no weight.
    for one, other in zip(result.get_weights(), rounded.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol)


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
