"""Rounding that weighs errors against bits: the sum that it makes small, and the pass."""

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.quantization import rate_aware_quantization
from nncompress_lab.quantization.arrays.rate_distortion import LARGEST, rate_round
from nncompress_lab.quantization.arrays.rate_search import NEAR, made_of_bits
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
    # The last of its batches has fewer examples, which is traced as any number of them.
    x = np.random.default_rng(1).normal(size=(1023, 6)).astype("float32")
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
    # The last of its batches has fewer examples, which is traced as any number of them.
    x = np.random.default_rng(1).normal(size=(1023, 6)).astype("float32")
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


@pytest.fixture(scope="module")
def wide():
    """20,200 weights, inputs for them, and what the file has beside their codes."""
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Dense(200, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((100,)), *layers])
    x = np.random.default_rng(1).normal(size=(64, 100)).astype("float32")
    context = ncl.Context(calibration=x, progress=False)
    nothing = ncl.RateAwareQuantization(rate=1e9)(model, context)
    return model, context, ncl.packed_bytes(nothing)


def test_bits_are_those_of_the_packed_file(wide):
    model, context, beside = wide
    rated = ncl.RateAwareQuantization(bits=1.0)(model, context)
    weights = sum(one.size for one in ncl.select(model))
    assert ncl.packed_bytes(rated) - beside == pytest.approx(weights / 8, rel=0.02)


@pytest.mark.parametrize("limit", [2_500, 10**6])
def test_the_whole_file_is_no_larger_than_it_may_be(limit, wide):
    """And hardly smaller, unless eight bits a weight, 20 kB, are less than that."""
    model, context, _ = wide
    rated = ncl.RateAwareQuantization(packed_bytes=limit)(model, context)
    assert 0.98 * min(limit, 20_000) < ncl.packed_bytes(rated) <= limit


def test_a_file_that_rounding_cannot_make_is_refused():
    model = classifier(None)
    x = np.random.default_rng(1).normal(size=(32, 6)).astype("float32")
    context = ncl.Context(calibration=x, progress=False)
    with pytest.raises(ncl.CompressionError, match="packed_bytes=90; the smallest"):
        ncl.RateAwareQuantization(packed_bytes=90, select="*")(model, context)


@pytest.mark.parametrize("at_most", [False, True])
@pytest.mark.parametrize("bits", [0.01, 0.7, 3.0, 6.0])
def test_the_rate_of_some_bits_is_found(bits, at_most):
    """Also on a curve with steps, and one that ends."""

    def bits_at(rate):
        return min(7.0, round(8 / (1 + (rate / 3e-8) ** 0.6), 3))

    found, exact = made_of_bits(bits_at, float, bits, at_most=at_most)
    assert found == exact
    assert found == pytest.approx(bits, rel=NEAR, abs=1e-3)
    assert found <= bits or not at_most
    least, _ = made_of_bits(lambda rate: 2 + bits_at(rate), float, 1.0, at_most=at_most)
    assert least == pytest.approx(2, abs=1e-3)


def test_what_few_inputs_do_not_show_is_not_taken_for_nothing(monkeypatch):
    """Eight inputs of a hundred numbers, and as many bits: the others mean something."""
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Dense(60, activation="relu"), keras.layers.Dense(40)]
    model = keras.Sequential([keras.Input((100,)), *layers])
    x = np.random.default_rng(1).normal(size=(508, 100)).astype("float32")
    context = ncl.Context(calibration=x[:8], progress=False)
    objective = ncl.Objective(keras.losses.SparseCategoricalCrossentropy(True))
    step = ncl.RateAwareQuantization(bits=2.0)

    def divergence():
        return ncl.measure.divergence(
            model, step(model, context), x[8:], objective=objective
        )

    found = divergence()
    monkeypatch.setattr(rate_aware_quantization, "UNSEEN", 0)
    assert found < 0.7 * divergence()


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
    [
        {},
        {"bits": 2.0, "rate": 1e-8},
        {"rate": 1e-8, "packed_bytes": 9000},
        {"bits": 8.0},
        {"bits": 0.0},
        {"rate": 0.0},
        {"packed_bytes": 0},
    ],
    ids=["none", "two", "two others", "all bits", "no bits", "no rate", "no bytes"],
)
def test_exactly_one_goal_within_its_range(settings):
    with pytest.raises(ValueError, match="Received"):
        ncl.RateAwareQuantization(**settings)
