"""The embedded images, the full sets from folders, and what is refused."""

import gzip
import re
import struct
from pathlib import Path

import keras
import numpy as np
import pytest

from nncompress_lab import Context, DataNotFoundError
from nncompress_lab.data import (
    Data,
    Dataset,
    fashion_mnist,
    mnist,
    read_folder,
    sources,
)
from nncompress_lab.data.datasets import balanced_order
from nncompress_lab.data.embed import embedded_arrays
from nncompress_lab.data.idx import read_idx, read_idx_folder
from nncompress_lab.data.structures import leaves

PARTS = ("train", "validation", "test")
IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
PER_CLASS, TEST_PER_CLASS = 510, 3

needs_full_data = [
    pytest.mark.full_data,
    pytest.mark.skipif(
        not sources.DEBIAN_FOLDER.is_dir(), reason="full Fashion-MNIST not installed"
    ),
]


def full_data(test):
    for mark in needs_full_data:
        test = mark(test)
    return test


def idx_bytes(array: np.ndarray) -> bytes:
    """The IDX format as it is published, written out by hand."""
    header = bytes([0, 0, 8, array.ndim])
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def numbered_images(count: int) -> np.ndarray:
    """Images that carry their own number in their first two pixels."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(count), 256)
    images[:, 27, 27] = 255
    return images


def small_arrays() -> list[np.ndarray]:
    """Train images and labels, test images and labels; all ten classes."""
    train = np.tile(np.arange(10, dtype=np.uint8), PER_CLASS)
    test = np.tile(np.arange(10, dtype=np.uint8), TEST_PER_CLASS)
    return [numbered_images(train.size), train, numbered_images(test.size), test]


def keys(data: Data) -> set[bytes]:
    """The bytes of each image."""
    pixels = np.rint(data.x * 255).astype(np.uint8)
    return {image.tobytes() for image in pixels}


@pytest.fixture(scope="module")
def embedded() -> Dataset:
    return fashion_mnist()


@pytest.fixture(scope="module")
def full() -> Dataset:
    return fashion_mnist(full=True)


@pytest.fixture(scope="module")
def idx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("idx")
    for name, array in zip(IDX_NAMES, small_arrays(), strict=True):
        (folder / name).write_bytes(idx_bytes(array))
    return folder


@pytest.fixture(scope="module")
def npz_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npz")
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez(folder / "mnist.npz", **dict(zip(names, small_arrays(), strict=True)))
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without the Debian package and without a connection."""

    def fail() -> None:
        raise Exception("URL fetch failure: unreachable")  # noqa: TRY002 - as Keras does

    empty = tmp_path / "no-package"
    empty.mkdir()
    monkeypatch.setattr(sources, "DEBIAN_FOLDER", empty)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", fail)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)


# The embedded subset


def test_the_embedded_parts_have_the_promised_sizes(embedded):
    sizes = [len(getattr(embedded, part)) for part in PARTS]

    assert sizes == [10_000, 2_000, 2_000]


