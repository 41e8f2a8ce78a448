"""What the viewer shows of a model file is what is in it."""

import math
import subprocess
import sys
import zlib

import keras
import numpy as np
import pytest
from keras import layers
from keras_files import members, nested, rezipped, saved, sequential, wrapped

import nncompress_lab as ncl
from nncompress_lab.server import table
from nncompress_lab.server.inspect_file import summarize
from nncompress_lab.server.table import most_numbers
from nncompress_lab.server.weights_file import even_blocks


def rows(summary):
    return {row["name"]: row for row in summary["layers"]}


def shapes(row):
    return {weight["name"]: tuple(weight["shape"]) for weight in row["weights"]}


def test_a_row_holds_what_numpy_counts(tmp_path):
    model = sequential()

    row = rows(summarize(saved(model, tmp_path / "m.keras")))["out"]

    kernel, bias = model.get_layer("out").get_weights()
    assert row["class"] == "Dense"
    assert shapes(row) == {"kernel": kernel.shape, "bias": bias.shape}
    assert row["parameters"] == kernel.size + bias.size
    assert row["zeros"] == (kernel == 0).sum()
    assert row["distinct"] == np.unique(kernel).size
    assert row["bytes"] == kernel.nbytes + bias.nbytes
    assert row["deflated"] == sum(
        len(zlib.compress(a.tobytes())) for a in (kernel, bias)
    )
    assert not row["sampled"]


def test_the_histogram_is_that_of_the_kernel(tmp_path):
    model = sequential()

    histogram = rows(summarize(saved(model, tmp_path / "m.keras")))["out"]["histogram"]

    kernel = model.get_layer("out").get_weights()[0]
    counts, edges = np.histogram(kernel.astype(float), bins=24)
    assert histogram["counts"] == counts.tolist()
    assert histogram["low"] == pytest.approx(edges[0])
    assert histogram["high"] == pytest.approx(edges[-1])


def test_the_totals_are_those_of_the_model(tmp_path):
    model = sequential()
    path = saved(model, tmp_path / "m.keras")

    summary = summarize(path)

    totals = summary["totals"]
    assert totals["parameters"] == model.count_params()
    assert totals["weight_bytes"] == 4 * model.count_params()
    assert totals["file_bytes"] == path.stat().st_size
    assert sum(totals["parts"].values()) == path.stat().st_size
    assert totals["parts"]["weights"] == 4 * model.count_params()
    assert totals["parts"]["optimizer"] == 0
    assert totals["weights_are_stored"]
    assert summary["model"]["class"] == "Sequential"
    assert summary["model"]["name"] == "small"
    assert summary["model"]["made_by"] == f"Keras {keras.__version__}"


def test_layers_come_in_the_order_of_the_model(tmp_path):
    summary = summarize(saved(sequential(), tmp_path / "m.keras"))

    assert list(rows(summary)) == ["conv", "norm", "out"]
    assert list(shapes(rows(summary)["norm"])) == [
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
    ]


def test_equal_names_in_inner_models_are_kept_apart_and_shared_layers_counted_once(
    tmp_path,
):
    model = nested()

    summary = summarize(saved(model, tmp_path / "m.keras"))

    assert list(rows(summary)) == ["shared", "left/dense", "right/dense", "out"]
    assert {row["class"] for row in summary["layers"]} == {"Dense"}
    assert summary["totals"]["parameters"] == model.count_params()


def test_wrapped_layers_are_listed_with_the_class_inside(tmp_path):
    model = wrapped()

    summary = summarize(saved(model, tmp_path / "m.keras"))

    found = {name: row["class"] for name, row in rows(summary).items()}
    assert found == {
        "each/inside": "Dense",
        "both/forward_lstm/lstm_cell": "LSTM",
        "both/backward_lstm/lstm_cell": "LSTM",
        "half": "Dense",
    }
    assert summary["totals"]["parameters"] == model.count_params()


