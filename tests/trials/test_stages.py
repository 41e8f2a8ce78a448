"""Reused activations change no bit, and cost what the budget allows."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models import stages
from nncompress_lab.models.stages import BATCH_SIZE, Stages
from nncompress_lab.trials.pruning import PruningTrial


def counted(made: Stages, monkeypatch) -> list[int]:
    """The numbers of the stages that run from now on."""
    ran: list[int] = []
    for number, stage in enumerate(made._stages):
        run = stage.predict_on_batch
        monkeypatch.setattr(
            stage,
            "predict_on_batch",
            lambda x, number=number, run=run: ran.append(number) or run(x),
        )
    return ran


def trial_of(model: keras.Model) -> PruningTrial:
    return PruningTrial(model, tiny_models.context().validation)


@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_the_outputs_are_those_of_the_whole_model(build):
    trial = trial_of(build())
    scratch = trial._measuring

    for path in (*reversed(trial.layers), *trial.layers):
        for sparsity in (0.5, 0.9):
            trial.accuracy({path: sparsity})
            with scratch.under({path: sparsity}) as model:
                whole = model.predict_on_batch(trial.data.x)
            assert np.array_equal(scratch._stages.outputs(0), whole)


def test_convolutional_models_give_equal_bits_in_stages():
    x = ncl.data.fashion_mnist().validation.x[:8]

    for build in (ncl.zoo.lenet5, ncl.zoo.mobilenet_small):
        model = build()
        made = Stages(model, x)
        assert len(made._stages) > 1
        assert np.array_equal(made.outputs(0), model.predict_on_batch(x))


@pytest.mark.usefixtures("eagerly")
def test_only_what_follows_the_changed_layer_runs_again(monkeypatch):
    trial = PruningTrial(ncl.zoo.lenet5(), ncl.data.fashion_mnist(), examples=20)
    trial.accuracy({})
    ran = counted(trial._measuring._stages, monkeypatch)

    for choice in ({"logits": 0.5}, {"logits": 0.6}, {"dense1": 0.5}, {"conv1": 0.5}):
        trial.accuracy(choice)
        ran.append(-1)

    # From one layer to another both change; the last choice gives dense1 back, too.
    assert ran == [2, -1, 2, -1, 1, 2, -1, 0, 1, 2, -1]


@pytest.mark.usefixtures("eagerly")
def test_a_shared_layer_counts_where_it_is_first_used():
    shared = layers.Dense(4, activation="relu", name="shared")
    entry = keras.Input((4,))
    x = entry
    for _ in range(6):
        x = layers.ReLU()(shared(x))
    made = Stages(keras.Model(entry, x), np.ones((3, 4), np.float32))
    assert len(made._stages) > 1

    made.outputs(0)
    made.changed([shared])

    assert made._kept == {0: {}}


@pytest.mark.parametrize(("most", "count"), [(0, 1), (50_000, 2), (10**6, 3)])
def test_no_more_activations_are_kept_than_the_budget_allows(monkeypatch, most, count):
    monkeypatch.setattr(stages, "MOST_BYTES", most)

    made = Stages(ncl.zoo.lenet5(), np.zeros((20, 28, 28, 1), np.float32))

    assert len(made._stages) == count
    made.outputs(0)
    kept = [array.nbytes for kept in made._kept.values() for array in kept.values()]
    assert sum(kept) <= most


@pytest.mark.usefixtures("eagerly")
def test_a_mask_is_never_cut_off():
    entry = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(entry)
    for _ in range(4):
        x = layers.Activation("tanh")(x)
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(entry, layers.Dense(3)(layers.ReLU()(x)))
    tokens = np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 0]], np.int32)

    outputs = Stages(model, tokens).outputs(0)

    assert np.array_equal(outputs, model.predict_on_batch(tokens))


def test_batches_have_activations_of_their_own():
    data = ncl.data.fashion_mnist().validation.take(BATCH_SIZE + 30)
    model = ncl.zoo.lenet_300_100()
    made = Stages(model, data.x)

    for _ in range(2):
        found = np.concatenate([made.outputs(start) for start in made.starts])
        assert len(found) == len(data)
        assert np.array_equal(found[:BATCH_SIZE].argmax(1), made.outputs(0).argmax(1))


@pytest.mark.usefixtures("eagerly")
def test_models_of_several_inputs_and_outputs_are_cut_where_one_tensor_passes():
    one, other = keras.Input((4,), name="one"), keras.Input((3,), name="other")
    x = layers.Concatenate()([one, other])
    for _ in range(6):
        x = layers.Dense(4, activation="relu")(x)
    model = keras.Model(
        {"one": one, "other": other}, [layers.Dense(2)(x), layers.Dense(1)(x)]
    )
    data = {"other": np.ones((5, 3), np.float32), "one": np.ones((5, 4), np.float32)}
    made = Stages(model, data, batch_size=3)

    whole = model.predict_on_batch({name: array[3:] for name, array in data.items()})

    assert len(made._stages) > 1
    for found, expected in zip(made.outputs(3), whole, strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.usefixtures("eagerly")
def test_who_goes_through_the_layers_in_order_needs_one_activation(monkeypatch):
    model = ncl.zoo.lenet5()
    made = Stages(model, np.zeros((4, 28, 28, 1), np.float32))
    ran = counted(made, monkeypatch)

    for name in ("conv1", "dense1", "dense1", "logits", "conv1"):
        layer = [model.get_layer(name)]
        made.keep_only_before(layer)
        made.changed(layer)
        made.outputs(0)
        ran.append(-1)
        assert len(made._kept[0]) <= 1

    # On the way to the next layer once; what was passed on the way back is gone.
    assert ran == [0, 1, 2, -1, 0, 1, 2, -1, 1, 2, -1, 1, 2, -1, 0, 1, 2, -1]