@pytest.mark.parametrize("part", PARTS)
def test_an_embedded_part_has_equally_many_images_of_each_class(embedded, part):
    y = getattr(embedded, part).y

    np.testing.assert_array_equal(np.bincount(y), np.full(10, len(y) // 10))


@pytest.mark.parametrize("part", PARTS)
def test_every_ten_embedded_images_in_a_row_hold_every_class_once(embedded, part):
    turns = getattr(embedded, part).y.reshape(-1, 10)

    np.testing.assert_array_equal(np.sort(turns, axis=1), [range(10)] * len(turns))


@pytest.mark.parametrize("part", PARTS)
def test_embedded_images_are_float32_with_a_channel_axis(embedded, part):
    x = getattr(embedded, part).x

    assert (x.dtype, x.shape[1:]) == (np.float32, (28, 28, 1))


@pytest.mark.parametrize("part", PARTS)
def test_embedded_images_reach_from_zero_to_one(embedded, part):
    x = getattr(embedded, part).x

    assert (x.min(), x.max()) == (0.0, 1.0)


@pytest.mark.parametrize("part", PARTS)
def test_embedded_labels_are_int32(embedded, part):
    assert getattr(embedded, part).y.dtype == np.int32


@pytest.mark.parametrize(
    ("one", "other"),
    [("train", "validation"), ("train", "test"), ("validation", "test")],
)
def test_no_embedded_image_is_in_two_parts(embedded, one, other):
    assert not keys(getattr(embedded, one)) & keys(getattr(embedded, other))


def test_there_is_a_name_for_each_class(embedded):
    assert len(embedded.class_names) == 10


def test_each_call_gives_arrays_of_its_own(embedded):
    again = fashion_mnist()

    assert not np.shares_memory(again.test.y, embedded.test.y)


# The full set


@full_data
def test_the_full_parts_have_the_promised_sizes(full):
    sizes = [len(getattr(full, part)) for part in PARTS]

    assert sizes == [55_000, 5_000, 10_000]


@full_data
def test_the_full_validation_set_has_500_images_of_each_class(full):
    np.testing.assert_array_equal(np.bincount(full.validation.y), np.full(10, 500))


@full_data
def test_no_full_training_image_is_held_out(full):
    held_out = keys(full.validation) | keys(full.test)

    assert not keys(full.train) & held_out


@full_data
def test_the_embedded_validation_images_are_the_first_of_the_full_ones(embedded, full):
    count = len(embedded.validation)

    np.testing.assert_array_equal(embedded.validation.x, full.validation.x[:count])


@full_data
def test_the_embedded_training_images_are_among_the_full_ones(embedded, full):
    assert keys(embedded.train) <= keys(full.train)


@full_data
def test_the_embedded_test_images_are_among_the_official_test_images(embedded, full):
    assert keys(embedded.test) <= keys(full.test)


@full_data
def test_the_embedded_file_is_what_the_script_makes_of_the_full_set():
    made = embedded_arrays()

    with np.load(Path(sources.__file__).parent / sources.EMBEDDED_FILE) as stored:
        assert set(stored) == set(made)
        for name, array in made.items():
            np.testing.assert_array_equal(stored[name], array)


def test_the_script_needs_the_four_files(tmp_path):
    with pytest.raises(DataNotFoundError, match=re.escape(str(tmp_path))):
        embedded_arrays(tmp_path)


# IDX files


@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 2, 4)])
def test_an_idx_file_is_read_in_the_shape_of_its_header(tmp_path, shape):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    (tmp_path / "plain").write_bytes(idx_bytes(array))

    np.testing.assert_array_equal(read_idx(tmp_path / "plain"), array)


def test_sizes_in_an_idx_header_are_big_endian(tmp_path):
    content = bytes([0, 0, 8, 1, 0, 0, 1, 2]) + bytes(258)
    (tmp_path / "plain").write_bytes(content)

    assert read_idx(tmp_path / "plain").shape == (258,)


def test_a_gzipped_idx_file_is_unpacked(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx_bytes(array)))

    np.testing.assert_array_equal(read_idx(tmp_path / "packed.gz"), array)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"<html>not found</html>",
        bytes([0, 0, 0x0D, 1, 0, 0, 0, 1, 0, 0, 0, 0]),  # floats
        bytes([0, 0, 8, 0, 7]),  # no axes
        bytes([0, 0, 8, 3, 0, 0, 0, 1]),  # two of three sizes are missing
    ],
    ids=["empty", "short", "html", "floats", "no axes", "half a header"],
)
def test_a_file_that_is_not_idx_is_refused(tmp_path, content):
    path = tmp_path / "plain"
    path.write_bytes(content)

    with pytest.raises(DataNotFoundError, match="plain is not an IDX file"):
        read_idx(path)


@pytest.mark.parametrize("size", [-1, 1])
def test_an_idx_file_of_another_length_than_promised_is_refused(tmp_path, size):
    path = tmp_path / "plain"
    whole = idx_bytes(np.zeros(10, np.uint8))
    path.write_bytes(whole[:-1] if size < 0 else whole + b"\0")

    with pytest.raises(DataNotFoundError, match=f"promises 10 .* holds {10 + size}"):
        read_idx(path)


