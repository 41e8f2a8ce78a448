"""Fashion-MNIST and MNIST, from the package, from a folder or through Keras."""

import importlib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.data.datasets import Data, Dataset, balanced_order
from nncompress_lab.data.idx import Arrays, read_idx_folder
from nncompress_lab.data.npz import read_npz
from nncompress_lab.errors import DataNotFoundError

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
EMBEDDED_FILE = "fashion_mnist_subset.npz"
VALIDATION_PER_CLASS = 500
SPLIT_SEED = 2017

ImagesAndLabels = tuple[Arrays, Arrays]


def fashion_mnist(*, full: bool = False, folder: str | Path | None = None) -> Dataset:
    """Fashion-MNIST: 28x28 grey images of ten kinds of clothing.

    The small set lies inside the package: 10,000 training, 2,000 validation and 2,000
    test images with equally many of each class. Its test images come from the official
    test split, and neither its training nor its validation images are among them. The
    validation images are part of the full set's validation images, so a model trained
    on the full training images has seen neither.

    Args:
        full: Take all 70,000 images: 55,000 training, 5,000 validation (500 of each
            class) and the 10,000 official test images.
        folder: Where the four official IDX files lie. Only with `full=True`; without it
            the Debian package's folder is tried, then Keras's downloader.

    Returns:
        Images as float32 in `[0, 1]` of shape `(n, 28, 28, 1)`, labels as int32 in
        0..9.

    Raises:
        ValueError: If `folder` is given without `full=True`.
        DataNotFoundError: If the full set is neither on this machine nor downloadable.

    References:
        Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
        Machine Learning Algorithms", 2017. https://arxiv.org/abs/1708.07747
        Copyright (c) 2017 Zalando SE, MIT licence.
    """
    if full:
        return _with_validation("Fashion-MNIST", _full_fashion(folder), FASHION_CLASSES)
    if folder is not None:
        raise ValueError(
            "`folder` says where the full data set lies and needs `full=True`. "
            f"Received: folder={str(folder)!r}, full=False."
        )
    file = resources.files("nncompress_lab.data").joinpath(EMBEDDED_FILE)
    name = "Fashion-MNIST subset"
    with resources.as_file(file) as path, np.load(path) as stored:
        parts = {
            part: _as_data(
                stored[f"{part}_images"], stored[f"{part}_labels"], f"{name}, {part}"
            )
            for part in ("train", "validation", "test")
        }
    return Dataset(name, class_names=FASHION_CLASSES, **parts)


def mnist(*, folder: str | Path | None = None) -> Dataset:
    """MNIST, read from a folder or through Keras; nothing of it is in the package.

    Args:
        folder: Holds `mnist.npz` as Keras stores it, or the four official IDX files.
            Without it Keras's cache is used, which downloads the file once.

    Returns:
        55,000 training, 5,000 validation (500 of each digit) and 10,000 test images, in
        the form of `fashion_mnist`.

    Raises:
        DataNotFoundError: If the folder holds no MNIST, or the download fails.

    References:
        LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document
        Recognition", Proc. IEEE 1998.
    """
    if folder is not None:
        arrays = _from_folder(folder, npz="mnist.npz")
    else:
        arrays = _from_keras("mnist")
    return _with_validation("MNIST", arrays, tuple(str(digit) for digit in range(10)))


def _full_fashion(folder: str | Path | None) -> ImagesAndLabels:
    if folder is not None:
        return _from_folder(folder)
    installed = read_idx_folder(DEBIAN_FOLDER)
    return installed if installed is not None else _from_keras("fashion_mnist")


def _from_folder(folder: str | Path, *, npz: str | None = None) -> ImagesAndLabels:
    folder = Path(folder)
    arrays = read_idx_folder(folder)
    if arrays is not None:
        return arrays
    if npz is None or not (folder / npz).is_file():
        raise DataNotFoundError(
            "The folder must hold the four official IDX files (for example "
            f"train-images-idx3-ubyte.gz){f' or {npz}' if npz else ''}. "
            f"Received: {str(folder)!r}, which does not."
        )
    names = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = read_npz(folder / npz, names)
    return (x_train, y_train), (x_test, y_test)


def _from_keras(name: str) -> ImagesAndLabels:
    module = importlib.import_module(f"keras.datasets.{name}")
    load: Callable[[], ImagesAndLabels] = module.load_data
    try:
        return load()
    except Exception as error:  # Keras raises a bare Exception for a failed download
        offline = "; with Debian or Ubuntu, `apt-get install dataset-fashion-mnist`"
        raise DataNotFoundError(
            f"The full {name} data set is not on this machine and Keras could not "
            f"download it ({error}). Either connect to the internet once, so that "
            f"keras.datasets.{name} can download it, or work offline: put the four "
            "official IDX files into a folder and pass folder=..."
            + (offline if name == "fashion_mnist" else " (mnist.npz works too)")
        ) from error


def _with_validation(
    name: str, arrays: ImagesAndLabels, class_names: tuple[str, ...]
) -> Dataset:
    (images, labels), (test_images, test_labels) = arrays
    validation = validation_indices(labels)
    train = np.setdiff1d(np.arange(len(labels)), validation)
    return Dataset(
        name,
        train=_as_data(images[train], labels[train], f"{name}, train"),
        validation=_as_data(
            images[validation], labels[validation], f"{name}, validation"
        ),
        test=_as_data(test_images, test_labels, f"{name}, test"),
        class_names=class_names,
    )


def validation_indices(labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where the validation images lie among the official training images.

    Args:
        labels: The official training labels, shape `(60000,)`.

    Returns:
        Indices of 500 images of each class, classes taking turns.
    """
    return balanced_order(labels, per_class=VALIDATION_PER_CLASS, seed=SPLIT_SEED)


def _as_data(images: npt.NDArray[Any], labels: npt.NDArray[Any], name: str) -> Data:
    scaled = images.astype(np.float32)[..., np.newaxis] / np.float32(255)
    return Data(scaled, labels.astype(np.int32), name=name)
