"""Inputs of every type, shape and structure reach the file as `predict` takes them."""

import keras
import numpy as np
import onnx
import pytest
import tiny_models
from keras import layers, ops
from onnx_files import TOLERANCE, apart

import nncompress_lab as ncl
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.inputs import input_arrays
from nncompress_lab.models.random_inputs import random_inputs
from nncompress_lab.runtimes import litert
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.racing import race_models
from nncompress_lab.runtimes.unrolled import unrolled

needs_litert = pytest.mark.skipif(
    not litert.is_available(), reason="needs the TensorFlow backend and LiteRT"
)
generator = np.random.default_rng(0)


def token_model(dtype: str = "int32", words: int = 60) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((5,), dtype=dtype),
            layers.Embedding(words, 4),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def photo_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((4, 4, 3), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def built_by_fit() -> keras.Model:
    model = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(3)])
    model.build((32, 5))
    return model


def named_inputs() -> keras.Model:
    wide, narrow = keras.Input((4,), name="wide"), keras.Input((3,), name="narrow")
    outputs = {"sum": layers.Dense(2)(wide), "difference": layers.Dense(3)(narrow)}
    return keras.Model({"wide": wide, "narrow": narrow}, outputs)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float64"])
def test_an_onnx_file_takes_inputs_of_any_type(dtype):
    model = keras.Sequential(
        [keras.Input((6,), dtype=dtype), layers.Rescaling(0.5), layers.Dense(2)]
    )
    x = generator.integers(0, 2, (3, 6)).astype(dtype)

    assert apart(model, x) <= TOLERANCE


@pytest.mark.parametrize("build", [token_model, photo_model])
def test_an_onnx_file_of_integer_inputs_computes_the_same(build, tmp_path):
    model = build()
    x = random_inputs(model, batch_size=8)[0]

    assert ncl.export(model, tmp_path / "m.onnx", calibration=x) <= TOLERANCE


@needs_litert
@pytest.mark.parametrize("build", [token_model, photo_model])
def test_int8_of_integer_inputs_is_calibrated_in_their_type(build, tmp_path):
    model = build()
    x = random_inputs(model, batch_size=16)[0]

    difference = ncl.export(
        model, tmp_path / "m.tflite", quantize="int8", calibration=x
    )

    assert difference <= 0.05 * np.ptp(model.predict_on_batch(x))


@needs_litert
@pytest.mark.parametrize("given", ["float64", "uint8", "list", "Data"])
def test_calibration_is_taken_as_predict_takes_it(given, tmp_path):
    model = tiny_models.sequential()
    x = generator.integers(0, 2, (6, 8, 8, 3))
    inputs = {"list": x.tolist(), "Data": ncl.Data(x, np.zeros(6))}

    calibration = inputs.get(given, x if given in inputs else x.astype(float))
    if given == "uint8":
        calibration = x.astype(given)

    for name in ("m.onnx", "m.tflite"):
        difference = ncl.export(model, tmp_path / name, calibration=calibration)
        assert difference <= TOLERANCE


@pytest.mark.parametrize("x", [np.ones((3, 9)), np.ones((3, 2, 4)), [1.0, 2.0]])
def test_inputs_of_another_shape_are_refused_with_both_shapes(x, tmp_path):
    model = keras.Sequential([keras.Input((8,), name="row"), layers.Dense(2)])

    with pytest.raises(ValueError, match=r"'row'.*\(None, 8\).*Received.*\("):
        ncl.export(model, tmp_path / "m.onnx", calibration=x)


def test_no_examples_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        input_arrays(token_model(), np.zeros((0, 5)))


def test_a_missing_axis_of_one_channel_is_added_as_keras_does():
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten()])

    assert input_arrays(model, np.zeros((2, 4, 4)))[0].shape == (2, 4, 4, 1)


def test_named_inputs_keep_their_names_and_go_where_they_belong(tmp_path):
    model, path = named_inputs(), tmp_path / "m.onnx"
    x = {"wide": np.ones((2, 4)), "narrow": np.full((2, 3), 2.0)}

    assert ncl.export(model, path, calibration=x) <= TOLERANCE
    assert ncl.export(model, path) <= TOLERANCE

    graph = onnx.load(path).graph
    assert [one.name for one in graph.input] == ["narrow", "wide"]
    outputs = ncl.runtimes.load(path).predict(x)
    by_name = dict(zip([one.name for one in graph.output], outputs, strict=True))
    for name, expected in model.predict_on_batch(x).items():
        np.testing.assert_allclose(by_name[name], expected, atol=TOLERANCE)