@pytest.mark.parametrize("damage", ["not gzip", "cut", "bits"])
def test_a_damaged_gzip_file_is_refused(tmp_path, damage):
    whole = gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8)))
    flipped = bytes(byte ^ 0xFF for byte in whole[20:40])
    content = {
        "not gzip": b"<html>not found</html>",
        "cut": whole[:-9],
        "bits": whole[:20] + flipped + whole[40:],
    }[damage]
    path = tmp_path / "packed.gz"
    path.write_bytes(content)

    with pytest.raises(DataNotFoundError, match="not a readable gzip file"):
        read_idx(path)


@pytest.mark.parametrize("missing", IDX_NAMES)
def test_a_folder_without_one_of_the_four_files_is_no_idx_folder(tmp_path, missing):
    for name in IDX_NAMES:
        if name != missing:
            (tmp_path / name).write_bytes(idx_bytes(np.zeros(1, np.uint8)))

    assert read_idx_folder(tmp_path) is None


# Full sets from a folder


@pytest.mark.parametrize(
    "load",
    [lambda folder: fashion_mnist(full=True, folder=folder), lambda f: mnist(folder=f)],
)
def test_a_folder_of_idx_files_is_split_into_the_three_parts(idx_folder, load):
    data = load(idx_folder)

    sizes = [len(getattr(data, part)) for part in PARTS]
    assert sizes == [10 * (PER_CLASS - 500), 5_000, 10 * TEST_PER_CLASS]


def test_gzipped_and_plain_idx_files_may_lie_side_by_side(tmp_path):
    for number, (name, array) in enumerate(zip(IDX_NAMES, small_arrays(), strict=True)):
        content = idx_bytes(array)
        if number % 2:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (tmp_path / name).write_bytes(content)

    data = fashion_mnist(full=True, folder=tmp_path)

    assert len(data.validation) == 5_000


def test_mnist_reads_the_file_that_keras_stores(npz_folder):
    data = mnist(folder=npz_folder)

    sizes = [len(getattr(data, part)) for part in PARTS]
    assert sizes == [10 * (PER_CLASS - 500), 5_000, 10 * TEST_PER_CLASS]


def test_both_forms_of_mnist_give_the_same_images(idx_folder, npz_folder):
    from_idx, from_npz = mnist(folder=idx_folder), mnist(folder=npz_folder)

    np.testing.assert_array_equal(from_idx.validation.x, from_npz.validation.x)


def test_a_folder_may_be_a_string(npz_folder):
    assert len(mnist(folder=str(npz_folder)).test) == 10 * TEST_PER_CLASS


def test_the_split_leaves_every_training_image_in_exactly_one_part(idx_folder):
    data = fashion_mnist(full=True, folder=idx_folder)

    pixels = np.concatenate([data.train.x, data.validation.x])[:, 0, :2, 0]
    numbers = np.rint(pixels * 255).astype(int) @ [256, 1]
    np.testing.assert_array_equal(np.sort(numbers), np.arange(10 * PER_CLASS))


def test_images_keep_their_labels_through_the_split(idx_folder):
    data = fashion_mnist(full=True, folder=idx_folder)

    for part in (data.train, data.validation):
        numbers = np.rint(part.x[:, 0, :2, 0] * 255).astype(int) @ [256, 1]
        np.testing.assert_array_equal(part.y, numbers % 10)


def test_the_split_is_the_same_each_time(idx_folder):
    one = fashion_mnist(full=True, folder=idx_folder).validation.x

    np.testing.assert_array_equal(
        one, fashion_mnist(full=True, folder=idx_folder).validation.x
    )


def test_the_two_sets_have_names_of_their_own(idx_folder):
    names = [
        fashion_mnist(full=True, folder=idx_folder).name,
        mnist(folder=idx_folder).name,
    ]

    assert names == ["Fashion-MNIST", "MNIST"]


def test_a_folder_without_mnist_is_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"IDX files .* or mnist\.npz"):
        mnist(folder=tmp_path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match="nowhere"):
        fashion_mnist(full=True, folder=tmp_path / "nowhere")


