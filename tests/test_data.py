"""The embedded images, the full sets from files, and data of one's own."""

import gzip
from pathlib import Path

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.data import embed, sources
from nncompress_lab.data.datasets import balanced_order
from nncompress_lab.data.idx import PARTS, read_idx

PER_CLASS = 510


@pytest.fixture(scope="module")
def subset() -> ncl.Dataset:
    return ncl.data.fashion_mnist()


def idx_bytes(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(10, dtype=np.uint8), PER_CLASS)
    shape = (len(labels), 28, 28)
    return {
        PARTS[0][0]: generator.integers(0, 256, shape, dtype=np.uint8),
        PARTS[0][1]: labels,
        PARTS[1][0]: generator.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        PARTS[1][1]: np.arange(20, dtype=np.uint8) % 10,
    }


@pytest.fixture(scope="module")
def idx_folder(arrays, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("idx")
    for number, (name, array) in enumerate(arrays.items()):
        content = idx_bytes(array)
        if number % 2:
            (folder / name).write_bytes(content)
        else:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    return folder


def test_the_subset_has_its_documented_sizes_and_types(subset):
    sizes = [len(part) for part in (subset.train, subset.validation, subset.test)]

    assert sizes == [10_000, 2_000, 2_000]
    for part in (subset.train, subset.validation, subset.test):
        assert part.x.shape[1:] == (28, 28, 1)
        assert part.x.dtype == np.float32
        assert part.y.dtype == np.int32
        assert part.x.min() == 0.0
        assert part.x.max() == 1.0
    assert len(subset.class_names) == 10


@pytest.mark.parametrize("count", [10, 1000, 2000])
def test_every_prefix_of_whole_rounds_is_balanced(subset, count):
    for part in (subset.train, subset.validation, subset.test):
        assert (np.bincount(part.y[:count]) == count // 10).all()


def test_no_image_is_in_two_parts(subset):
    parts = (subset.train, subset.validation, subset.test)
    seen = [{image.tobytes() for image in part.x} for part in parts]

    # Fashion-MNIST itself holds a few images twice; none of them straddles these parts.
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


needs_full_data = pytest.mark.skipif(
    not sources.DEBIAN_FOLDER.is_dir(),
    reason="needs the Debian package dataset-fashion-mnist",
)


@pytest.mark.full_data
@needs_full_data
def test_the_embedded_file_is_what_its_builder_makes():
    path = Path(sources.__file__).parent / sources.EMBEDDED_FILE
    with np.load(path) as stored:
        shipped = dict(stored)

    built = embed.embedded_arrays()

    assert shipped.keys() == built.keys()
    for name, array in built.items():
        np.testing.assert_array_equal(array, shipped[name])


@pytest.mark.full_data
@needs_full_data
def test_the_subset_is_part_of_the_same_parts_of_the_full_set(subset):
    full = ncl.data.fashion_mnist(full=True)

    assert [len(one) for one in (full.train, full.validation, full.test)] == [
        55_000,
        5_000,
        10_000,
    ]
    np.testing.assert_array_equal(subset.validation.x, full.validation.x[:2_000])
    for small, large in ((subset.train, full.train), (subset.test, full.test)):
        assert {image.tobytes() for image in small.x} <= {
            image.tobytes() for image in large.x
        }


def test_a_folder_without_full_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs `full=True`"):
        ncl.data.fashion_mnist(folder=tmp_path)


@pytest.mark.parametrize("load", ["fashion_mnist", "mnist"])
def test_the_four_idx_files_are_read_plain_or_zipped(load, idx_folder, arrays):
    if load == "mnist":
        data = ncl.data.mnist(folder=idx_folder)
    else:
        data = ncl.data.fashion_mnist(full=True, folder=idx_folder)

    assert len(data.validation) == 5_000
    assert len(data.train) == len(arrays[PARTS[0][1]]) - 5_000
    assert (np.bincount(data.validation.y) == 500).all()
    np.testing.assert_array_equal(
        data.test.x[..., 0], arrays[PARTS[1][0]].astype(np.float32) / np.float32(255)
    )


def test_mnist_is_read_from_the_file_that_keras_stores(arrays, tmp_path):
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez(tmp_path / "mnist.npz", **dict(zip(names, arrays.values(), strict=True)))

    data = ncl.data.mnist(folder=tmp_path)

    assert len(data.test) == 20
    assert data.class_names[7] == "7"


def test_a_folder_with_nothing_in_it_is_named(tmp_path):
    with pytest.raises(ncl.DataNotFoundError, match="which holds neither"):
        ncl.data.mnist(folder=tmp_path)


def test_a_damaged_npz_is_named(tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"no zip")

    with pytest.raises(ncl.DataNotFoundError, match=r"not Keras's mnist\.npz"):
        ncl.data.mnist(folder=tmp_path)


def test_without_data_and_network_both_ways_are_named(monkeypatch, tmp_path):
    def offline():
        raise Exception("URL fetch failure")  # noqa: TRY002 (this is what Keras does)

    monkeypatch.setattr(sources, "DEBIAN_FOLDER", tmp_path)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", offline)

    with pytest.raises(ncl.DataNotFoundError) as caught:
        ncl.data.fashion_mnist(full=True)

    assert "keras.datasets.fashion_mnist" in str(caught.value)
    assert "dataset-fashion-mnist" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x00\x00\x09\x01\x00\x00\x00\x01\x07", "not an IDX file"),
        (b"\x00\x00\x08\x02\x00\x00\x00\x01", "not an IDX file"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x03\x07", "promises 3 values, it holds 1"),
    ],
)
def test_what_is_no_whole_idx_file_is_refused(content, message, tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(content)

    with pytest.raises(ncl.DataNotFoundError, match=message):
        read_idx(path)


def test_a_cut_off_gzip_file_is_refused(tmp_path):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(b"x" * 100)[:-12])

    with pytest.raises(ncl.DataNotFoundError, match="not a readable gzip file"):
        read_idx(path)


def test_a_class_with_too_few_examples_is_named():
    with pytest.raises(ValueError, match="1 of class 2"):
        balanced_order(np.array([0, 0, 2]), per_class=2, seed=0)


def test_inputs_and_labels_must_be_equally_many():
    with pytest.raises(ValueError, match=r"x of shape \(3, 2\), y of shape \(2,\)"):
        ncl.Data(np.zeros((3, 2)), np.zeros(2))


def test_empty_data_is_refused():
    with pytest.raises(ValueError, match="non-empty"):
        ncl.Data(np.zeros((0, 2)), np.zeros(0))


def test_taking_more_than_there_is_takes_all():
    data = ncl.Data(np.arange(3), np.arange(3), "three")

    assert len(data.take(2)) == 2
    assert len(data.take(9)) == 3
    assert data.take(2).name == "three"


def test_a_folder_of_parts_is_read(tmp_path):
    np.savez(tmp_path / "train.npz", x=np.zeros((4, 2)), y=np.arange(4))
    np.savez(tmp_path / "test.npz", x=np.zeros((3, 2)), y=np.arange(3))

    parts = ncl.data.read_folder(tmp_path)

    assert {name: len(part) for name, part in parts.items()} == {"train": 4, "test": 3}


def test_a_folder_without_parts_and_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(ncl.DataNotFoundError, match="holds none of them"):
        ncl.data.read_folder(tmp_path)
    with pytest.raises(ncl.DataNotFoundError, match="is not a folder"):
        ncl.data.read_folder(tmp_path / "missing")


def test_a_part_without_labels_is_refused(tmp_path):
    np.savez(tmp_path / "train.npz", x=np.zeros((4, 2)))

    with pytest.raises(ncl.DataNotFoundError, match=r"train\.npz is not an \.npz file"):
        ncl.data.read_folder(tmp_path)


def test_the_context_of_a_dataset_holds_its_parts(subset):
    context = ncl.Context.of(subset, seed=5)

    assert context.train is subset.train
    assert context.test is subset.test
    assert len(context.calibration) == 512
    assert context.seed == 5


def test_the_context_of_something_else_is_refused():
    with pytest.raises(TypeError, match="takes a Dataset"):
        ncl.Context.of((np.zeros(2), np.zeros(2)))
