"""Passes that choose weights by data: exact counts, every layer, and what they keep."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import Skip, channel_axes, kernel_layers, to_numpy
from nncompress_lab.models.layer_inputs import input_second_moments
from nncompress_lab.models.patches import as_matrix
from nncompress_lab.pruning.nm_pruning import NMPruning, input_axis
from nncompress_lab.pruning.optimal_brain_pruning import OptimalBrainPruning
from nncompress_lab.pruning.score_pruning import ScorePruning

pytestmark = pytest.mark.contract


def every_model(function):
    builders = tiny_models.BUILDERS
    return pytest.mark.parametrize("build", builders, ids=lambda b: b.__name__)(
        function
    )


def treated(step, model):
    """Layers of the result that were pruned, each with a kernel and its name."""
    reasons = step.explain(model)
    for layer in kernel_layers(model):
        if reasons[layer.path] is None:
            for name, array in zip(layer.kernel_names, layer.arrays(), strict=True):
                yield layer.layer, name, array


@every_model
def test_wanda_drops_the_same_number_from_each_output(build, context):
    step = ScorePruning(sparsity=0.5, select="*")

    result = step(tiny_models.built(build), context)

    for layer, name, array in treated(step, result):
        zeros = as_matrix(array == 0, channel_axes(layer, name, array.ndim))
        assert (zeros.sum(axis=0) == round(0.5 * len(zeros))).all()


@pytest.mark.parametrize("score", ["magnitude", "taylor", "wanda"])
def test_a_global_ranking_drops_the_exact_number(score, context):
    step = ScorePruning(sparsity=0.7, score=score, scope="global", select="*")

    result = step(tiny_models.every_layer(), context)

    arrays = [array for _, _, array in treated(step, result)]
    total = sum(array.size for array in arrays)
    assert sum(int((array == 0).sum()) for array in arrays) == round(0.7 * total)


def test_magnitude_scores_prune_as_the_magnitude_pass(context):
    model = tiny_models.residual()

    one = ScorePruning(sparsity=0.6, score="magnitude", scope="global")(model, context)
    other = ncl.MagnitudePruning(sparsity=0.6, scope="global")(model)

    for first, second in zip(
        tiny_models.weights_of(one), tiny_models.weights_of(other), strict=True
    ):
        np.testing.assert_array_equal(first, second)


def blind_to_half() -> tuple[keras.Model, ncl.Context]:
    """A Dense layer whose second half of inputs is always zero."""
    x = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    x[:, 4:] = 0
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="dense")])
    data = ncl.Data(x, np.arange(64, dtype=np.int32) % 4)
    return model, ncl.Context(train=data, calibration=data)


@pytest.mark.parametrize(
    "step",
    [
        ScorePruning(sparsity=0.5, score="wanda"),
        ScorePruning(sparsity=0.5, score="taylor"),
        OptimalBrainPruning(sparsity=0.5),
    ],
    ids=lambda one: one.label,
)
def test_weights_of_inputs_that_are_always_zero_go_first(step):
    model, context = blind_to_half()

    result = step(model, context)

    kernel = to_numpy(result.get_layer("dense").kernel)
    assert kernel[:4].all()
    assert not kernel[4:].any()


@every_model
def test_two_of_four_inputs_of_each_output_are_left(build, context):
    step = NMPruning(n=2, m=4)

    result = step(build())

    for layer, name, array in treated(step, result):
        axis = input_axis(layer, name, array.ndim)
        if axis is None:
            assert array.all()
            continue
        last = np.moveaxis(array, axis, -1)
        for start in range(0, last.shape[-1], 4):
            group = last[..., start : start + 4]
            kept = np.count_nonzero(group, axis=-1)
            assert (kept == min(2, group.shape[-1])).all()


def test_n_m_takes_the_weights_that_wanda_prefers():
    model, context = blind_to_half()
    kernel = np.ones((8, 4), np.float32)
    kernel[[0, 2]] = 0.5  # small, but with large inputs
    model.layers[0].kernel.assign(kernel)
    context.calibration.x[:, [0, 2]] *= 100

    result = NMPruning(score="wanda")(model, context)

    np.testing.assert_array_equal(
        to_numpy(result.layers[0].kernel)[:4, 0], [0.5, 0, 0.5, 0]
    )


@every_model
def test_compensation_is_exact_and_nearer_than_dropping_alone(build, context):
    model = build()
    step = OptimalBrainPruning(sparsity=0.5, select="*")

    result = step(model, context)

    reasons = step.explain(model)
    layers = [one for one in kernel_layers(model) if reasons[one.path] is None]
    moments = input_second_moments(model, layers, context.calibration.x)
    pruned = {layer.path: layer for layer in kernel_layers(result)}
    for layer in layers:
        for name, before, after in zip(
            layer.kernel_names, layer.arrays(), pruned[layer.path].arrays(), strict=True
        ):
            channels = channel_axes(layer.layer, name, before.ndim)
            moment = moments[layer.path][name]
            groups = len(moment)
            old, new = (
                as_matrix(one, channels).reshape(moment.shape[1], groups, -1)
                for one in (before, after)
            )
            part = round(0.5 * new[:, 0].size)
            assert (new == 0).sum() == part * groups
            errors = [
                np.einsum("rgc,grs,sgc->", one - old, moment, one - old)
                for one in (new, np.where(new == 0, 0, old))
            ]
            # The damping trades a little error for small weights.
            assert errors[0] <= errors[1] * 1.01 + 1e-6


def test_compensation_keeps_more_of_the_outputs_than_magnitude_does(context):
    model = tiny_models.sequential()
    x = context.calibration.x

    def distance(step):
        return np.square(to_numpy(step(model, context)(x) - model(x))).mean()

    ours = distance(OptimalBrainPruning(sparsity=0.5))

    assert ours < 0.5 * distance(ncl.MagnitudePruning(sparsity=0.5))


@every_model
def test_compensation_in_a_pattern_is_nearer_than_the_pattern_alone(build, context):
    model, x = tiny_models.built(build), context.calibration.x
    step = OptimalBrainPruning(n=2, m=4)

    result = step(model, context)

    for layer, name, array in treated(step, result):
        axis = input_axis(layer, name, array.ndim)
        if axis is None:
            assert array.all()
            continue
        kept = np.moveaxis(array, axis, -1) != 0
        counts = [kept[..., i : i + 4].sum(-1) for i in range(0, kept.shape[-1], 4)]
        assert np.max(counts) <= 2

    def distance(compressed):
        return np.square(to_numpy(compressed(x) - model(x))).mean()

    assert distance(result) < 0.7 * distance(NMPruning()(model, context))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "step",
    [NMPruning(), ScorePruning(sparsity=0.5), OptimalBrainPruning(sparsity=0.5)],
    ids=lambda one: one.label,
)
def test_fine_tuning_keeps_what_was_pruned(step, context):
    pruned = step(tiny_models.transformer(), context)

    tuned = ncl.FineTune(epochs=1, batch_size=8, learning_rate=0.01)(pruned, context)

    for before, after in zip(kernel_layers(pruned), kernel_layers(tuned), strict=True):
        for one, other in zip(before.arrays(), after.arrays(), strict=True):
            np.testing.assert_array_equal(one == 0, other == 0)
            assert not np.signbit(other[other == 0]).any()  # -0.0 does not pack


@pytest.mark.parametrize(
    "step",
    [
        ScorePruning(sparsity=0.2),
        NMPruning(n=3, m=4),
        OptimalBrainPruning(sparsity=0.2),
    ],
    ids=lambda one: one.label,
)
def test_what_was_pruned_before_stays_pruned(step, context):
    pruned = ncl.MagnitudePruning(sparsity=0.6)(tiny_models.depthwise())

    again = step(pruned, context)

    for before, after in zip(kernel_layers(pruned), kernel_layers(again), strict=True):
        for one, other in zip(before.arrays(), after.arrays(), strict=True):
            assert not other[one == 0].any()


def test_layers_that_cannot_be_scored_are_named_with_a_reason():
    model = tiny_models.every_layer()

    assert ScorePruning(sparsity=0.5).explain(model)["embedding"] == Skip.NO_ROWS
    assert OptimalBrainPruning(sparsity=0.5).explain(model)["embedding"] == Skip.NO_ROWS
    assert (
        ScorePruning(sparsity=0.5, score="taylor").explain(model)["embedding"] is None
    )
    assert NMPruning().explain(model)["depthwise1d"] == Skip.NO_GROUPS
    assert NMPruning().explain(model)["separable1d"] is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (OptimalBrainPruning, "Exactly one of"),
        (lambda: OptimalBrainPruning(sparsity=0.5, n=2, m=4), "Exactly one of"),
        (lambda: OptimalBrainPruning(n=2), "1 <= n <= m"),
        (lambda: OptimalBrainPruning(n=5, m=4), "1 <= n <= m"),
        (lambda: ScorePruning(sparsity=1.0), "`sparsity`"),
        (
            lambda: ScorePruning(sparsity=0.5, score="movement"),
            "`score` must be one of",
        ),
        (lambda: ScorePruning(sparsity=0.5, scope="model"), "`scope` must be one of"),
        (lambda: NMPruning(n=5), "1 <= n <= m"),
        (lambda: NMPruning(score="l1"), "`score` must be one of"),
        (lambda: OptimalBrainPruning(sparsity=-1), "`sparsity`"),
        (lambda: OptimalBrainPruning(sparsity=0.5, damping=-1), "`damping`"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("scope", ["output", "layer", "global", "adaptive"])
@pytest.mark.parametrize("score", ["taylor", "wanda"])
def test_what_is_zero_goes_first(scope, score):
    # An input that is always zero gives half the weights no score at all.
    x = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    x[:, :4] = 0
    data = ncl.Data(x, np.arange(64) % 3)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64, name="one")])
    halved = ncl.MagnitudePruning(sparsity=0.5, scope="layer")(model)

    result = ScorePruning(sparsity=0.5, score=score, scope=scope, loss="mse")(
        halved, ncl.Context(train=ncl.Data(x, np.zeros((64, 64))), calibration=data)
    )

    np.testing.assert_array_equal(result.layers[0].kernel, halved.layers[0].kernel)


@pytest.mark.parametrize(
    "step",
    [ncl.OptimalBrainPruning(sparsity=0.5), ncl.OptimalBrainPruning(n=1, m=2)],
    ids=["sparsity", "pattern"],
)
def test_compensation_never_makes_weights_that_the_type_cannot_hold(step):
    """Of two equal inputs, what is left would take both weights: twice the largest."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, use_bias=False)])
    model.layers[0].kernel.assign(np.full((4, 3), 3e38, np.float32))
    x = np.repeat(np.random.default_rng(0).normal(size=(64, 2)), 2, axis=1) / 100

    result = step(model, ncl.Context(calibration=x.astype(np.float32)))

    kernel = keras.ops.convert_to_numpy(result.layers[0].kernel)
    assert np.isfinite(kernel).all()
    assert np.count_nonzero(kernel) == 6