def test_mnist_is_not_taken_for_fashion_mnist(npz_folder):
    with pytest.raises(DataNotFoundError):
        fashion_mnist(full=True, folder=npz_folder)


def test_a_folder_without_full_is_refused(idx_folder):
    with pytest.raises(ValueError, match=r"needs `full=True`"):
        fashion_mnist(folder=idx_folder)


def not_an_npz(path: Path, kind: str) -> None:
    if kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "cut":
        np.savez(path, x=np.zeros(100), y=np.zeros(100))
        path.write_bytes(path.read_bytes()[:-50])
    elif kind == "other names":
        np.savez(path, images=np.zeros(3), labels=np.zeros(3))
    else:
        path.write_bytes({"empty": b"", "text": b"<html></html>"}[kind])


broken_files = pytest.mark.parametrize(
    "kind", ["empty", "text", "array", "cut", "other names"]
)


@broken_files
def test_a_broken_mnist_npz_is_refused(tmp_path, kind):
    not_an_npz(tmp_path / "mnist.npz", kind)

    with pytest.raises(DataNotFoundError, match=r"mnist\.npz is not an \.npz file"):
        mnist(folder=tmp_path)


# Downloads


def test_a_failed_download_names_both_ways_out(offline):
    with pytest.raises(DataNotFoundError, match=r"connect to the internet.*folder="):
        fashion_mnist(full=True)


def test_a_failed_download_tells_what_keras_said(offline):
    with pytest.raises(DataNotFoundError, match="URL fetch failure"):
        fashion_mnist(full=True)


def test_a_failed_download_of_fashion_mnist_names_the_debian_package(offline):
    with pytest.raises(DataNotFoundError, match="dataset-fashion-mnist"):
        fashion_mnist(full=True)


def test_a_failed_download_of_mnist_names_its_npz_file(offline):
    with pytest.raises(DataNotFoundError, match=r"mnist\.npz works too"):
        mnist()


def test_the_embedded_subset_needs_no_download(offline):
    assert len(fashion_mnist().train) == 10_000


def test_a_named_folder_is_read_before_anything_is_downloaded(offline, idx_folder):
    assert len(fashion_mnist(full=True, folder=idx_folder).validation) == 5_000


def test_the_installed_package_is_read_before_anything_is_downloaded(
    offline, idx_folder, monkeypatch
):
    monkeypatch.setattr(sources, "DEBIAN_FOLDER", idx_folder)

    assert len(fashion_mnist(full=True).validation) == 5_000


def test_what_keras_downloads_is_split_like_the_files(offline, idx_folder, monkeypatch):
    x, y, x_test, y_test = small_arrays()
    monkeypatch.setattr(
        keras.datasets.fashion_mnist, "load_data", lambda: ((x, y), (x_test, y_test))
    )

    downloaded = fashion_mnist(full=True)

    from_files = fashion_mnist(full=True, folder=idx_folder)
    np.testing.assert_array_equal(downloaded.validation.x, from_files.validation.x)


# A folder of one's own


def test_a_data_folder_gives_the_parts_that_it_holds(tmp_path):
    np.savez(tmp_path / "train.npz", x=np.zeros((4, 2)), y=np.arange(4))
    np.savez(tmp_path / "test.npz", x=np.ones((3, 2)), y=np.arange(3))

    parts = read_folder(tmp_path)

    assert {name: len(part) for name, part in parts.items()} == {"train": 4, "test": 3}


def test_a_data_folder_gives_the_arrays_of_its_files(tmp_path):
    x = np.arange(6.0).reshape(3, 2)
    np.savez(tmp_path / "train.npz", x=x, y=np.array([2, 0, 1]))

    part = read_folder(str(tmp_path))["train"]

    np.testing.assert_array_equal(part.x, x)
    np.testing.assert_array_equal(part.y, [2, 0, 1])


def test_a_context_takes_every_part_of_a_data_folder(tmp_path):
    for part in ("train", "validation", "calibration", "test"):
        np.savez(tmp_path / f"{part}.npz", x=np.zeros((2, 1)), y=np.zeros(2))

    context = Context(**read_folder(tmp_path))

    assert context.calibration is not None


