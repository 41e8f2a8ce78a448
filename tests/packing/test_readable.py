"""Nothing is packed that could not be unpacked, and nothing restored that is too much."""

import tracemalloc
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops
from packed_files import file_that_says, rewritten

import nncompress_lab as ncl
from nncompress_lab.errors import (
    CorruptFileError,
    ModelFileError,
    UnsupportedModelError,
)


def doubled(x):
    return 2 * x


class Mine(layers.Layer):
    def call(self, x):
        return x


UNREADABLE = {
    "lambda": lambda: layers.Lambda(doubled, name="mine"),
    "function": lambda: layers.Dense(3, activation=doubled, name="mine"),
    "class": lambda: Mine(name="mine"),
}


def unwritable():
    """A model of which Keras writes no file at all."""
    slope = partial(ops.leaky_relu, negative_slope=0.3)
    mine = layers.Dense(3, activation=slope, name="mine")
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), mine])


@pytest.mark.parametrize(
    ("write", "suffix"),
    [(ncl.pack, ".ncz"), (ncl.save_model, ".keras")],
    ids=["pack", "save_model"],
)
def test_a_layer_that_keras_cannot_write_down_is_named(write, suffix, tmp_path):
    path = tmp_path / f"model{suffix}"

    with pytest.raises(UnsupportedModelError, match=r"layer 'mine' \(Dense\).*partial"):
        write(unwritable(), path)

    assert not list(tmp_path.iterdir())


def test_a_teacher_that_keras_cannot_write_down_teaches():
    x, y = np.eye(4, dtype="float32"), np.array([0, 1, 2, 0])
    context = ncl.Context(train=(x, y), validation=(x, y), progress=False)
    step = ncl.FineTune(epochs=1, teacher="original")

    taught = ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), step)(
        unwritable(), context
    )

    assert np.isfinite(taught(x)).all()


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("inside", [False, True], ids=["plain", "in a model"])
def test_what_could_not_be_read_is_not_written_and_named(make, inside, tmp_path):
    model = keras.Sequential([keras.Input((4,)), make(), layers.Dense(2)])
    if inside:
        model = keras.Sequential([keras.Input((4,)), model])
    old = tmp_path / "model.ncz"
    old.write_bytes(b"old")

    with pytest.raises(UnsupportedModelError, match=r"cannot be packed.*mine"):
        ncl.pack(model, old)

    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_the_size_of_what_cannot_be_packed_is_measured_all_the_same():
    model = keras.Sequential([keras.Input((4,)), layers.Lambda(doubled)])

    assert ncl.measure.file_sizes(model).packed > 0


def lookups() -> dict[str, tuple[layers.Layer, str, list[list[object]]]]:
    words = layers.StringLookup()
    words.adapt(np.array(["a", "b", "c"]))
    text = layers.TextVectorization(output_sequence_length=2)
    text.adapt(np.array(["a b c"]))
    numbers = layers.IntegerLookup()
    numbers.adapt(np.array([5, 7, 9]))
    return {
        "words": (words, "string", [["c", "a"], ["z", "b"]]),
        "text": (text, "string", [["c a"], ["z b"]]),
        "numbers": (numbers, "int64", [[5, 9], [8, 7]]),
    }


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="lookups of strings need TensorFlow"
)
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("name", ["words", "text", "numbers"])
def test_an_adapted_vocabulary_comes_back(name, compiled, tmp_path):
    import tensorflow as tf

    layer, dtype, x = lookups()[name]
    entry = keras.Input((len(x[0]),), dtype=dtype)
    model = keras.Model(entry, layers.Embedding(9, 4)(layer(entry)))
    if compiled:
        model.compile("adam", "mse")

    ncl.pack(model, tmp_path / "model.ncz")

    restored = ncl.unpack(tmp_path / "model.ncz")
    inputs = tf.constant(x)
    np.testing.assert_array_equal(restored(inputs), model(inputs))


def test_arrays_in_the_configuration_are_counted(tmp_path):
    array = {"value": ["a"], "dtype": "S2000000000"}
    config = {"class_name": "__numpy__", "config": array}
    path = tmp_path / "model.ncz"
    about = {
        "keras": "3.15.1",
        "config": {"class_name": "Sequential", "config": config},
    }
    path.write_bytes(file_that_says({"about": about, "tensors": []}))

    tracemalloc.start()
    with pytest.raises(ModelFileError, match="2000000000"):
        ncl.unpack(path, max_bytes=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 50 * 2**20


def test_what_inner_models_are_compiled_with_is_left_aside(tmp_path):
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="inner")
    model, path = keras.Sequential([keras.Input((4,)), inner]), tmp_path / "m.ncz"
    ncl.pack(model, path)
    metric = {"class_name": "AUC", "config": {"num_thresholds": 30_000_000}}

    def compile_inner(index):
        layer = index["about"]["config"]["config"]["layers"][1]
        layer["compile_config"] = {"loss": "mse", "metrics": [metric]}

    path.write_bytes(rewritten(path.read_bytes(), compile_inner))

    assert not ncl.unpack(path).get_layer("inner").compiled


def test_a_file_that_ends_early_is_still_a_damaged_one(tmp_path):
    path = tmp_path / "m.ncz"
    ncl.pack(keras.Sequential([keras.Input((4,)), layers.Dense(2)]), path)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(CorruptFileError):
        ncl.unpack(path)
