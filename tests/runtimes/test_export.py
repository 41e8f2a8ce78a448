"""Exported files are checked, replaced as a whole, and load in their runtimes."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers
from onnx_files import TOLERANCE

import nncompress_lab as ncl
from nncompress_lab.errors import ModelFileError, UnsupportedModelError
from nncompress_lab.runtimes import open_vino

needs_openvino = pytest.mark.skipif(
    not open_vino.is_available(), reason="needs OpenVINO"
)


@pytest.fixture(scope="module")
def model():
    return tiny_models.randomize_statistics(tiny_models.residual())


@pytest.fixture(scope="module")
def onnx_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    ncl.export(model, path)
    return path


def test_export_returns_the_largest_difference(model, tmp_path):
    path, x = tmp_path / "model.onnx", tiny_models.images(4)

    difference = ncl.export(model, path, calibration=x)

    by_hand = np.abs(ncl.runtimes.load(path).predict(x) - model.predict_on_batch(x))
    assert difference == pytest.approx(by_hand.max(), abs=1e-6)
    assert difference <= TOLERANCE


def test_the_difference_tells_what_the_runtime_rounds(model, tmp_path):
    compressed = ncl.UniformQuantization(bits=4)(model)

    difference = ncl.export(compressed, tmp_path / "model.onnx")

    # The product of the logits rounds its inputs to 8 bits; nothing hides that.
    assert 1e-4 < difference < 1e-1


def test_a_model_of_several_inputs_and_outputs_is_checked(tmp_path):
    left, right = keras.Input((3,), name="left"), keras.Input((4,), name="right")
    both = layers.Concatenate()([layers.Dense(2)(left), right])
    model = keras.Model([left, right], [layers.Dense(2, name="one")(both), both])

    assert ncl.export(model, tmp_path / "model.onnx") <= TOLERANCE

    x = [np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)]
    outputs = ncl.runtimes.load(tmp_path / "model.onnx").predict(x)
    for one, expected in zip(outputs, model.predict_on_batch(x), strict=True):
        np.testing.assert_allclose(one, expected, atol=TOLERANCE)


def test_an_old_file_is_replaced_and_nothing_else_is_left(model, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    ncl.export(model, path)

    assert path.read_bytes() != b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_export_that_fails_keeps_the_old_file(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    numbers = keras.Input((5,))
    bins = layers.Discretization([0.0], output_mode="one_hot", name="bins")
    model = keras.Model(numbers, bins(numbers))

    with pytest.raises(UnsupportedModelError, match="bins"):
        ncl.export(model, path)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_exporting_leaves_the_model_as_it_was(model, tmp_path):
    before = tiny_models.weights_of(model)

    ncl.export(model, tmp_path / "model.onnx")

    for old, new in zip(before, tiny_models.weights_of(model), strict=True):
        np.testing.assert_array_equal(old, new)


def test_another_suffix_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match=r"\.onnx or \.tflite.*model\.h5"):
        ncl.export(model, tmp_path / "model.h5")


def test_an_onnx_file_is_quantized_by_passes_only(model, tmp_path):
    with pytest.raises(ValueError, match="UniformQuantization"):
        ncl.export(model, tmp_path / "model.onnx", quantize="int8")


def test_sizes_that_are_not_fixed_need_inputs(tmp_path):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.GlobalMaxPooling2D()(image))

    with pytest.raises(ValueError, match="fixed size"):
        ncl.export(model, tmp_path / "model.onnx")

    x = np.ones((2, 5, 4, 3), np.float32)
    assert ncl.export(model, tmp_path / "model.onnx", calibration=x) == 0


def test_a_subclassed_model_is_refused(tmp_path):
    class Own(keras.Model):
        def call(self, x):
            return x

    own = Own()
    own(np.ones((1, 3), np.float32))
    own.built = True

    with pytest.raises(UnsupportedModelError, match="subclassed"):
        ncl.export(own, tmp_path / "m.onnx", calibration=np.ones((1, 3), np.float32))


def test_a_runtime_times_the_model(onnx_file):
    latency = ncl.runtimes.load(onnx_file).latency(tiny_models.images(1), rounds=4)

    assert latency.milliseconds["model"] > 0
    assert latency.band >= 0.02


def test_a_runner_runs_the_model(onnx_file, model):
    runtime, x = ncl.runtimes.load(onnx_file), tiny_models.images(2)

    (outputs,) = runtime.runner(x)()

    np.testing.assert_allclose(outputs, model.predict_on_batch(x), atol=TOLERANCE)


@needs_openvino
def test_openvino_computes_the_same_in_float32(onnx_file, model):
    x = tiny_models.images(3)

    outputs = ncl.runtimes.load(onnx_file, runtime="openvino").predict(x)

    np.testing.assert_allclose(outputs, model.predict_on_batch(x), atol=TOLERANCE)


@needs_openvino
@pytest.mark.parametrize(
    "compress",
    [
        ncl.UniformQuantization(bits=8),
        ncl.UniformQuantization(bits=3),
        ncl.CodebookQuantization(bits=2),
        ncl.MagnitudePruning(sparsity=0.9),
        ncl.MagnitudePruning(sparsity=0.99),
    ],
    ids=lambda one: type(one).__name__,
)
def test_openvino_reads_what_the_passes_make(compress, tmp_path):
    compressed = compress(tiny_models.sequential())
    x = tiny_models.images(3)
    ncl.export(compressed, tmp_path / "model.onnx")

    runtime = ncl.runtimes.load(tmp_path / "model.onnx", runtime="openvino")

    # It may multiply by the integers of a kernel, with inputs rounded to 8 bits.
    expected = compressed.predict_on_batch(x)
    assert np.abs(runtime.predict(x) - expected).max() <= 0.02 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.onnx", None, "does not exist"),
        ("broken.onnx", b"no model", "cannot be loaded by onnxruntime"),
        ("model.keras", b"", r"\.onnx, \.tflite, \.xml"),
    ],
)
def test_a_file_that_is_none_is_refused(name, content, said, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ModelFileError, match=said):
        ncl.runtimes.load(path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"threads": 0}, "at least 1"),
        ({"runtime": "litert"}, "does not load"),
        ({"runtime": "tvm"}, "tvm"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, said, onnx_file):
    with pytest.raises(ValueError, match=said):
        ncl.runtimes.load(onnx_file, **settings)
