"""LiteRT files compute what the Keras model computes."""

import os

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.runtimes import litert
from nncompress_lab.zoo import architectures

pytestmark = pytest.mark.skipif(
    not litert.is_available(), reason="needs the TensorFlow backend and LiteRT"
)

# Both compute in float32, with sums in another order: some 1e-7 for each of the layers
# and outputs around 1.
TOLERANCE = 1e-5


def compressed_transformer() -> keras.Model:
    return ncl.UniformQuantization(bits=4)(tiny_models.transformer())


def compressed_sequential() -> keras.Model:
    return ncl.UniformQuantization(bits=8)(tiny_models.sequential())


@pytest.mark.parametrize(
    "build",
    [
        tiny_models.sequential,
        tiny_models.depthwise,
        tiny_models.transformer,
        compressed_sequential,
        compressed_transformer,
    ],
    ids=lambda one: one.__name__,
)
def test_the_exported_file_predicts_what_keras_predicts(build, tmp_path):
    model, x = build(), tiny_models.images(4)

    ncl.export(model, tmp_path / "model.tflite")

    exported = litert.LiteRT((tmp_path / "model.tflite").read_bytes())
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(exported.predict(x), expected, atol=TOLERANCE)


def test_export_returns_the_largest_difference(tmp_path):
    model = tiny_models.sequential()

    difference = ncl.export(model, tmp_path / "model.tflite")

    (x,) = litert.random_inputs(model, batch_size=4)
    exported = litert.LiteRT((tmp_path / "model.tflite").read_bytes())
    by_hand = np.abs(exported.predict(x) - model.predict_on_batch(x)).max()
    # The same sums in the same order on one machine; threads may reorder some.
    assert difference == pytest.approx(by_hand, abs=1e-6)


@pytest.fixture(scope="module")
def converted() -> tuple[keras.Model, bytes]:
    model = tiny_models.sequential()
    return model, litert.to_litert(model)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_of_any_size_is_predicted(converted, batch):
    (model, content), x = converted, tiny_models.images(batch)

    outputs = litert.LiteRT(content).predict(x)

    assert outputs.shape == (batch, 4)
    np.testing.assert_allclose(outputs, model.predict(x, verbose=0), atol=TOLERANCE)


def test_one_runtime_takes_batches_of_different_sizes(converted):
    (model, content), x = converted, tiny_models.images(3)
    runtime = litert.LiteRT(content)
    runtime.predict(x)

    first = runtime.predict(x[:1])

    np.testing.assert_allclose(first, model.predict(x[:1], verbose=0), atol=TOLERANCE)


def test_an_earlier_prediction_stays_when_the_next_is_made(converted):
    x = tiny_models.images(2)
    runtime = litert.LiteRT(converted[1])
    first = runtime.predict(x[:1])
    kept = first.copy()

    runtime.predict(x[1:])

    np.testing.assert_array_equal(first, kept)