def test_an_input_that_is_missing_is_named():
    with pytest.raises(ValueError, match=r"\['narrow'\] are missing"):
        input_arrays(named_inputs(), {"wide": np.ones((2, 4))})


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_random_tokens_cover_the_vocabulary(dtype):
    x = random_inputs(token_model(dtype), batch_size=200)[0]

    assert np.unique(x).tolist() == list(range(60))


def test_tokens_are_found_in_an_inner_model_and_behind_a_reshape():
    inner = token_model(words=30)
    tokens = keras.Input((1, 5), dtype="int32")
    model = keras.Model(tokens, inner(layers.Reshape((5,))(tokens)))

    assert random_inputs(model, batch_size=100)[0].max() == 29


def test_integers_that_are_encoded_cover_what_is_known_of_them():
    tokens = keras.Input((3,), dtype="int32")
    model = keras.Model(tokens, layers.Dense(2)(ops.one_hot(tokens, 7)))

    assert random_inputs(model, batch_size=100)[0].max() == 6


def test_positions_that_a_layer_of_floats_looks_up_leave_its_input_as_it_is():
    class Positions(layers.Layer):
        def build(self, shape):
            self.positions = layers.Embedding(shape[1], shape[2])
            self.positions.build((shape[1],))

        def call(self, x):
            return x + self.positions(np.arange(4))

    image = keras.Input((4, 2))
    model = keras.Model(image, Positions()(image))

    assert 0 < random_inputs(model, batch_size=2)[0].max() < 1


@pytest.mark.parametrize(
    "name", ["m.onnx", pytest.param("m.tflite", marks=needs_litert)]
)
def test_a_model_that_fit_built_is_exported_for_any_batch(name, tmp_path):
    model = built_by_fit()

    assert ncl.export(model, tmp_path / name) <= TOLERANCE

    outputs = ncl.runtimes.load(tmp_path / name).predict(np.ones((3, 5), np.float32))
    assert outputs.shape == (3, 3)


def test_a_model_that_fit_built_is_timed():
    race = race_models({"one": built_by_fit(), "other": built_by_fit()}, rounds=4)

    assert race.runtime == "ONNX Runtime"


def batches_of_four() -> keras.Model:
    rows = keras.Input(batch_shape=(4, 6))
    return keras.Model(rows, ops.reshape(layers.Dense(4)(rows), (4, 2, 2)))


def test_a_model_of_one_batch_size_is_checked_on_that(tmp_path):
    model, path = batches_of_four(), tmp_path / "m.onnx"

    assert ncl.export(model, path, calibration=np.ones((9, 6))) <= TOLERANCE
    assert ncl.export(model, path, calibration=np.ones((2, 6))) <= TOLERANCE


def test_the_report_of_a_model_of_one_batch_size_says_why_it_has_no_latency():
    model = batches_of_four()

    report = ncl.compare(model, ncl.MagnitudePruning(sparsity=0.5)(model))

    assert "batches of 4" in report.setup.runtime


@needs_litert
@pytest.mark.parametrize(
    "layer",
    [
        layers.LSTM(2, name="mine"),
        layers.Bidirectional(layers.GRU(2), name="mine"),
        layers.RNN(layers.SimpleRNNCell(2), name="mine"),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.parametrize("quantize", [None, "int8"])
def test_what_litert_cannot_run_is_named(layer, quantize, tmp_path):
    model = keras.Sequential([keras.Input((None, 3)), layer])  # any number of steps
    x = np.ones((4, 4, 3), np.float32)

    with pytest.raises(UnsupportedModelError, match=r"'mine'.*Select TF ops"):
        ncl.export(model, tmp_path / "m.tflite", quantize=quantize, calibration=x)

    assert not list(tmp_path.iterdir())


def of_every_loop():
    """Masked, both ways, with states, any cell, shared, and quantized."""
    ids = keras.Input((4,), dtype="int32")
    x = layers.Embedding(9, 3, mask_zero=True)(ids)
    lstm = layers.LSTM(3, return_sequences=True)
    x, *states = layers.LSTM(3, return_sequences=True, return_state=True)(lstm(lstm(x)))
    x = layers.GRU(3, return_sequences=True)(x, initial_state=states[0])
    x = layers.Bidirectional(layers.SimpleRNN(2, return_sequences=True))(x)
    x = layers.RNN(layers.StackedRNNCells([layers.GRUCell(2), layers.LSTMCell(4)]))(x)
    return ncl.UniformQuantization(bits=4)(keras.Model(ids, x))


def test_unrolled_layers_compute_what_their_loops_do():
    model = of_every_loop()

    steps = unrolled(model)

    assert all(one.unroll for one in steps._flatten_layers() if hasattr(one, "unroll"))
    x = np.array([[1, 2, 0, 0], [3, 4, 5, 6]])
    expected, found = (one.predict_on_batch(x) for one in (model, steps))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert unrolled(steps) is steps


@needs_litert
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Bidirectional(layers.GRU(2)), (4, 3)),
        (layers.ConvLSTM1D(2, 2), (2, 3, 1)),
    ],
    ids=["both ways", "images"],
)
def test_litert_runs_recurrent_layers_of_a_fixed_length(layer, shape, tmp_path):
    model = keras.Sequential([keras.Input(shape), layer, layers.Dense(2)])

    assert ncl.export(model, tmp_path / "m.tflite") <= TOLERANCE