def test_an_empty_data_folder_is_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match="holds none of them"):
        read_folder(tmp_path)


def test_a_data_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match="is not a folder"):
        read_folder(tmp_path / "nowhere")


@broken_files
def test_a_broken_file_in_a_data_folder_is_refused(tmp_path, kind):
    not_an_npz(tmp_path / "train.npz", kind)

    with pytest.raises(DataNotFoundError, match=r"train\.npz is not an \.npz file"):
        read_folder(tmp_path)


def test_a_data_file_with_fewer_labels_than_inputs_is_refused(tmp_path):
    np.savez(tmp_path / "train.npz", x=np.zeros((4, 2)), y=np.zeros(3))

    with pytest.raises(DataNotFoundError, match="one label for each example"):
        read_folder(tmp_path)


# Data and Dataset


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((3, 2)), np.zeros(2)),
        (np.zeros((0, 2)), np.zeros(0)),
        (np.float32(1), np.zeros(1)),
        (np.zeros((3, 2)), np.array(1)),
    ],
    ids=["lengths differ", "empty", "x is a number", "y is a number"],
)
def test_inputs_without_one_label_each_are_refused(x, y):
    with pytest.raises(ValueError, match="one label for each example"):
        Data(x, y)


def test_the_length_of_data_is_the_number_of_its_examples():
    assert len(Data(np.zeros((3, 2)), np.zeros(3))) == 3


def test_take_gives_the_first_examples():
    data = Data(np.arange(6).reshape(3, 2), np.array([5, 6, 7]), "mine").take(2)

    np.testing.assert_array_equal(data.x, [[0, 1], [2, 3]])
    np.testing.assert_array_equal(data.y, [5, 6])


def test_take_keeps_the_name():
    assert Data(np.zeros(3), np.zeros(3), "mine").take(1).name == "mine"


def test_take_gives_all_examples_when_there_are_fewer():
    assert len(Data(np.zeros(3), np.zeros(3)).take(10)) == 3


def test_data_shows_types_and_shapes():
    data = Data(np.zeros((3, 2), np.float32), np.zeros(3, np.int32))

    assert repr(data) == "Data(x: float32 (3, 2), y: int32 (3,))"


def test_a_dataset_shows_the_sizes_of_its_parts():
    parts = [Data(np.zeros(count), np.zeros(count)) for count in (5, 3, 2)]

    dataset = Dataset("toys", *parts, class_names=("a", "b"))

    assert repr(dataset) == "Dataset('toys': 5 train, 3 validation, 2 test, 2 classes)"


def test_a_selection_of_too_many_of_a_class_is_refused():
    with pytest.raises(ValueError, match="1 of class 7"):
        balanced_order(np.array([3, 3, 7]), per_class=2, seed=0)


def test_a_balanced_selection_takes_no_example_twice():
    labels = np.random.default_rng(0).integers(0, 3, 100)

    picked = balanced_order(labels, per_class=20, seed=1)

    assert len(np.unique(picked)) == 60


def test_another_seed_selects_other_examples():
    labels = np.repeat([0, 1], 50)

    one, other = (balanced_order(labels, per_class=5, seed=seed) for seed in (0, 1))

    assert set(one) != set(other)


# Structures and pipelines


def pipeline():
    """Ten examples in batches of four."""
    for start in range(0, 10, 4):
        rows = np.arange(start, min(start + 4, 10))
        yield {"a": rows[:, None], "b": -rows}, rows * 2


WHOLE = Data({"a": np.arange(10)[:, None], "b": -np.arange(10)}, np.arange(10) * 2)


