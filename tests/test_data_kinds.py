"""Every kind of data, and the passes that use it."""

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tiny_models
from data_kinds import BATCH_SIZE, EXAMPLES, STREAMS, Stored, X, Y, batches
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.training.batches import training_batches

pytestmark = pytest.mark.contract
each_stream = pytest.mark.parametrize("kind", STREAMS)


def mlp() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, use_bias=False, name="first"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(3, name="last"),
        ]
    )


def two_inputs() -> keras.Model:
    keras.utils.set_random_seed(0)
    a, b = keras.Input((6,), name="a"), keras.Input((2,), name="b")
    both = layers.Concatenate()([layers.Dense(4, activation="relu")(a), b])
    return keras.Model([a, b], layers.Dense(3)(layers.BatchNormalization()(both)))


def assert_equal_weights(one: keras.Model, other: keras.Model) -> None:
    pairs = zip(tiny_models.weights_of(one), tiny_models.weights_of(other), strict=True)
    for first, second in pairs:
        np.testing.assert_array_equal(first, second)


# Passes that look at some examples


LOOKING = {
    "activation ranges": ncl.ActivationQuantization(),
    "GPTQ": ncl.GPTQ(bits=3, inputs="quantized"),
    "bias": ncl.pipeline(ncl.UniformQuantization(bits=3), ncl.CorrectBias()),
    "normalization": ncl.ReestimateBatchNorm(),
    "inputs' norms": ncl.ScorePruning(sparsity=0.5, score="wanda"),
    "gradients": ncl.ScorePruning(sparsity=0.5, score="taylor"),
    "channels": ncl.ChannelPruning(0.5, criterion="taylor"),
    "compensation": ncl.OptimalBrainPruning(sparsity=0.5),
    "low rank": ncl.LowRank(rank=2, data_aware=True),
    "factors": ncl.Factorization("dense", rank=2, data_aware=True),
}


def context_of(one) -> ncl.Context:
    return ncl.Context(train=one, validation=one, calibration=one, progress=False)


@cache
def of_arrays(use: str) -> keras.Model:
    return LOOKING[use](mlp(), context_of((X, Y)))


def streams_for(number: int) -> list[Callable[[], Any]]:
    """All of them; on another backend than TensorFlow one for each use, in turn.

    They are read before any backend computes, and JAX compiles each run anew.
    """
    streams = list(STREAMS.values())
    if keras.backend.backend() == "tensorflow":
        return streams
    return [streams[number % len(streams)]]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("use", LOOKING)
def test_a_pass_sees_the_same_in_every_kind_of_data(use):
    for stream in streams_for(list(LOOKING).index(use)):
        found = LOOKING[use](mlp(), context_of(stream()))

        assert_equal_weights(found, of_arrays(use))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("use", LOOKING)
def test_two_inputs_are_as_good_as_one(use):
    step = LOOKING[use]
    inputs = [X, X[:, :2]]
    named = {"a": X, "b": X[:, :2]}

    one, other = (step(two_inputs(), context_of((x, Y))) for x in (inputs, named))

    assert_equal_weights(one, other)


def test_calibration_needs_no_labels():
    alone, labelled = (
        ncl.GPTQ(bits=3)(mlp(), ncl.Context(calibration=one, progress=False))
        for one in (X, (X, Y))
    )

    assert_equal_weights(alone, labelled)


def counted(total: int) -> tuple[list[int], object]:
    read = []

    def give():
        for number in range(total):
            read.append(number)
            yield np.roll(X[:BATCH_SIZE], number), Y[:BATCH_SIZE]

    return read, give


