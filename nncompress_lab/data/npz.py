"""Arrays from an `.npz` file, or one error that says what is wrong with it."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import DataNotFoundError


def read_npz(path: Path, names: tuple[str, ...]) -> list[npt.NDArray[Any]]:
    """Read arrays of an `.npz` file by their names.

    Args:
        path: The file.
        names: Of the arrays to read.

    Returns:
        The arrays in the order of `names`.

    Raises:
        DataNotFoundError: If the file is no `.npz` file, is damaged or lacks an array.
    """
    stored = read_all(path, ", ".join(names), lambda one: one in names)
    if missing := [name for name in names if name not in stored]:
        raise DataNotFoundError(_refusal(path, ", ".join(names), f"no {missing[0]!r}"))
    return [stored[name] for name in names]


def read_all(
    path: Path, wanted: str, chosen: Callable[[str], bool]
) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of an `.npz` file whose names are chosen.

    Args:
        path: The file.
        wanted: What the arrays are called, for the error.
        chosen: Whether to read the array of a name.

    Raises:
        DataNotFoundError: If the file is no `.npz` file or is damaged.
    """
    try:
        # Through an open file, because NumPy leaves a damaged one open.
        with path.open("rb") as file:
            stored = np.load(file)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")  # noqa: TRY004, TRY301
            return {name: stored[name] for name in stored.files if chosen(name)}
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as e:
        raise DataNotFoundError(_refusal(path, wanted, e)) from e


def _refusal(path: Path, wanted: str, reason: object) -> str:
    return (
        f"{path} is not an .npz file with the arrays {wanted} ({reason}). Write or "
        "download it again; numpy.savez(path, x=x, y=y) writes one."
    )