@pytest.mark.parametrize(
    ("x", "shapes"),
    [
        ([np.zeros((3, 2)), np.zeros((3, 4))], [(3, 2), (3, 4)]),
        ((np.zeros((3, 2)), [np.zeros(3), np.zeros((3, 1))]), [(3, 2), (3,), (3, 1)]),
        ({"b": np.zeros((3, 2)), "a": [[1], [2], [3]]}, [(3, 1), (3, 2)]),
        ([[1, 2], [3, 4], [5, 6]], [(3, 2)]),
        (list(np.zeros((3, 5, 2))), [(3, 5, 2)]),
        (keras.ops.zeros((3, 2)), [(3, 2)]),
    ],
    ids=["list", "nested", "dict", "numbers", "examples in a list", "tensor"],
)
def test_inputs_are_what_fit_takes(x, shapes):
    data = Data(x, [0, 1, 2])

    assert [one.shape for one in leaves(data.x)] == shapes
    assert [one.shape for one in leaves(data.take(2).x)] == [
        (2, *shape[1:]) for shape in shapes
    ]
    assert len(data) == 3


def test_labels_are_whatever_a_loss_takes():
    for y in (np.eye(3), [[1], [2], [3]], np.zeros((3, 8, 8)), [0.5, 1.5, 2.5]):
        np.testing.assert_array_equal(Data(np.zeros(3), y).y, y)
    two = Data(np.zeros(3), {"one": np.eye(3), "two": [1, 2, 3]}).take(2).y
    np.testing.assert_array_equal(two["two"], [1, 2])


def test_one_of_several_inputs_that_is_shorter_is_refused():
    with pytest.raises(ValueError, match=r"\[\(3, 2\), \(2,\)\].*list of arrays"):
        Data([np.zeros((3, 2)), np.zeros(2)], np.zeros(3))


def test_lists_of_other_lengths_are_sent_to_be_padded():
    with pytest.raises(ValueError, match="pad_sequences"):
        Data([[1, 2], [3]], [0, 1])


@pytest.mark.parametrize("x", [{}, {"a": {}}], ids=str)
def test_structures_without_an_array_are_refused(x):
    with pytest.raises(ValueError, match="must be non-empty arrays"):
        Data(x, [0, 1])


def test_what_is_no_dense_array_is_refused_by_its_name():
    with pytest.raises(ValueError, match=r"Received: NoneType.*\.toarray\(\)"):
        Data(np.zeros(2), [np.zeros(2), None])


def test_the_name_may_stand_where_it_stood_before_there_were_weights():
    data = Data(np.zeros(2), np.zeros(2), "mine")

    assert (data.name, data.sample_weight) == ("mine", None)


def test_data_of_structures_shows_types_and_shapes():
    assert repr(WHOLE) == "Data(x: [int64 (10, 1), int64 (10,)], y: int64 (10,))"
    assert repr(Data(pipeline)) == "Data(a pipeline: function)"


def assert_same_batches(one: Data, other: Data, batch_size: int = 4) -> None:
    pairs = zip(one.batches(batch_size), other.batches(batch_size), strict=True)
    for first, second in pairs:
        for a, b in zip(first, second, strict=True):
            for left, right in zip(leaves(a), leaves(b), strict=True):
                np.testing.assert_array_equal(left, right)


def test_a_pipeline_gives_its_batches_and_arrays_are_cut_into_some():
    assert_same_batches(Data(pipeline), WHOLE)


@pytest.mark.parametrize("count", [1, 4, 6, 10, 99])
def test_the_first_examples_of_a_pipeline_are_those_of_the_arrays(count):
    assert_same_batches(Data(pipeline).take(count), WHOLE.take(count))


def test_shorter_batches_are_filled_with_zeros():
    def sentences():
        for length in (1, 3):
            yield np.ones((2, length), np.int32), np.zeros(2)

    taken = Data(sentences).take(3).x

    np.testing.assert_array_equal(taken, [[1, 0, 0], [1, 0, 0], [1, 1, 1]])


def test_what_was_read_is_read_no_second_time():
    read = []

    def counted():
        for batch in pipeline():
            read.append(batch)
            yield batch

    data = Data(counted)
    for count in (5, 2, 5, 99, 99):
        data.take(count)

    assert len(read) == 2 + 3


def test_a_pipeline_is_counted_when_it_does_not_know():
    data = Data(pipeline)

    assert data.size is None
    assert data.steps(batch_size=1) == 3
    assert (data.size, len(data)) == (10, 10)


