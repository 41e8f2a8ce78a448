"""Builds the Fashion-MNIST subset that ships in the package.

Run `python -m nncompress_lab.data.embed` on a machine with the full data set. The
result is the same on every machine, and a test compares it with the shipped file.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.data.datasets import balanced_order
from nncompress_lab.data.idx import read_idx_folder
from nncompress_lab.data.sources import (
    DEBIAN_FOLDER,
    EMBEDDED_FILE,
    SPLIT_SEED,
    validation_indices,
)
from nncompress_lab.errors import DataNotFoundError

TRAIN_PER_CLASS = 1000
HELD_OUT_PER_CLASS = 200


def embedded_arrays(folder: Path = DEBIAN_FOLDER) -> dict[str, npt.NDArray[Any]]:
    """Choose the subset's images.

    Args:
        folder: Holds the four official IDX files.

    Returns:
        Images (uint8) and labels (uint8) of the parts train, validation and test.

    Raises:
        DataNotFoundError: If the folder does not hold the four files.
    """
    arrays = read_idx_folder(folder)
    if arrays is None:
        raise DataNotFoundError(
            f"The four official Fashion-MNIST files are not in {folder}. "
            "Install the Debian package dataset-fashion-mnist or pass their folder."
        )
    (images, labels), (test_images, test_labels) = arrays
    held_out = validation_indices(labels)
    rest = np.setdiff1d(np.arange(len(labels)), held_out)
    chosen = rest[
        balanced_order(labels[rest], per_class=TRAIN_PER_CLASS, seed=SPLIT_SEED)
    ]
    validation = held_out[: HELD_OUT_PER_CLASS * len(np.unique(labels))]
    test = balanced_order(test_labels, per_class=HELD_OUT_PER_CLASS, seed=SPLIT_SEED)
    return {
        "train_images": images[chosen],
        "train_labels": labels[chosen],
        "validation_images": images[validation],
        "validation_labels": labels[validation],
        "test_images": test_images[test],
        "test_labels": test_labels[test],
    }


if __name__ == "__main__":
    target = Path(__file__).parent / EMBEDDED_FILE
    np.savez_compressed(target, allow_pickle=False, **embedded_arrays())
