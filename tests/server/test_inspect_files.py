"""Packed, ONNX and LiteRT files are shown as what they hold, good ones and bad ones."""

import contextlib
import struct
import subprocess
import sys

import numpy as np
import onnx
import pytest
from keras_files import nested, saved, sequential
from onnx import TensorProto, helper, numpy_helper

import nncompress_lab as ncl
from nncompress_lab.errors import CorruptFileError, ModelFileError
from nncompress_lab.server import flatbuffer, inspect_packed, inspect_tflite, table
from nncompress_lab.server.inspect_file import READERS, summarize
from nncompress_lab.server.statistics import deflated_bytes

COUNTED = ("parameters", "zeros", "distinct")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One model in each kind of file."""
    folder = tmp_path_factory.mktemp("files")
    model = sequential()
    paths = {suffix: folder / f"m{suffix}" for suffix in READERS}
    saved(model, paths[".keras"])
    ncl.pack(model, paths[".ncz"])
    for suffix in (".onnx", ".tflite"):
        ncl.export(model, paths[suffix])
    return paths


def rows(path):
    return {row["name"]: row for row in summarize(path)["layers"]}


def quantized(step):
    pruned = ncl.MagnitudePruning(sparsity=0.9)(sequential())
    return step(pruned, ncl.Context())


def onnx_file(path, nodes, arrays, **changes):
    """A file with a float input `x` of 4 numbers and an output `y`."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    for name, value in changes.items():
        setattr(graph.initializer[0], name, value)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("suffix", [".ncz", ".onnx"])
def test_packed_and_onnx_files_show_the_same_dense_layer(files, suffix):
    """In ONNX its zeros, three quarters of it, take one bit each."""
    dense, expected = rows(files[suffix])["out"], rows(files[".keras"])["out"]

    assert (suffix == ".ncz") == (dense["weights"] == expected["weights"])
    assert [dense[key] for key in COUNTED] == [expected[key] for key in COUNTED]
    assert dense["histogram"] == expected["histogram"]
    assert (suffix == ".ncz") == (dense["bytes"] == expected["bytes"])


def test_litert_shows_the_operators_with_their_weights(files):
    found, expected = summarize(files[".tflite"]), rows(files[".keras"])["out"]

    assert [row["class"] for row in found["layers"]] == ["CONV_2D", "FULLY_CONNECTED"]
    dense = found["layers"][-1]
    kernel, bias = dense["weights"]
    assert kernel == {"name": "kernel", "shape": [10, 144], "dtype": "float32"}
    assert bias == {"name": "bias", "shape": [10], "dtype": "float32"}
    assert [dense[key] for key in COUNTED] == [expected[key] for key in COUNTED]


@pytest.mark.parametrize("suffix", [".ncz", ".onnx", ".tflite"])
def test_the_parts_are_the_whole_file(files, suffix):
    totals = summarize(files[suffix])["totals"]

    assert totals["file_bytes"] == files[suffix].stat().st_size
    assert sum(totals["parts"].values()) == totals["file_bytes"]
    assert totals["weights_are_stored"] == (suffix == ".tflite")


@pytest.mark.parametrize(
    "step",
    [
        ncl.UniformQuantization(bits=4),
        ncl.UniformQuantization(bits=8, symmetric=False),
        ncl.CodebookQuantization(bits=3),
    ],
)
@pytest.mark.parametrize("suffix", [".ncz", ".onnx"])
def test_quantized_weights_are_counted_and_not_their_codes(tmp_path, step, suffix):
    model = quantized(step)
    path = tmp_path / f"q{suffix}"
    (ncl.pack if suffix == ".ncz" else ncl.export)(model, path)

    row = rows(path)["out"]

    weights = [np.asarray(model.get_layer("out").kernel), model.get_layer("out").bias]
    zeros = sum(int((np.asarray(weight) == 0).sum()) for weight in weights)
    assert row["parameters"] == 1450
    assert row["zeros"] == zeros
    assert row["bytes"] < 4 * 1450 / 1.5


def test_int8_of_litert_is_counted_from_its_zero_point(tmp_path):
    model, path = sequential(), tmp_path / "m.tflite"
    inputs = np.random.default_rng(0).random((8, 8, 8, 1), np.float32)
    ncl.export(model, path, quantize="int8", calibration=inputs)

    dense = summarize(path)["layers"][-1]

    kernel, bias = dense["weights"]
    assert (kernel["dtype"], bias["dtype"]) == ("int8", "int32")
    assert dense["zeros"] >= (model.get_layer("out").get_weights()[0] == 0).sum()
    assert dense["histogram"]["high"] == 127
    assert dense["bytes"] == 1440 + 4 * 10


def test_names_of_litert_operators_are_those_of_its_schema():
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

    for code, name in inspect_tflite.OPERATORS.items():
        assert getattr(schema.BuiltinOperator, name) == code
    for number, (name, _, _) in inspect_tflite.TYPES.items():
        assert getattr(schema.TensorType, name.upper()) == number


