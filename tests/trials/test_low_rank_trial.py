"""A low-rank trial shows what the pass does, to the last bit."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.trials.arrays.product_error import few_inputs, relative_error
from nncompress_lab.trials.low_rank import LowRankTrial
from nncompress_lab.trials.replacing import KEPT

LATENCY = {"latency_ms", "speedup", "latency_band"}


def trial_of(model: keras.Model, **settings) -> LowRankTrial:
    return LowRankTrial(model, tiny_models.context().validation, **settings)


def kernels(model: keras.Model) -> dict[str, np.ndarray]:
    return {one.path: one.arrays()[0] for one in kernel_layers(model)}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_kernels_and_costs_are_those_of_the_pass(build):
    model = build()
    trial = trial_of(model)
    steps = dict.fromkeys(trial.layers, ncl.LowRank(rank=2))
    result = ncl.LowRank(rank=2)(model)
    products = ncl.LowRank(rank=2, same_shape=True)(model)

    assert trial.accuracy(steps) == measure.accuracy(products, trial.data)
    with trial._measuring.under(steps) as copy:
        for path, kernel in kernels(copy).items():
            assert kernel.tobytes() == kernels(products)[path].tobytes()
        x = tiny_models.images()
        # In float32 a product is rounded before it is multiplied, or after.
        np.testing.assert_allclose(result(x), copy(x), rtol=1e-3, atol=1e-4)
    assert trial.counted(steps) == {
        "parameters": measure.parameters(result),
        "macs": measure.macs(result),
    }


@pytest.mark.usefixtures("eagerly")
def test_each_layer_has_a_rank_of_its_own():
    model = tiny_models.sequential()
    trial = trial_of(model)
    steps = {
        "hidden": ncl.LowRank(rank=trial.break_even("hidden")),
        "conv": ncl.LowRank(rank=1),
    }

    result = trial.setting(steps)(model)

    names = [layer.name for layer in result.layers]
    assert {"conv_left", "conv_right", "hidden_left", "hidden_right"} <= {*names}
    assert trial.counted(steps)["macs"] == measure.macs(result)
    x = tiny_models.images()
    with trial._measuring.under(steps) as copy:
        np.testing.assert_allclose(result(x), copy(x), rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_a_choice_leaves_nothing_of_the_one_before():
    model = tiny_models.sequential()
    trial = trial_of(model)

    for ranks in ({"hidden": 2, "conv": 1}, {"hidden": 1}, {}):
        choice = {path: ncl.LowRank(rank=one) for path, one in ranks.items()}
        trial.accuracy(choice)

    with trial._measuring.under({}) as copy:
        tiny_models.assert_same_weights(copy, model)
    assert trial.original["accuracy"] == measure.accuracy(model, trial.data)


@pytest.mark.usefixtures("eagerly")
def test_beyond_break_even_the_layer_stays_as_in_the_pass():
    model = tiny_models.sequential()
    trial = trial_of(model)
    rank = trial.break_even("hidden") + 1

    choice = {"hidden": ncl.LowRank(rank=rank)}

    assert trial.replacement(choice, "hidden") is None
    assert trial.counted(choice) == trial.counted({})
    assert trial.counted(choice)["parameters"] == measure.parameters(
        trial.setting(choice)(model)
    )
    assert trial.cut("hidden", rank).factors.rank == rank  # to be shown all the same


@pytest.mark.usefixtures("eagerly")
def test_a_cut_says_what_it_drops_of_the_weights_and_of_the_outputs():
    model = tiny_models.sequential()
    trial = trial_of(model)

    cut = trial.cut("hidden", 2)

    values = np.linalg.svd(kernels(model)["hidden"], compute_uv=False)
    np.testing.assert_allclose(cut.singular_values, values / values[0], atol=1e-4)
    dropped = 1 - cut.energies[1]
    assert cut.weight_error == pytest.approx(np.sqrt(dropped), rel=1e-4)
    layer = model.get_layer("hidden")
    inputs = keras.Model(model.inputs[0], layer.input)(trial.data.x, training=False)
    x = keras.ops.convert_to_numpy(inputs).astype(np.float64)
    lost = x @ (cut.matrix - cut.product)
    expected = np.linalg.norm(lost) / np.linalg.norm(x @ cut.matrix)
    assert cut.output_error == pytest.approx(expected, rel=1e-4)


def test_an_error_is_relative_and_zero_where_nothing_is_lost():
    matrix = np.diag([3.0, 4.0])

    assert relative_error(matrix, matrix) == 0.0
    assert relative_error(matrix * 0, matrix * 0) == 0.0
    assert relative_error(matrix, np.diag([0.0, 4.0])) == 0.6
    assert relative_error(matrix, -matrix) == 2.0


@pytest.mark.parametrize("count", [3, 40])
def test_few_inputs_do_to_a_matrix_what_many_do(count):
    generator = np.random.default_rng(0)
    x, matrix = generator.normal(size=(count, 9)), generator.normal(size=(9, 4))

    few = few_inputs(x.T @ x)

    assert len(few) == min(count, 9)
    assert np.linalg.norm(few @ matrix) == pytest.approx(np.linalg.norm(x @ matrix))
    assert len(few_inputs(np.zeros((9, 9)))) == 0


def test_an_embedding_has_weights_to_err_in_and_no_outputs():
    tokens = layers.Embedding(30, 12, name="tokens")
    model = keras.Sequential(
        [keras.Input((5,), dtype="int32"), tokens, layers.Flatten(), layers.Dense(3)]
    )
    data = ncl.Data(np.zeros((4, 5), np.int32), np.zeros(4, int))

    cut = LowRankTrial(model, data).cut("tokens", 3)

    assert cut.output_error is None
    assert 0 < cut.weight_error < 1


@pytest.mark.usefixtures("eagerly")
def test_the_smaller_model_is_weighed_and_timed_at_rest():
    model = tiny_models.sequential()
    trial = trial_of(model, timed=True)
    choice = {"hidden": ncl.LowRank(rank=2)}

    weighed = trial.weighed(choice)

    sizes = measure.file_sizes(trial.setting(choice)(model))
    # Keras numbers all tensors of a session, and the file holds these names.
    assert weighed["keras_bytes"] == pytest.approx(sizes.keras, abs=400)
    assert weighed["packed_bytes"] == pytest.approx(sizes.packed, abs=100)
    assert weighed.keys() == {"keras_bytes", "packed_bytes"} | LATENCY
    assert weighed["latency_ms"] > 0
    assert weighed["latency_band"] >= 0.02
    assert not LATENCY & trial.original.keys()  # nothing to race against
    assert not LATENCY & trial_of(model).weighed(choice).keys()
    assert trial.built(dict(choice)) is trial.built(choice)


def test_the_last_ranks_of_a_layer_are_kept_and_no_more():
    trial = trial_of(tiny_models.sequential())

    def held(rank):
        return trial.replacement({"hidden": ncl.LowRank(rank=rank)}, "hidden")

    first = held(1)
    for rank in range(2, KEPT + 1):
        held(rank)
    assert held(1) is first
    held(KEPT + 1)
    assert held(1) is not first


def test_an_unknown_layer_is_an_error_that_names_the_others():
    trial = trial_of(tiny_models.sequential())

    for ask in (trial.setting, trial.measured):
        with pytest.raises(ValueError, match=r"no layer 'dense'.*It has: .*hidden"):
            ask({"dense": ncl.LowRank(rank=1)})


def test_a_model_without_a_matrix_is_refused():
    model = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten()])
    data = ncl.Data(np.zeros((2, 2, 2, 1), np.float32), np.zeros(2, int))

    with pytest.raises(UnsupportedModelError, match="no layer that can be replaced"):
        LowRankTrial(model, data)


@pytest.mark.usefixtures("eagerly")
def test_what_is_counted_while_a_hand_moves_factors_no_matrix(monkeypatch):
    trial = trial_of(tiny_models.sequential())
    monkeypatch.setattr(trial, "_replace", lambda *_: pytest.fail("factored"))

    counted = trial.counted({trial.largest: ncl.LowRank(rank=1)})

    assert counted["macs"] < trial.original["macs"]