@pytest.mark.parametrize("step", [ncl.OptimalBrainPruning(sparsity=0.5)])
def test_inputs_of_a_layer_that_are_not_finite_are_named(step):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4), layers.Dense(3, name="second")]
    )
    model.layers[0].kernel.assign(np.full((4, 4), 3e38, np.float32))

    with pytest.raises(ValueError, match="goes into the layer 'second' must be finite"):
        step(model, ncl.Context(calibration=np.ones((8, 4), np.float32)))


@pytest.mark.parametrize(
    "step",
    [
        ScorePruning(sparsity=0.5, score="taylor"),
        ncl.ChannelPruning(sparsity=0.5, criterion="taylor"),
        ncl.GradualPruning(
            sparsity=0.5, score="taylor", curve="constant", epochs=1, learning_rate=1e-9
        ),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.usefixtures("eagerly")
def test_examples_that_do_not_count_have_no_say_in_a_score_by_gradients(step, context):
    train, count = context.train, len(context.train) // 2
    weight = np.where(np.arange(2 * count) < count, 1.0, 0.0)
    others = [train.y.copy(), train.y.copy()]
    others[1][count:] = (train.y[count:] + 1) % 4  # other labels where nothing counts
    model, results = tiny_models.sequential(), []
    for y in others:
        data = ncl.Data(train.x, y, weight)
        parts = ncl.Context(
            train=data, validation=data, calibration=data, progress=False
        )
        results.append(step(model, parts))

    for one, other in zip(*map(tiny_models.weights_of, results), strict=True):
        np.testing.assert_array_equal(one == 0, other == 0)