def test_layers_of_an_inner_model_keep_their_names_when_packed(tmp_path):
    path = tmp_path / "m.ncz"
    ncl.pack(nested(), path)

    assert list(rows(path)) == ["shared", "left/dense", "right/dense", "out"]


def test_keras_is_never_imported(files):
    code = (
        "import sys, pathlib\n"
        "from nncompress_lab.server.inspect_file import summarize\n"
        "for path in sys.argv[1:]:\n"
        "    assert summarize(pathlib.Path(path))['layers']\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", code, *map(str, files.values())], check=True)


@pytest.mark.parametrize("suffix", READERS)
def test_an_empty_file_is_called_empty(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.touch()

    with pytest.raises(ModelFileError, match=r"empty \(0 bytes\)"):
        summarize(path)


@pytest.mark.parametrize("suffix", [".ncz", ".onnx", ".tflite"])
def test_something_else_is_not_a_model(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"\xff\xfeanother thing" * 9)

    with pytest.raises(ModelFileError):
        summarize(path)


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"Received: m\.pt"):
        summarize(tmp_path / "m.pt")


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("suffix", [".ncz", ".onnx", ".tflite"])
def test_random_damage_gives_a_summary_or_a_sentence(files, tmp_path, suffix, seed):
    damaged, random = bytearray(files[suffix].read_bytes()), np.random.default_rng(seed)
    for place in random.integers(8, len(damaged), 1 + 4 * seed):
        damaged[place] = random.integers(256)
    path = tmp_path / f"m{suffix}"
    path.write_bytes(damaged[: len(damaged) - seed % 3 * 100])

    with contextlib.suppress(ModelFileError):
        summarize(path)


def test_a_packed_file_that_unpacks_to_too_much_is_refused(files, monkeypatch):
    monkeypatch.setattr(inspect_packed, "MAX_UNPACKED_BYTES", 1000)

    with pytest.raises(ModelFileError, match="are allowed"):
        summarize(files[".ncz"])


def test_onnx_weights_in_another_file_are_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(64))
    node = helper.make_node("MatMul", ["x", "fc.weight"], ["y"])
    arrays = {"fc.weight": np.ones((4, 4), np.float32)}
    path = onnx_file(tmp_path / "m.onnx", [node], arrays)
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=secret.name)
    path.write_bytes(model.SerializeToString())

    summary = summarize(path)

    (row,) = summary["layers"]
    assert (row["name"], row["class"]) == ("fc", "MatMul")
    assert row["weights"] == [{"name": "weight", "shape": [4, 4], "dtype": "float32"}]
    assert row["histogram"] is None
    assert summary["totals"]["weights_elsewhere"]
    assert summary["totals"]["parts"]["weights"] == 0


def test_onnx_arrays_that_the_file_does_not_hold_are_refused(tmp_path):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    path = onnx_file(tmp_path / "m.onnx", [node], {"w": np.ones((4, 4), np.float32)})
    model = onnx.load(path)
    model.graph.initializer[0].dims[0] = 10**12
    path.write_bytes(model.SerializeToString())

    with pytest.raises(ModelFileError, match="does not hold"):
        summarize(path)


def test_what_cannot_be_restored_is_counted_as_it_is_stored(tmp_path):
    nodes = [
        helper.make_node("Reshape", ["w", "shape"], ["r"]),
        helper.make_node("MatMul", ["x", "r"], ["y"]),
    ]
    arrays = {"w": np.zeros(16, np.float32), "shape": np.array([4, 5])}

    (row,) = summarize(onnx_file(tmp_path / "m.onnx", nodes, arrays))["layers"]

    assert (row["parameters"], row["zeros"]) == (16, 16)


def test_litert_vectors_that_share_bytes_do_not_fill_memory(monkeypatch, files):
    monkeypatch.setattr(flatbuffer, "MOST_ITEMS", 20)

    with pytest.raises(ModelFileError, match="more tables than any model"):
        summarize(files[".tflite"])


@pytest.mark.parametrize("place", [-8, 10**6])
def test_an_offset_beyond_the_file_is_damage(place):
    content = struct.pack("<iI", 4, 0) + bytes(8)

    with pytest.raises(CorruptFileError, match="beyond its end"):
        flatbuffer.Table(memoryview(content), place, flatbuffer.Budget()).data(0)


def test_too_many_layers_are_cut_off(files, monkeypatch):
    monkeypatch.setattr(table, "MAX_ROWS", 1)

    for suffix in (".onnx", ".tflite"):
        summary = summarize(files[suffix])
        assert len(summary["layers"]) == 1
        assert summary["totals"]["layers_left_out"]


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.95])
def test_deflated_bytes_of_a_large_array_are_close(sparsity):
    import zlib

    random = np.random.default_rng(0)
    array = random.normal(size=(1000, 1000)).astype(np.float32)
    array[random.random(array.shape) < sparsity] = 0

    estimate, exact = deflated_bytes(array)

    assert not exact
    assert estimate == pytest.approx(len(zlib.compress(array.tobytes())), rel=0.02)
