"""Arguments in another order, results in place of models, lists of passes: the way out."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.inputs import input_arrays

PRUNE = ncl.MagnitudePruning(sparsity=0.5)
LINE = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="line")])
RESULT = ncl.compress(LINE)
X, Y = np.ones((3, 2), np.float32), np.array([0, 1, 1])
CONTEXT = ncl.Context(calibration=X, progress=False)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ncl.compress(PRUNE, LINE), TypeError, "The model comes first"),
        (lambda: ncl.compress(LINE, [PRUNE]), TypeError, r"a star.*\*passes"),
        (lambda: ncl.pipeline((PRUNE, PRUNE)), TypeError, r"a star.*\*passes"),
        (lambda: ncl.save_recipe(RESULT, "r.json"), TypeError, r"result\.recipe"),
        (lambda: ncl.save_recipe("r.json", PRUNE), TypeError, r"save_recipe\(step, "),
        (lambda: ncl.export("m.onnx", LINE), TypeError, r"order is export\(model, "),
        (
            lambda: ncl.export(RESULT, "m.onnx"),
            ncl.UnsupportedModelError,
            r"Received: an object of type .*Compression. Take .* result\.model",
        ),
        (
            lambda: ncl.plan(LINE, 60_000, CONTEXT),
            TypeError,
            r"Budget\(packed_bytes=60_000\).*Received: int",
        ),
        (
            lambda: ncl.GradualPruningCallback(0.5),
            TypeError,
            r"PruningSchedule\(sparsity=0\.9\)\. Received: 0\.5",
        ),
        (
            lambda: ncl.Selection(types=(keras.layers.Dense,)),
            TypeError,
            "Write the names of classes",
        ),
        (
            lambda: ncl.compress(LINE, PRUNE, ncl.FineTune(), context=CONTEXT),
            ncl.MissingContextError,
            "^FineTune needs train and validation",
        ),
        (
            lambda: ncl.FineTune(teacher="context")(
                LINE, ncl.Context(train=(X, Y), validation=(X, Y))
            ),
            ncl.MissingContextError,
            r"Pass Context\(teacher=\.\.\.\)\.$",
        ),
        (lambda: input_arrays(LINE, CONTEXT), TypeError, r"context\.calibration"),
        (
            lambda: input_arrays(LINE, ncl.Dataset("n", (X, Y), (X, Y))),
            TypeError,
            r"Received: Dataset.*data\.validation",
        ),
        (
            lambda: input_arrays(LINE, [X, Y]),
            ValueError,
            r"takes one input\. Received: .* of 2, of the shapes \(3, 2\), \(3,\)",
        ),
    ],
)
def test_an_error_says_how_the_call_is_written(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_inputs_may_come_with_their_labels():
    (found,) = input_arrays(LINE, (X, Y))

    np.testing.assert_array_equal(found, X)


def test_no_message_holds_a_whole_array():
    with pytest.raises(TypeError, match="`name` must be a string") as caught:
        ncl.Dataset(np.ones(999), (X, Y), (X, Y))

    assert len(str(caught.value)) < 400


def test_a_reader_says_who_reads_the_other_kind_of_file(tmp_path):
    model = tiny_models.sequential()
    model.save(tmp_path / "m.keras")
    ncl.pack(model, tmp_path / "m.ncz")

    with pytest.raises(ncl.ModelFileError, match=r"unpack\(path\)"):
        ncl.load_model(tmp_path / "m.ncz")
    with pytest.raises(ncl.CorruptFileError, match=r"load_model\(path\)"):
        ncl.unpack(tmp_path / "m.keras")


def test_a_file_says_which_inputs_it_takes(tmp_path):
    ncl.export(LINE, tmp_path / "m.onnx")
    runtime = ncl.runtimes.load(tmp_path / "m.onnx")

    with pytest.raises(ValueError, match=r"shape \(None, 2\).*of shape \(3, 1\)"):
        runtime.predict(X[:, :1])
    with pytest.raises(ValueError, match=r"has 1 input: .*Received: 3 arrays"):
        runtime.predict(X.tolist())
    with pytest.raises(ValueError, match=r"Received: \['y'\]; .* are missing"):
        runtime.predict({"y": X})