def test_no_more_is_read_than_calibrates_and_that_once():
    read, give = counted(1000)

    context = ncl.Context(calibration=give, progress=False)
    steps = ncl.pipeline(ncl.GPTQ(bits=3), ncl.ReestimateBatchNorm())
    steps(mlp(), context)
    ncl.ReestimateBatchNorm()(mlp(), context)

    assert read == list(range(512 // BATCH_SIZE))


def test_a_dataset_of_pipelines_calibrates_on_what_it_trains_on():
    dataset = ncl.Dataset("mine", train=batches, validation=batches)

    found = LOOKING["GPTQ"](mlp(), dataset)

    assert_equal_weights(found, of_arrays("GPTQ"))


# Passes that train


TUNE = ncl.FineTune(epochs=2, batch_size=EXAMPLES, learning_rate=0.01)


@cache
def trained_on_stored() -> keras.Model:
    return TUNE(mlp(), context_of(Stored()))


@cache
def trained_on_a_dict() -> keras.Model:
    return TUNE(two_inputs(), context_of(({"a": X, "b": X[:, :2]}, Y)))


@each_stream
def test_training_is_the_same_on_every_pipeline(kind):
    found = TUNE(mlp(), context_of(STREAMS[kind]()))

    for one, other in zip(
        tiny_models.weights_of(found),
        tiny_models.weights_of(trained_on_stored()),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_pipeline_of_one_batch_trains_as_arrays_do():
    found = TUNE(mlp(), context_of(lambda: iter([(X, Y)])))

    expected = TUNE(mlp(), context_of((X, Y)))
    for one, other in zip(
        tiny_models.weights_of(found), tiny_models.weights_of(expected), strict=True
    ):
        # The rows of the batch are summed in another order.
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", [list, tuple], ids=["list", "tuple"])
def test_two_inputs_train_as_a_structure_of_any_kind(build):
    inputs = build([X, X[:, :2]])

    found = TUNE(two_inputs(), context_of((inputs, Y)))

    assert_equal_weights(found, trained_on_a_dict())


def test_an_example_without_weight_teaches_nothing(eagerly):
    weight = np.ones(EXAMPLES, np.float32)
    weight[3] = 0
    spoiled = np.where(weight, Y, 2 - Y)

    one, other = (
        TUNE(
            mlp(),
            ncl.Context(train=(X, y, weight), validation=(X, Y), progress=False),
        )
        for y in (Y, spoiled)
    )

    assert_equal_weights(one, other)


def test_sentences_of_other_lengths_go_through():
    def sentences():
        for length in (3, 5):
            tokens = np.arange(4 * length).reshape(4, length) % 7 + 1
            yield tokens, np.arange(4, dtype=np.int32) % 2

    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(8, 4, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )
    steps = ncl.pipeline(ncl.FineTune(epochs=2), ncl.GPTQ(bits=4))

    result = steps(model, context_of(sentences))

    assert np.isfinite(result.predict(np.ones((1, 6), int), verbose=0)).all()


def test_an_epoch_has_as_many_batches_as_were_counted():
    read, give = counted(3)
    batches, _ = training_batches(ncl.Data(give), batch_size=1, seed=0)

    epochs = [[batches[index][0][0, 0] for index in range(3)] for _ in range(2)]

    assert len(batches) == 3
    assert epochs[0] == epochs[1]
    assert read == 3 * [0, 1, 2]


def test_a_function_that_gives_its_batches_once_is_refused():
    once = iter([*batches()])
    data = ncl.Data(lambda: once)
    data.steps(1)
    fed, _ = training_batches(data, batch_size=1, seed=0)

    with pytest.raises(ValueError, match="fresh iterator at each call"):
        fed[0]


# What is refused


def test_labels_are_needed_to_train():
    for alone in (lambda: iter([X]), lambda: iter([(X,)])):
        with pytest.raises(
            TypeError, match="`train`: Data are inputs with their labels"
        ):
            ncl.FineTune()(mlp(), ncl.Context(train=alone, validation=(X, Y)))


def test_inputs_of_another_shape_are_refused_before_anything_is_trained():
    wide = (np.ones((2, 9)), np.zeros(2))

    with pytest.raises(ValueError, match="do not fit"):
        ncl.FineTune()(mlp(), context_of(lambda: iter([wide])))


def test_a_pipeline_of_nan_is_refused():
    spoiled = np.where(X > 2, np.nan, X) * np.nan

    with pytest.raises(ValueError, match="inputs of `calibration` must be finite"):
        ncl.GPTQ()(mlp(), ncl.Context(calibration=lambda: iter([spoiled])))


# Figures


def test_every_kind_of_data_is_measured_alike(eagerly):
    model = mlp()
    right = model.predict(X, verbose=0).argmax(axis=-1) == Y

    for one in ((X, Y), ncl.Data(X, Y), batches, ncl.Data(Stored())):
        assert ncl.measure.accuracy(model, one) == right.mean()
        report = ncl.compare(model, model, data=one, latency=False)
        assert report.stages[0].accuracy == pytest.approx(right.mean())


def test_a_callback_takes_a_pipeline_for_its_gradients():
    schedule = ncl.PruningSchedule(sparsity=0.5)
    callback = ncl.GradualPruningCallback(schedule, score="taylor", data=batches)
    model = mlp()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    model.fit(X, Y, verbose=0, callbacks=[callback])

    kernel = keras.ops.convert_to_numpy(model.get_layer("first").kernel)
    assert np.mean(kernel == 0) == 0.5
