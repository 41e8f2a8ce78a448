"""Rounding that weighs errors against bits: the sum that it makes small, and the pass."""

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.quantization.arrays.rate_distortion import LARGEST, rate_round
from nncompress_lab.testing import tiny_models as all_tiny_models
from nncompress_lab.training.fisher import kernel_fisher


@pytest.fixture(scope="module")
def problem():
    """A matrix, correlated inputs and outputs that matter differently."""
    rng = np.random.default_rng(2)
    inputs = np.maximum(rng.normal(size=(400, 24)) @ rng.normal(size=(24, 24)), 0)
    moment = inputs.T @ inputs / len(inputs)
    return rng.laplace(size=(24, 40)), moment[None], rng.uniform(0.1, 2.0, 40)


def bits_of(codes):
    _, counts = np.unique(codes, return_counts=True)
    return float(-(counts * np.log2(counts / codes.size)).sum())


def loss_of(errors, moment, importance):
    return 0.5 * float(
        (importance * np.einsum("rc,rs,sc->c", errors, moment, errors)).sum()
    )


def cost_of(found, problem, rate):
    matrix, (moment,), importance = problem
    errors = matrix - found.step * found.codes
    return loss_of(errors, moment, importance) + rate * bits_of(found.codes)


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
def test_no_step_of_the_nearest_integers_costs_as_little(rate, problem):
    matrix, moments, importance = problem
    found = rate_round(matrix, moments, importance, rate=rate)
    cost = cost_of(found, problem, rate)
    for step in np.geomspace(found.step / 8, found.step * 8, 60):
        codes = np.clip(np.rint(matrix / step), -LARGEST, LARGEST)
        nearest = type(found)(codes, step)
        assert cost < cost_of(nearest, problem, rate)


def test_a_higher_rate_buys_fewer_bits(problem):
    found = [rate_round(*problem, rate=rate) for rate in (0.001, 0.01, 0.1, 1.0)]
    bits = [bits_of(one.codes) for one in found]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < bits[0] / 2


def test_outputs_that_matter_more_keep_smaller_errors(problem):
    matrix, moments, _ = problem
    importance = np.where(np.arange(40) < 20, 10.0, 0.1)
    found = rate_round(matrix, moments, importance, rate=0.5)
    errors = (moments[0] @ (matrix - found.step * found.codes) ** 2).sum(axis=0)
    assert errors[:20].mean() < errors[20:].mean()


def test_groups_of_outputs_have_inputs_of_their_own():
    """Where the inputs of the second half are all 0, its weights are worth no bits."""
    rng = np.random.default_rng(4)
    moments = np.stack([np.eye(9), np.zeros((9, 9))])
    matrix = rng.normal(size=(9, 8))
    both = rate_round(matrix, moments, np.ones(8), rate=1e-3).codes
    assert np.count_nonzero(both[:, :4]) > 30
    one = rate_round(matrix[:, :4], moments[:1], np.ones(4), rate=1e-3).codes
    assert np.abs(both[:, :4].astype(int) - one).max() <= np.abs(one.astype(int)).max()


def test_zeros_stay_and_nothing_becomes_nothing(problem):
    matrix, moments, importance = problem
    pruned = np.where(np.abs(matrix) < 0.5, 0, matrix)
    found = rate_round(pruned, moments, importance, rate=0.01)
    assert not found.codes[pruned == 0].any()
    assert not rate_round(0 * matrix, moments, importance, rate=0.01).codes.any()


@pytest.mark.parametrize("rate", [0.0, -1.0, np.inf, np.nan])
def test_a_bit_is_worth_something(rate, problem):
    with pytest.raises(ValueError, match="must be above 0"):
        rate_round(*problem, rate=rate)


def classifier(activation):
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(3, activation=activation, name="out")]
    )


@pytest.mark.contract
@pytest.mark.parametrize("activation", [None, "softmax"])
def test_the_information_of_a_linear_classifier_is_known(activation):
    """Of a weight it is the mean of its input's square times p(1 - p)."""
    model = classifier(activation)
    x = np.random.default_rng(1).normal(size=(1024, 6)).astype("float32")
    found = kernel_fisher(model, ncl.select(model), ncl.Data(x), batch_size=4)
    logits = np.asarray(x @ ncl.select(model)[0].arrays()[0])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.einsum("nr,nc->rc", x**2, p * (1 - p)) / len(x)
    # 256 looks at a square, whose spread is about 1.4 times its mean.
    np.testing.assert_allclose(found["out"][0], expected, rtol=0.45)
    assert np.mean(found["out"][0]) == pytest.approx(expected.mean(), rel=0.15)


@pytest.mark.parametrize("units", [1, 2])
def test_real_numbers_and_single_units_have_information_too(units):
    keras.utils.set_random_seed(7)
    activation = "sigmoid" if units == 2 else None
    layer = keras.layers.Dense(1, activation=activation, name="out")
    model = keras.Sequential([keras.Input((6,)), layer])
    x = np.random.default_rng(1).normal(size=(1024, 6)).astype("float32")
    found = kernel_fisher(model, ncl.select(model), ncl.Data(x), batch_size=4)["out"][0]
    output = model.predict(x, verbose=0)
    curvature = (
        output * (1 - output)
        if activation
        else np.full_like(output, output.var() ** -1)
    )
    np.testing.assert_allclose(
        found, np.mean(x**2 * curvature, axis=0)[:, None], rtol=0.45
    )


@pytest.fixture(scope="module")
def lenet5():
    return ncl.zoo.lenet5()


@pytest.fixture(scope="module")
def data():
    return ncl.data.fashion_mnist()


def test_less_of_the_file_says_as_much_as_error_compensation(lenet5, data):
    """The outputs diverge less than those of GPTQ in two thirds of the packed bytes."""
    context = ncl.Context.of(data, progress=False)
    compensated = ncl.GPTQ(bits=2, inputs="float")(lenet5, context)
    rated = ncl.RateAwareQuantization(rate=3e-8)(lenet5, context)
    assert ncl.packed_bytes(rated) < 0.67 * ncl.packed_bytes(compensated)
    near, far = (
        ncl.measure.divergence(lenet5, one, data.validation.x[:1000])
        for one in (rated, compensated)
    )
    assert near < far


def test_bits_are_those_of_the_packed_file(lenet5, data):
    context = ncl.Context(calibration=data.train.take(32), progress=False)
    rated = ncl.RateAwareQuantization(bits=1.0)(lenet5, context)
    weights = sum(one.size for one in ncl.select(lenet5))
    # The architecture, biases and scales take some 1.5 kB more.
    assert ncl.packed_bytes(rated) == pytest.approx(weights / 8 + 1500, rel=0.03)


def test_depthwise_kernels_are_rated_too():
    model = all_tiny_models.depthwise()
    x = np.random.default_rng(0).normal(size=(32, *model.input_shape[1:]))
    x = x.astype("float32")
    context = ncl.Context(calibration=x, progress=False)
    step = ncl.RateAwareQuantization(rate=1e-8)
    rated = step(model, context)
    treated = [path for path, reason in step.explain(model).items() if reason is None]
    assert any("depthwise" in path for path in treated)
    assert ncl.measure.divergence(model, rated, x) < 1e-2


@pytest.mark.parametrize(
    "settings",
    [{}, {"bits": 2.0, "rate": 1e-8}, {"bits": 8.0}, {"bits": 0.0}, {"rate": 0.0}],
    ids=["neither", "both", "all bits", "no bits", "no rate"],
)
def test_exactly_one_goal_within_its_range(settings):
    with pytest.raises(ValueError, match="Received"):
        ncl.RateAwareQuantization(**settings)
