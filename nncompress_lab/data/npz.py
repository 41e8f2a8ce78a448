"""Arrays from an `.npz` file, or one error that says what is wrong with it."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import DataNotFoundError


def read_npz(path: Path, names: tuple[str, ...]) -> list[npt.NDArray[Any]]:
    """Read arrays of an `.npz` file.

    Args:
        path: The file.
        names: Of the arrays to read.

    Returns:
        The arrays in the order of `names`.

    Raises:
        DataNotFoundError: If the file is no `.npz` file, is damaged or lacks an array.
    """
    try:
        # Through an open file, because NumPy leaves a damaged one open.
        with path.open("rb") as file:
            stored = np.load(file)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")  # noqa: TRY004, TRY301
            return [stored[name] for name in names]
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as e:
        raise DataNotFoundError(
            f"{path} is not an .npz file with the arrays {', '.join(names)} ({e}). "
            "Write or download it again; numpy.savez(path, x=x, y=y) writes one."
        ) from e
