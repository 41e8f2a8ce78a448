"""Quantized activations in whole models: where, with which range, and with what else."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, to_numpy, walk
from nncompress_lab.models.layer_calls import layer_calls
from nncompress_lab.quantization.arrays.activation_ranges import MovingAverageObserver
from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize

pytestmark = pytest.mark.contract
W8 = ncl.UniformQuantization(bits=8)
A8 = ncl.ActivationQuantization(bits=8)


def outputs(model: keras.Model) -> np.ndarray:
    return to_numpy(model(tiny_models.images(), training=False))


def fake_quantizers(model: keras.Model) -> dict[str, FakeQuantize]:
    return {path: one for path, one in walk(model) if type(one) is FakeQuantize}


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_every_kernel_layer_but_a_look_up_has_a_rounded_input(build, context):
    model = build()

    result = A8(model, context)

    expected = [reason for reason in A8.explain(model).values() if reason is None]
    embeddings = [one for one in kernel_layers(model) if one.type_name == "Embedding"]
    assert len(fake_quantizers(result)) == len(expected)
    assert len(expected) + len(embeddings) == len(kernel_layers(model))
    assert {A8.explain(model)[one.path] for one in embeddings} <= {ncl.Skip.LOOKED_UP}


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_weights_and_activations_in_either_order_predict_about_the_same(build, context):
    model = build()

    one = outputs(ncl.pipeline(W8, A8)(model, context))
    other = outputs(ncl.pipeline(A8, W8)(model, context))

    # The ranges are found before and after the weights are rounded: one step of 8 bits
    # apart, through a few layers.
    spread = np.ptp(outputs(model)) + 1e-3
    np.testing.assert_allclose(one, other, atol=0.1 * spread)
    np.testing.assert_allclose(one, outputs(model), atol=0.2 * spread)


@pytest.mark.parametrize("symmetric", [True, False])
def test_min_max_covers_what_went_in_and_nothing_is_clipped(symmetric, context):
    step = ncl.ActivationQuantization(symmetric=symmetric)
    model = tiny_models.sequential()

    result = step(model, context)

    layers, found = kernel_layers(model), fake_quantizers(result)
    for call in layer_calls(model, layers, context.calibration.x):
        layer, inputs = call.layer, call.inputs
        rounding = found[f"{layer.path}_fake_quantize"]
        error = np.abs(to_numpy(rounding(inputs)) - inputs).max()
        # The range was found on inputs that had been rounded nowhere: half a step.
        assert error <= float(rounding.scale) * (0.5 + 1e-4)


@pytest.mark.parametrize(
    ("calibration", "outlier", "largest"),
    [
        ("percentile", 100, 1),
        # Clipping 6 to 3 costs 9, and steps half as wide save as much on 1536 numbers.
        ("mse", 6, 4),
    ],
)
def test_an_outlier_does_not_make_every_step_coarse(
    calibration, outlier, largest, context
):
    model = keras.Sequential(
        [keras.Input(tiny_models.IMAGE), keras.layers.Dense(4, name="dense")]
    )
    x = context.calibration.x.copy()
    x[0, 0, 0, 0] = outlier
    step = ncl.ActivationQuantization(bits=4, calibration=calibration, percentile=99)

    result = step(model, ncl.Context(calibration=ncl.Data(x, context.calibration.y)))

    (rounding,) = fake_quantizers(result).values()
    # The others fill [0, 1).
    assert float(rounding.scale) <= largest / 15


def test_a_moving_average_of_equal_ranges_is_that_range():
    observer = MovingAverageObserver(momentum=0.99)
    for _ in range(5):
        observer.add(np.float32([-1, 3]))

    assert observer.range() == pytest.approx((-1, 3))


def test_dynamic_ranges_need_no_data_and_follow_the_example():
    model = tiny_models.sequential()
    step = ncl.ActivationQuantization(calibration="dynamic")

    result = step(model)

    x = tiny_models.images()
    both = to_numpy(result(x, training=False))
    alone = to_numpy(result(x[:1], training=False))
    np.testing.assert_allclose(both[:1], alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(both, outputs(model), atol=0.05)


def test_static_ranges_need_calibration_data():
    with pytest.raises(ncl.MissingContextError, match="needs calibration"):
        A8(tiny_models.sequential())


def test_what_is_rounded_already_is_not_rounded_again(context):
    once = A8(tiny_models.transformer(), context)

    assert set(A8.explain(once).values()) <= {
        ncl.Skip.ALREADY_ROUNDED,
        ncl.Skip.NO_KERNEL,
    }


def test_a_selection_by_type_finds_quantized_layers_too(context):
    step = ncl.ActivationQuantization(select=ncl.Selection(types=("Conv2D",)))

    result = ncl.pipeline(W8, step)(tiny_models.sequential(), context)

    assert list(fake_quantizers(result)) == ["conv_fake_quantize"]


def test_inputs_of_a_layer_that_are_not_finite_are_refused(context):
    model = tiny_models.sequential()
    first = model.layers[0]
    first.kernel.assign(np.full(first.kernel.shape, 3e38))

    with pytest.raises(ValueError, match=r"inputs of \w+ are not all finite"):
        A8(model, context)


def test_macs_stay_and_training_goes_on(context):
    model = tiny_models.transformer()
    rounded = A8(model, context)
    least_likely = outputs(rounded).argmin(axis=-1)  # so that no epoch is worse
    all_wrong = ncl.Data(tiny_models.images(), least_likely)

    tuned = ncl.FineTune(epochs=1, batch_size=16)(
        rounded, replace(context, validation=all_wrong)
    )

    assert ncl.measure.macs(tuned) == ncl.measure.macs(model)
    before = {one.path: one.arrays()[0] for one in kernel_layers(rounded)}
    for one in kernel_layers(tuned):
        assert (one.arrays()[0] != before[one.path]).any()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"bits": 16}, ValueError, "bits=16"),
        ({"calibration": "max"}, ValueError, "calibration='max'"),
        ({"percentile": 0}, ValueError, "percentile=0"),
        ({"momentum": 1.0}, ValueError, "momentum=1.0"),
        ({"symmetric": 1}, TypeError, "symmetric=1"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        ncl.ActivationQuantization(**settings)