def test_exporting_replaces_the_file_and_leaves_the_model_as_it_was(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    model = compressed_sequential()
    before = tiny_models.weights_of(model)

    ncl.export(model, path)

    for old, new in zip(before, tiny_models.weights_of(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert path.read_bytes()[4:8] == b"TFL3"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder.*missing.*does not exist"):
        ncl.export(tiny_models.sequential(), tmp_path / "missing" / "model.tflite")


@pytest.mark.parametrize("quantize", [None, "dynamic", "int8"])
@pytest.mark.parametrize("named", [True, False])
def test_several_inputs_and_outputs_are_found_by_their_names(quantize, named, tmp_path):
    # In another order than that of their names.
    late, early = (
        keras.Input((3,), name="z"),
        keras.Input((3,), name="a", dtype="int32"),
    )
    shift = layers.Rescaling(1.0)(early)
    outputs = [late - shift, layers.Add()([late, shift]), late * 5.0]
    model = keras.Model([late, early], outputs)
    if named:
        ends = dict(zip("qpr", outputs, strict=True))
        model = keras.Model({"z": late, "a": early}, ends)
    x = {"z": np.array([[1.0, 2, 3]], "float32"), "a": np.array([[3, 2, 5]], "int32")}
    given = x if named else [x["z"], x["a"]]

    ncl.export(model, tmp_path / "m.tflite", quantize=quantize, calibration=given)
    found = ncl.runtimes.load(tmp_path / "m.tflite").predict(x)

    expected = keras.tree.flatten(model.predict_on_batch(given))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=0.2 if quantize == "int8" else 1e-6)


def test_inputs_in_a_row_are_refused_where_their_order_is_not_known():
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    content = litert.to_litert(keras.Model([left, right], left - right))

    with pytest.raises(ValueError, match=r"\['left', 'right'\].*2 arrays"):
        litert.LiteRT(content).predict([np.ones((1, 3)), np.ones((1, 3))])


def test_an_export_that_fails_keeps_the_old_file(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="needs `calibration`"):
        ncl.export(tiny_models.sequential(), path, quantize="int8")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="the administrator may write everywhere",
)
def test_a_folder_that_cannot_be_written_to_keeps_the_old_file(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    tmp_path.chmod(0o500)

    try:
        with pytest.raises(PermissionError):
            ncl.export(tiny_models.sequential(), path)
    finally:
        tmp_path.chmod(0o700)

    assert path.read_bytes() == b"old"


def test_random_inputs_need_a_fixed_size():
    image = keras.Input((None, 3))
    model = keras.Model(image, layers.Dense(2)(image))

    with pytest.raises(ValueError, match="inputs of a fixed size"):
        litert.race_models({"model": model})


def test_models_of_several_inputs_are_raced():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    both = layers.Concatenate()([left, right])
    model = keras.Model({"left": left, "right": right}, layers.Dense(2)(both))

    race = litert.race_models({"one": model, "other": model}, rounds=4)

    assert list(race.milliseconds) == ["one", "other"]


@pytest.fixture(scope="module")
def trained_like():
    """A model with ranges that differ from layer to layer, and inputs for it."""
    model = tiny_models.sequential()
    return model, np.random.default_rng(0).random((64, 8, 8, 3)).astype(np.float32)


def test_int8_files_compute_with_integers_and_are_close(trained_like, tmp_path):
    model, x = trained_like
    path = tmp_path / "model.tflite"

    ncl.export(model, path, quantize="int8", calibration=x)

    details = litert.LiteRT(path.read_bytes())._interpreter.get_tensor_details()
    kernels = {one["dtype"] for one in details if len(one["shape"]) == 4}
    outputs, expected = ncl.runtimes.load(path).predict(x), model.predict_on_batch(x)
    assert np.int8 in kernels
    # Three layers, each of whose inputs is off by half of 1/255 of its range.
    assert np.abs(outputs - expected).max() <= 0.03 * np.ptp(expected)
    assert np.abs(outputs - expected).max() > 0


@pytest.mark.parametrize("quantize", ["dynamic", "int8"])
def test_quantized_files_are_smaller(quantize, tmp_path):
    model = architectures.lenet5()
    x = np.random.default_rng(0).random((8, 28, 28, 1)).astype(np.float32)

    ncl.export(model, tmp_path / "floats.tflite")
    ncl.export(model, tmp_path / "small.tflite", quantize=quantize, calibration=x)

    floats, small = (tmp_path / name for name in ("floats.tflite", "small.tflite"))
    assert floats.stat().st_size / small.stat().st_size >= 3.8


def test_the_converter_rounds_in_place_of_our_layers(trained_like):
    model, x = trained_like
    rounded = ncl.ActivationQuantization(calibration="dynamic")(model)

    content = litert.to_litert(rounded, quantize="int8", calibration=x)

    assert content == litert.to_litert(model, quantize="int8", calibration=x)


def test_int8_needs_calibration_inputs(tmp_path):
    with pytest.raises(ValueError, match="needs `calibration`"):
        ncl.export(tiny_models.sequential(), tmp_path / "m.tflite", quantize="int8")


def test_an_unknown_way_to_quantize_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"quantize.*dynamic.*int8.*'int4'"):
        ncl.export(tiny_models.sequential(), tmp_path / "m.tflite", quantize="int4")