def test_a_changed_pipeline_is_read_through_the_function():
    def doubled(x, y, weight):
        return x, y * 2, weight

    assert_same_batches(Data(pipeline).mapped(doubled), WHOLE.mapped(doubled))
    np.testing.assert_array_equal(WHOLE.mapped(doubled).y, np.arange(10) * 4)


@pytest.mark.parametrize("what", ["x", "y", "sample_weight"])
def test_a_pipeline_has_no_arrays_of_all_examples(what):
    with pytest.raises(TypeError, match=r"data\.batches\(batch_size\).*data\.take"):
        getattr(Data(pipeline), what)


def test_the_length_of_a_pipeline_is_refused_before_it_is_known():
    with pytest.raises(TypeError, match=r"data\.size"):
        len(Data(pipeline))


def test_what_can_be_read_only_once_is_refused():
    with pytest.raises(
        TypeError, match=r"Data\(batches\) in place of Data\(batches\(\)"
    ):
        Data(pipeline())


def test_a_function_with_arguments_is_refused_at_once():
    with pytest.raises(TypeError, match="called without arguments"):
        Data(lambda start: iter([start]))


@pytest.mark.parametrize("batch", [(np.zeros(6), 1), (np.zeros(6), np.zeros(3))])
def test_single_examples_are_sent_to_be_batched(batch):
    with pytest.raises(ValueError, match=r"\.batch\(32\)"):
        Data(lambda: iter([batch])).take(1)


def test_labels_beside_a_pipeline_are_refused():
    with pytest.raises(ValueError, match="gives inputs and labels together"):
        Data(pipeline, np.zeros(10))


def test_an_empty_pipeline_is_refused():
    for ask in (lambda data: data.take(1), lambda data: data.steps(1)):
        with pytest.raises(ValueError, match="gives no batches"):
            ask(Data(lambda: iter(())))


class Endless(keras.utils.PyDataset):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        return np.full((2, 1), index), np.zeros(2)


def test_a_pipeline_that_never_ends_has_no_epochs_but_a_beginning():
    data = Data(Endless())

    np.testing.assert_array_equal(data.take(3).x, [[0], [0], [1]])
    with pytest.raises(ValueError, match="never ends"):
        data.steps(1)


def test_a_dataset_needs_neither_a_test_part_nor_class_names():
    dataset = Dataset("mine", (np.zeros((3, 2)), np.zeros(3)), pipeline)

    assert repr(dataset) == "Dataset('mine': 3 train, validation as a pipeline)"
    assert Context.of(dataset).test is None


# Several arrays in a folder


def test_a_data_folder_holds_several_inputs_and_outputs_by_name(tmp_path):
    np.savez(
        tmp_path / "train.npz",
        x_left=np.zeros((4, 2)),
        x_right=np.ones((4, 3)),
        y_class=np.arange(4),
        y_age=np.ones(4),
        sample_weight=np.ones(4),
    )

    part = read_folder(tmp_path)["train"]

    assert {name: one.shape for name, one in part.x.items()} == {
        "left": (4, 2),
        "right": (4, 3),
    }
    assert set(part.y) == {"class", "age"}
    assert part.sample_weight.shape == (4,)


def test_a_data_folder_holds_several_inputs_by_number(tmp_path):
    arrays = {f"x_{place}": np.full(2, place) for place in range(11)}
    np.savez(tmp_path / "train.npz", y=np.zeros(2), **arrays)

    part = read_folder(tmp_path)["train"]

    assert [one[0] for one in part.x] == list(range(11))


def test_calibration_in_a_folder_needs_no_labels(tmp_path):
    for name in ("calibration", "test"):
        np.savez(tmp_path / f"{name}.npz", x=np.zeros((4, 2)))

    with pytest.raises(DataNotFoundError, match=r"test\.npz.*there is no y"):
        read_folder(tmp_path)
    (tmp_path / "test.npz").unlink()
    assert read_folder(tmp_path)["calibration"].y is None


def test_a_part_with_one_input_and_several_is_refused(tmp_path):
    np.savez(tmp_path / "train.npz", x=np.zeros(4), x_a=np.zeros(4), y=np.zeros(4))

    with pytest.raises(DataNotFoundError, match="x and x_a, one too many"):
        read_folder(tmp_path)