@needs_litert
def test_litert_runs_what_is_unrolled_or_only_called_like_its_operators(tmp_path):
    steps = layers.LSTM(2, unroll=True, name="FlexLSTM")
    model = keras.Sequential([keras.Input((4, 3)), steps])

    assert ncl.export(model, tmp_path / "m.tflite") <= TOLERANCE


@pytest.mark.parametrize(
    "name", ["m.onnx", pytest.param("m.tflite", marks=needs_litert)]
)
def test_strings_are_refused_by_name(name, tmp_path):
    words = keras.Input((2,), dtype="string", name="words")
    lookup = layers.StringLookup(vocabulary=["a", "b"])(words)
    model = keras.Model(words, layers.Embedding(4, 2)(lookup))

    with pytest.raises(UnsupportedModelError, match=r"words"):
        ncl.export(model, tmp_path / name)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_what_keras_has_quantized_is_refused(mode):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, name="mine")])
    model.layers[0].quantize(mode)

    with pytest.raises(UnsupportedModelError, match=rf"'mine'.*{mode}"):
        to_onnx(model)


def test_the_check_is_on_all_words_of_a_vocabulary_and_leaves_no_file(tmp_path):
    model, path = token_model(words=50), tmp_path / "m.onnx"

    def other(model, **settings):
        changed = ncl.copy_model(model)
        changed.layers[0].embeddings.assign(np.zeros((50, 4)))
        return to_onnx(changed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nncompress_lab.runtimes.exporting.to_onnx", other)
        with pytest.raises(ncl.CompressionError, match=r"differ by up to.*tolerance="):
            ncl.export(model, path)
        assert not list(tmp_path.iterdir())

        assert ncl.export(model, path, tolerance=float("inf")) > 0


@pytest.mark.parametrize("place", ["weights", "outputs"])
def test_a_model_of_nan_is_refused(place, tmp_path):
    broken = layers.Dense(2, name="broken", bias_initializer="ones")
    model = keras.Sequential([keras.Input((3,)), broken, layers.Softmax()])
    bad = np.nan if place == "weights" else np.inf
    broken.kernel.assign(np.full((3, 2), bad))

    with pytest.raises(ncl.CompressionError, match=r"NaN"):
        ncl.export(model, tmp_path / "m.onnx")

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite"])
def test_a_subclassed_model_is_refused_without_calibration(name, tmp_path):
    class Own(keras.Model):
        def call(self, x):
            return x

    own = Own()
    own(np.ones((1, 3)))

    with pytest.raises(UnsupportedModelError, match="subclassed"):
        ncl.export(own, tmp_path / name)


@pytest.mark.parametrize("bits", [2, 4, 7, 8])
@pytest.mark.parametrize("kind", ["tower", "layer"])
def test_what_two_branches_share_is_exported_when_quantized(kind, bits, tmp_path):
    row = keras.Input((16,))
    shared = layers.Dense(8)
    if kind == "tower":
        shared = keras.Model(row, shared(layers.Dense(16, activation="relu")(row)))
    pair = [keras.Input((16,), name="a"), keras.Input((16,), name="b")]
    distance = layers.Subtract()([shared(one) for one in pair])
    model = ncl.UniformQuantization(bits=bits)(keras.Model(pair, distance))

    difference = ncl.export(model, tmp_path / "m.onnx")

    x = random_inputs(model, batch_size=4)
    assert difference <= 0.1 * np.abs(model.predict_on_batch(x)).max()
