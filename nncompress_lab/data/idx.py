"""The IDX format, in which MNIST and Fashion-MNIST are published."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import DataNotFoundError

UNSIGNED_BYTE = 0x08
PARTS = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)
Arrays = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not.

    Args:
        path: The file; a name that ends in `.gz` is decompressed.

    Returns:
        Array with the shape that the header gives.

    Raises:
        DataNotFoundError: If the file is damaged or holds something else.
    """
    raw = path.read_bytes()
    try:
        content = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataNotFoundError(
            f"{path} is not a readable gzip file ({error}). Download it again."
        ) from error
    ndim = content[3] if len(content) > 3 else 0
    header = 4 + 4 * ndim
    if (
        ndim == 0
        or content[:3] != bytes([0, 0, UNSIGNED_BYTE])
        or len(content) < header
    ):
        raise DataNotFoundError(
            f"{path} is not an IDX file of unsigned bytes. Received a file that starts "
            f"with {content[:4]!r}. Download it again."
        )
    shape = np.frombuffer(content, dtype=">u4", count=ndim, offset=4).astype(np.int64)
    values = np.frombuffer(content, dtype=np.uint8, offset=header)
    if values.size != shape.prod():
        raise DataNotFoundError(
            f"{path} is incomplete: its header promises {shape.prod()} values, it holds "
            f"{values.size}. Download it again."
        )
    return values.reshape(tuple(shape))


def read_idx_folder(folder: Path) -> tuple[Arrays, Arrays] | None:
    """Read the four files of an MNIST-like data set.

    Args:
        folder: Where the four files lie, each as published or unzipped.

    Returns:
        `((train_images, train_labels), (test_images, test_labels))`, or None if the
        folder does not hold all four files.
    """
    pairs = []
    for names in PARTS:
        found = [_first_existing(folder, name) for name in names]
        if any(path is None for path in found):
            return None
        images, labels = (read_idx(path) for path in found if path is not None)
        pairs.append((images, labels))
    return pairs[0], pairs[1]


def _first_existing(folder: Path, name: str) -> Path | None:
    candidates = (folder / f"{name}.gz", folder / name)
    return next((path for path in candidates if path.is_file()), None)