def test_bfloat16_is_read_as_the_numbers_it_stands_for(tmp_path):
    model = wrapped()

    row = rows(summarize(saved(model, tmp_path / "m.keras")))["half"]

    kernel = np.asarray(model.get_layer("half").kernel.numpy(), np.float32)
    assert row["weights"][0]["dtype"] == "bfloat16"
    assert row["bytes"] == 2 * row["parameters"]
    assert row["histogram"]["high"] == kernel.max()
    assert row["zeros"] == (kernel == 0).sum() + 2  # the bias


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel", "per_group"])
def test_packed_integers_are_counted_one_by_one(tmp_path, bits, symmetric, granularity):
    size = 32 if granularity == "per_group" else None
    step = ncl.UniformQuantization(
        bits=bits, granularity=granularity, group_size=size, symmetric=symmetric
    )
    model = sequential()
    quantized = step(model, ncl.Context())

    row = rows(summarize(saved(quantized, tmp_path / "q.keras")))["out"]

    decoded = np.asarray(quantized.get_layer("out").kernel)
    bias = np.asarray(quantized.get_layer("out").bias)
    stored = quantized.get_layer("out").stored_kernel("kernel").values()
    kernel = next(weight for weight in row["weights"] if weight["name"] == "kernel")
    assert row["class"] == "QuantizedDense"
    assert kernel["dtype"] == f"{bits}-bit integers"
    assert tuple(kernel["shape"]) == decoded.shape
    assert row["parameters"] == decoded.size + bias.size
    assert not row["at_most"]
    assert row["zeros"] == (decoded == 0).sum() + (bias == 0).sum()
    assert row["distinct"] <= 2 ** (bits + 1)
    assert sum(row["histogram"]["counts"]) == decoded.size
    held = sum(math.prod(v.shape) * np.dtype(v.dtype).itemsize for v in stored)
    assert row["bytes"] == held + bias.nbytes


@pytest.mark.parametrize(
    ("bits", "granularity"),
    [(1, "per_tensor"), (1, "per_channel"), (3, "per_channel"), (8, "per_tensor")],
)
def test_codes_are_looked_up_in_their_tables(tmp_path, bits, granularity):
    pruned = ncl.MagnitudePruning(sparsity=0.5)(sequential())
    step = ncl.CodebookQuantization(bits=bits, granularity=granularity)
    quantized = step(pruned, ncl.Context())

    row = rows(summarize(saved(quantized, tmp_path / "q.keras")))["out"]

    decoded = np.asarray(quantized.get_layer("out").kernel)
    kernel = next(weight for weight in row["weights"] if weight["name"] == "kernel")
    assert kernel["dtype"] == f"{bits}-bit codes"
    assert tuple(kernel["shape"]) == decoded.shape
    assert not row["at_most"]
    assert row["parameters"] == decoded.size + 10
    assert row["zeros"] >= (decoded == 0).sum()
    assert sum(row["histogram"]["counts"]) == decoded.size
    assert row["histogram"]["high"] == decoded.max()


@pytest.mark.parametrize("table", ["normal_float", "mxfp4"])
def test_a_kernel_with_one_table_and_scales_is_counted(tmp_path, table):
    step = ncl.CodebookQuantization(bits=4, table=table, granularity="per_channel")
    quantized = step(sequential(), ncl.Context())

    row = rows(summarize(saved(quantized, tmp_path / "q.keras")))["out"]

    kernel = next(weight for weight in row["weights"] if weight["name"] == "kernel")
    assert kernel["dtype"] == "4-bit codes"
    assert row["parameters"] == np.asarray(quantized.get_layer("out").kernel).size + 10


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.SimpleRNN(5), (4, 3)),
        (layers.GRU(5), (4, 3)),
        (layers.LSTM(5), (4, 3)),
        (layers.ConvLSTM1D(5, 2), (4, 6, 3)),
        (layers.ConvLSTM2D(5, (2, 1), data_format="channels_first"), (4, 3, 6, 2)),
    ],
    ids=["simple", "gru", "lstm", "conv 1D", "conv 2D"],
)
def test_packed_cells_are_shown_with_the_shapes_of_their_kernels(
    tmp_path, layer, shape
):
    model = keras.Sequential([keras.Input(shape), layer])
    quantized = ncl.UniformQuantization(bits=4)(model)

    (row,) = summarize(saved(quantized, tmp_path / "q.keras"))["layers"]

    for name in ("kernel", "recurrent_kernel"):
        assert tuple(shapes(row)[name]) == getattr(layer.cell, name).shape
    assert row["parameters"] == model.count_params()


def test_packed_attention_says_that_its_counts_are_bounds(tmp_path):
    inputs = keras.Input((5, 8))
    outputs = layers.MultiHeadAttention(2, 4, name="attention")(inputs, inputs)
    model = keras.Model(inputs, outputs)
    quantized = ncl.UniformQuantization(bits=4)(model, ncl.Context())

    summary = summarize(saved(quantized, tmp_path / "q.keras"))

    assert {row["class"] for row in summary["layers"]} == {"QuantizedEinsumDense"}
    assert all(row["at_most"] for row in summary["layers"])
    assert rows(summary)["attention/query"]["distinct"] <= 15
    assert summary["totals"]["parameters"] >= model.count_params()


