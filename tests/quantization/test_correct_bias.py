"""Bias correction: afterwards each channel has the mean that it had."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, other_variables, to_numpy
from nncompress_lab.quantization.correct_bias import _mean_outputs

pytestmark = pytest.mark.contract
W3 = ncl.UniformQuantization(bits=3)
REPAIRED = ncl.pipeline(ncl.FoldBatchNorm(), W3, ncl.CorrectBias())


def mean_outputs(model: keras.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    return _mean_outputs(model, chosen(model), x)


def chosen(model: keras.Model):
    reasons = ncl.CorrectBias().explain(model)
    return [one for one in kernel_layers(model) if reasons[one.path] is None]


# But for the shared layer, whose bias changes the inputs of its own second use.
@pytest.mark.parametrize(
    "build",
    [build for build in tiny_models.BUILDERS if build is not tiny_models.shared],
    ids=lambda b: b.__name__,
)
def test_each_channel_has_the_mean_that_it_had(build, context):
    model = tiny_models.built(build)
    folded = ncl.FoldBatchNorm()(model)
    x = context.calibration.x
    expected = mean_outputs(folded, x)

    repaired = mean_outputs(REPAIRED(model, context), x)

    shifted = mean_outputs(W3(folded), x)
    assert expected.keys() == repaired.keys()
    for path, mean in expected.items():
        # What is left is the rounding of float32 sums.
        np.testing.assert_allclose(
            repaired[path], mean, rtol=1e-3, atol=1e-3 * np.abs(mean).max()
        )
    assert any(
        np.abs(shifted[path] - mean).max() > 5e-3 for path, mean in expected.items()
    )


def test_rows_and_bias_give_the_mean_of_the_outputs(context):
    model = tiny_models.randomize_statistics(tiny_models.transformer())
    x = context.calibration.x
    entry = keras.Model(model.input, model.get_layer("patches").output)

    mean = mean_outputs(model, x)["patches"]

    expected = to_numpy(entry(x)).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(mean, expected, rtol=1e-5)


def test_kernels_are_left_as_they_are(context):
    model = tiny_models.sequential()
    quantized = W3(model)

    repaired = ncl.pipeline(W3, ncl.CorrectBias())(model, context)

    for one, other in zip(
        kernel_layers(quantized), kernel_layers(repaired), strict=True
    ):
        np.testing.assert_array_equal(one.arrays()[0], other.arrays()[0])
        (before,), (after,) = other_variables(one.layer), other_variables(other.layer)
        assert (to_numpy(before) != to_numpy(after)).any()


def test_it_repairs_quantization_and_nothing_before_it(context):
    model = tiny_models.sequential()
    pruned = ncl.MagnitudePruning(sparsity=0.5)

    repaired = ncl.pipeline(pruned, W3, ncl.CorrectBias())(model, context)

    expected = mean_outputs(pruned(model), context.calibration.x)
    for path, mean in mean_outputs(repaired, context.calibration.x).items():
        np.testing.assert_allclose(mean, expected[path], rtol=1e-3, atol=1e-4)


def test_activations_are_corrected_too(context):
    a3 = ncl.ActivationQuantization(bits=3)
    model = tiny_models.sequential()

    repaired = ncl.pipeline(W3, a3, ncl.CorrectBias())(model, context)

    expected = mean_outputs(model, context.calibration.x)
    for path, mean in mean_outputs(repaired, context.calibration.x).items():
        np.testing.assert_allclose(mean, expected[path], rtol=1e-3, atol=1e-4)


def test_only_the_first_examples_are_used(context):
    model = tiny_models.sequential()
    x, y = context.calibration.x, context.calibration.y
    spoiled = np.concatenate([x[:8], 100 * x[8:]])
    contexts = [ncl.Context(calibration=ncl.Data(one, y)) for one in (x, spoiled)]

    first, second = (
        ncl.pipeline(W3, ncl.CorrectBias(examples=8))(model, one) for one in contexts
    )

    tiny_models.assert_same_weights(first, second)


def test_no_examples_are_refused():
    with pytest.raises(ValueError, match="`examples` must be at least 1"):
        ncl.CorrectBias(examples=0)


def test_a_layer_without_bias_is_named(context):
    model = tiny_models.residual()

    assert ncl.CorrectBias().explain(model)["stem"] == ncl.Skip.NO_BIAS


def test_alone_it_needs_the_model_before_quantization(context):
    with pytest.raises(ncl.MissingContextError, match="needs unquantized"):
        ncl.CorrectBias()(W3(tiny_models.sequential()), context)


def test_another_model_is_refused(context):
    other = ncl.Context(
        calibration=context.calibration, unquantized=tiny_models.nested()
    )

    with pytest.raises(ValueError, match="the same model before it was"):
        ncl.CorrectBias()(tiny_models.sequential(), other)
