"""The pass: its goals, its guard, its budgets, and what it leaves for other passes."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.lowrank.arrays.rank import break_even_rank
from nncompress_lab.lowrank.arrays.svd import energy_by_rank
from nncompress_lab.models.kernels import kernel_layers

tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="LiteRT is fed by TensorFlow"
)


def mlp() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Flatten(),
            layers.Dense(40, activation="relu", name="fc1"),
            layers.Dense(30, activation="relu", name="fc2"),
            layers.Dense(4, name="logits"),
        ],
        name="mlp",
    )


def kernel_of(model, name):
    return keras.ops.convert_to_numpy(model.get_layer(name).kernel)


def rank_of(model, name):
    return model.get_layer(f"{name}_left").units


def outputs(model, x=None):
    x = tiny_models.images() if x is None else x
    return keras.ops.convert_to_numpy(model(x, training=False))


def test_a_rank_is_a_number_or_a_fraction_of_the_full_rank():
    model = mlp()

    assert rank_of(ncl.LowRank(rank=3)(model), "fc1") == 3
    assert rank_of(ncl.LowRank(rank=0.25)(model), "fc1") == 10


def test_the_product_of_the_factors_is_the_best_of_its_rank():
    model = mlp()

    result = ncl.LowRank(rank=7)(model)

    kernel = kernel_of(model, "fc1").astype(np.float64)
    tail = np.linalg.svd(kernel, compute_uv=False)[7:]
    product = kernel_of(result, "fc1_left") @ kernel_of(result, "fc1_right")
    # Eckart and Young; float32 factors are rounded to 1e-7 of their size.
    error = np.linalg.norm(kernel - product)
    assert error == pytest.approx(np.linalg.norm(tail), rel=1e-5)


@pytest.mark.parametrize("goal", [{"energy": 0.5}, {"error": 0.75}])
def test_a_goal_for_each_layer_is_met_by_the_smallest_rank(goal):
    model = mlp()
    least = goal.get("energy", 1 - goal.get("error", 0) ** 2)

    rank = rank_of(ncl.LowRank(**goal)(model), "fc1")

    kept = energy_by_rank(kernel_of(model, "fc1"))
    assert kept[rank - 1] >= least > kept[rank - 2]


def test_a_layer_whose_factors_would_be_no_smaller_stays():
    model = mlp()
    step = ncl.LowRank(rank=break_even_rank(30, 40))

    result = step(model)

    assert step.explain(model) == {
        "fc1": None,
        "fc2": None,
        "logits": ncl.Skip.NOT_SMALLER,
    }
    assert [one.name for one in result.layers[-1:]] == ["logits"]
    assert result.count_params() < model.count_params()
    more = ncl.LowRank(rank=step.rank + 1).explain(model)
    assert more["fc2"] == ncl.Skip.NOT_SMALLER


BUDGETS = [{"parameters": 0.6}, {"macs": 0.6}, {"macs": 1.0}]


@pytest.mark.parametrize(
    ("build", "budget"),
    tiny_models.in_turn(tiny_models.BUILDERS, BUDGETS, each=2),
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_budget_is_kept_as_the_report_counts_it(build, budget):
    model = tiny_models.built(build)
    step = ncl.LowRank(**budget)
    ((name, share),) = budget.items()
    fixed = (ncl.Skip.NOT_SUPPORTED, ncl.Skip.GROUPED)
    left = [path for path, why in step.explain(model).items() if why in fixed]

    def count(model):
        counts = {one.path: one.size for one in kernel_layers(model)}
        if name == "macs":
            counts = ncl.measure.layer_macs(model)
            counts.pop("attention", None)  # the products of its inputs
        return sum(number for path, number in counts.items() if path not in left)

    assert count(step(model)) <= share * count(model)


def test_a_full_budget_leaves_everything():
    model = tiny_models.transformer()

    reasons = ncl.LowRank(parameters=1.0).explain(model)

    assert set(reasons.values()) == {ncl.Skip.WITHIN_BUDGET, ncl.Skip.NO_KERNEL}


def test_a_budget_keeps_more_energy_than_one_rank_for_all():
    # fc1 has four directions, fc2 has many: equal ranks suit neither.
    model = mlp()
    thin = np.random.default_rng(0).normal(size=(192, 4))
    model.get_layer("fc1").kernel.assign(thin @ thin[:40].T)

    result = ncl.LowRank(parameters=0.2)(model)

    assert rank_of(result, "fc1") == 4
    names = {one.name for one in result.layers}
    assert "fc2" in names or rank_of(result, "fc2") > 4


@pytest.mark.parametrize("name", ["parameters", "macs"])
def test_a_budget_that_cannot_be_met_says_what_can(name):
    with pytest.raises(ValueError, match=rf"{name}=0\.001.* Take at least 0\.0"):
        ncl.LowRank(**{name: 0.001})(mlp())


@pytest.mark.parametrize(
    ("build", "goal"),
    tiny_models.in_turn(tiny_models.BUILDERS, [{"rank": 2}, {"macs": 0.5}]),
    ids=lambda one: getattr(one, "__name__", None),
)
def test_in_the_same_shape_the_outputs_are_those_of_two_layers(build, goal):
    model = tiny_models.built(build)

    thin = ncl.LowRank(**goal)(model)
    same = ncl.LowRank(**goal, same_shape=True)(model)

    assert same.count_params() == model.count_params() > thin.count_params()
    # Two products in float32 in place of one.
    np.testing.assert_allclose(outputs(same), outputs(thin), rtol=1e-4, atol=1e-5)


def test_with_data_the_outputs_are_nearer_than_without():
    generator = np.random.default_rng(0)
    scales = np.where(np.arange(192) < 20, 1, 0.01).reshape(8, 8, 3)
    x = (generator.normal(size=(200, 8, 8, 3)) * scales).astype(np.float32)
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten()])
    model.add(layers.Dense(40, name="fc"))
    data = ncl.Data(x, np.zeros(200, np.int32))

    aware = ncl.LowRank(rank=8, data_aware=True)(model, ncl.Context(calibration=data))
    plain = ncl.LowRank(rank=8)(model)

    def error(result):
        return np.linalg.norm(outputs(result, x) - outputs(model, x))

    assert error(aware) < 0.8 * error(plain)


def test_with_data_the_calibration_is_asked_for():
    assert ncl.LowRank(rank=1).needs == frozenset()
    with pytest.raises(ncl.MissingContextError, match="calibration"):
        ncl.LowRank(rank=1, data_aware=True)(mlp())


def test_what_cannot_be_factored_is_named_with_a_reason():
    class OwnTimeDistributed(layers.TimeDistributed):
        pass

    model = keras.Sequential(
        [
            keras.Input((6, 6, 8)),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Conv2D(8, 3, groups=4, name="grouped"),
            layers.BatchNormalization(name="bn"),
            OwnTimeDistributed(layers.Dense(9, name="inner"), name="td"),
            layers.Dense(12, name="fc"),
            layers.Dense(1, name="column"),
        ]
    )

    assert ncl.LowRank(rank=2).explain(model) == {
        "depthwise": ncl.Skip.NOT_SUPPORTED,
        "grouped": ncl.Skip.GROUPED,
        "bn": ncl.Skip.NO_KERNEL,
        "td/inner": ncl.Skip.NOT_REPLACEABLE,
        "fc": None,
        "column": ncl.Skip.NOT_SMALLER,
    }


def test_a_kernel_of_zeros_becomes_factors_of_zeros():
    model = mlp()
    model.get_layer("fc1").kernel.assign(np.zeros((192, 40)))

    result = ncl.LowRank(energy=0.9)(model)

    assert rank_of(result, "fc1") == 1
    assert not kernel_of(result, "fc1_left").any()


def test_a_kernel_that_is_not_finite_is_refused_with_its_name():
    model = mlp()
    model.get_layer("fc2").kernel.assign(np.full((40, 30), np.nan))

    with pytest.raises(ValueError, match="Cannot factor fc2"):
        ncl.LowRank(energy=0.9)(model)


def test_quantized_layers_are_left_alone_and_thin_ones_can_be_quantized():
    model = tiny_models.transformer()
    step = ncl.LowRank(rank=2)

    quantized = ncl.UniformQuantization(bits=8)(model)
    thin = ncl.UniformQuantization(bits=8)(step(model))

    reasons = step.explain(quantized)
    assert {path for path, reason in reasons.items() if reason is None} == set()
    assert reasons["attention/query"] == ncl.Skip.NOT_FLOAT
    stored = {type(one.layer).__name__ for one in kernel_layers(thin)}
    assert {"QuantizedEinsumDense", "QuantizedConv2D"} <= stored
    np.testing.assert_allclose(
        outputs(ncl.dequantized(thin)), outputs(thin), rtol=1e-5, atol=1e-5
    )


def test_the_selection_still_finds_the_layers_by_their_names():
    thin = ncl.LowRank(rank=2)(tiny_models.transformer())

    found = ncl.select(thin, names=("attention/query*", "mlp*"))

    assert [one.path for one in found] == [
        "attention/query/query_left",
        "attention/query/query_right",
        "mlp_left",
        "mlp_right",
    ]


def test_pruning_and_fine_tuning_go_on_with_the_thin_layers(context):
    model = tiny_models.sequential()
    step = ncl.pipeline(
        ncl.LowRank(rank=3),
        ncl.MagnitudePruning(sparsity=0.5),
        ncl.FineTune(epochs=1, batch_size=16),
    )

    result = step(model, context)

    left = next(one for one in kernel_layers(result) if one.path == "hidden_left")
    (kernel,) = left.arrays()
    assert np.count_nonzero(kernel == 0) == kernel.size // 2
    assert np.isfinite(outputs(result)).all()


@tensorflow_only
def test_a_runtime_takes_the_result(tmp_path):
    result = ncl.LowRank(rank=2)(tiny_models.transformer())

    # Two runtimes sum float32 in different orders.
    assert ncl.export(result, tmp_path / "thin.tflite") < 1e-4


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "Exactly one of"),
        ({"rank": 2, "energy": 0.5}, ValueError, "Exactly one of"),
        ({"rank": 0}, ValueError, "`rank` must be a whole number"),
        ({"rank": 1.0}, ValueError, "`rank` must be a whole number"),
        ({"rank": 0.0}, ValueError, "`rank` must be a whole number"),
        ({"rank": True}, TypeError, "`rank` must be None or a number"),
        ({"rank": "2"}, TypeError, "`rank` must be None or a number"),
        ({"energy": 0}, ValueError, "`energy`"),
        ({"error": 1}, ValueError, "`error`"),
        ({"parameters": 0}, ValueError, "`parameters`"),
        ({"macs": 1.5}, ValueError, "`macs`"),
        ({"rank": 1, "data_aware": 1}, TypeError, "`data_aware`"),
        ({"rank": 1, "same_shape": None}, TypeError, "`same_shape`"),
        ({"rank": 1, "method": "random"}, ValueError, "`method`"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        ncl.LowRank(**options)