def test_the_optimizers_state_is_reported_apart(tmp_path):
    model = sequential()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.zeros((2, 8, 8, 1)), np.zeros(2), verbose=0)

    totals = summarize(saved(model, tmp_path / "m.keras"))["totals"]

    trainable = sum(math.prod(v.shape) for v in model.trainable_variables)
    assert totals["parameters"] == model.count_params()
    # Adam keeps two numbers for each weight, its step and its learning rate.
    assert totals["parts"]["optimizer"] == 4 * 2 * trainable + 8 + 4
    assert sum(totals["parts"].values()) == totals["file_bytes"]


def test_a_model_without_weights_has_no_rows(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Flatten()])

    summary = summarize(saved(model, tmp_path / "m.keras"))

    assert summary["layers"] == []
    assert summary["totals"]["parameters"] == 0


def test_numbers_that_are_not_finite_are_counted_and_left_out(tmp_path):
    model = sequential()
    kernel, bias = model.get_layer("out").get_weights()
    kernel[0, :3] = [np.nan, np.inf, -np.inf]
    model.get_layer("out").set_weights([kernel, bias])

    row = rows(summarize(saved(model, tmp_path / "m.keras")))["out"]

    assert row["not_finite"] == 3
    assert sum(row["histogram"]["counts"]) == kernel.size - 3


def test_a_deflated_archive_is_read_too(tmp_path):
    path = saved(sequential(), tmp_path / "m.keras")
    before = summarize(path)

    after = summarize(rezipped(path))

    assert after["layers"] == before["layers"]
    assert not after["totals"]["weights_are_stored"]
    assert sum(after["totals"]["parts"].values()) == path.stat().st_size


def test_files_without_names_are_matched_by_keras_numbering(tmp_path):
    """Before Keras 3.10 or so, HDF5 groups did not hold the layers' names."""
    import io

    import h5py
    from keras_files import WEIGHTS, written

    path = saved(nested(), tmp_path / "m.keras")
    content = members(path)
    buffer = io.BytesIO(content[WEIGHTS])
    with h5py.File(buffer, "r+") as file:
        file.visititems(lambda _, found: found.attrs.pop("name", None) and None)
    content[WEIGHTS] = buffer.getvalue()

    summary = summarize(written(path, content))

    assert list(rows(summary)) == ["shared", "left/dense", "right/dense", "out"]


def test_large_arrays_are_sampled_and_the_figures_are_close(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "ALL_NUMBERS", 20_000)
    model = keras.Sequential(
        [
            keras.Input((300,)),
            layers.Dense(400, name="wide"),
            layers.Dense(3, name="few"),
        ]
    )
    kernel, bias = model.get_layer("wide").get_weights()
    kernel[np.random.default_rng(0).random(kernel.shape) < 0.7] = 0
    model.get_layer("wide").set_weights([kernel, bias])

    found = rows(summarize(saved(model, tmp_path / "m.keras")))

    assert found["wide"]["sampled"]
    assert not found["few"]["sampled"]
    assert found["wide"]["parameters"] == kernel.size + bias.size
    # 20,000 of 120,000 numbers: the standard error of the fraction is 0.003.
    assert found["wide"]["zeros"] == pytest.approx(0.7 * kernel.size + 400, rel=0.02)


@pytest.mark.parametrize(
    "shape", [(1000,), (7, 300), (3, 3, 64, 64), (5000, 2), (2, 9999)]
)
def test_blocks_of_a_sample_are_apart_and_inside(shape):
    marks = np.zeros(shape, int)

    for place in even_blocks(shape, 500):
        marks[place] += 1

    assert marks.max() == 1
    assert 250 <= marks.sum() <= 500


def test_small_arrays_are_read_whole_as_long_as_there_is_room(monkeypatch):
    monkeypatch.setattr(table, "ALL_NUMBERS", 100)
    monkeypatch.setattr(table, "MOST_NUMBERS", 60)

    assert most_numbers([]) == 60
    assert most_numbers([10, 20]) == 60
    assert most_numbers([10, 20, 1000]) == 60
    assert most_numbers([10, 200, 300]) == 45


def test_keras_is_never_imported(tmp_path):
    path = saved(nested(), tmp_path / "m.keras")
    code = (
        "import sys, pathlib\n"
        "import nncompress_lab.server.handlers\n"
        "assert 'numpy' not in sys.modules and 'h5py' not in sys.modules\n"
        "from nncompress_lab.server.inspect_file import summarize\n"
        "assert summarize(pathlib.Path(sys.argv[1]))['layers']\n"
        "assert 'keras' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
