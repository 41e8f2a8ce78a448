"""A data set of one's own: a folder with an `.npz` file for each part."""

from pathlib import Path
from typing import Any

from nncompress_lab.data.data import Data
from nncompress_lab.data.npz import read_all
from nncompress_lab.errors import DataNotFoundError

PARTS = ("train", "validation", "calibration", "test")
UNLABELLED = "calibration"
WEIGHT = "sample_weight"


def read_folder(folder: str | Path) -> dict[str, Data]:
    """Read the parts of a data set that a folder holds.

    Args:
        folder: Holds at least one of `train.npz`, `validation.npz`, `calibration.npz`
            and `test.npz`, each with the arrays `x` and `y`, as written by
            `numpy.savez(path, x=x, y=y)`. Several inputs are `x_NAME`, by the names of
            the model's inputs, or `x_0`, `x_1` in their order; several outputs `y_NAME`
            or `y_0`. There may be a `sample_weight`, and calibration needs no labels.

    Returns:
        The parts by name; `Context(**read_folder(folder))` takes them.

    Raises:
        DataNotFoundError: If the folder does not exist or holds none of the files, or a
            file cannot be read.
    """
    folder = Path(folder)
    found = {part: folder / f"{part}.npz" for part in PARTS}
    found = {part: path for part, path in found.items() if path.is_file()}
    if not found:
        raise DataNotFoundError(
            "A data folder holds one or more of train.npz, validation.npz, "
            "calibration.npz and test.npz, each with the arrays x and y (of several x_NAME "
            "and y_NAME). Received: "
            f"{str(folder)!r}, which "
            + ("holds none of them." if folder.is_dir() else "is not a folder.")
        )
    return {part: _read(path) for part, path in found.items()}


def _read(path: Path) -> Data:
    arrays = read_all(path, "x, y", lambda name: name.startswith(("x", "y", WEIGHT)))
    try:
        x, y = (_structure(arrays, name) for name in ("x", "y"))
        if x is None or (y is None and path.stem != UNLABELLED):
            raise ValueError(f"there is no {'x' if x is None else 'y'}")  # noqa: TRY301
        return Data(x, y, arrays.get(WEIGHT), path.name)
    except ValueError as error:
        raise DataNotFoundError(
            f"{path} is not an .npz file with the arrays x and y: {error}. Write it again, "
            "for example by numpy.savez(path, x=x, y=y)."
        ) from error


def _structure(arrays: dict[str, Any], name: str) -> Any:
    """The array of a name, or those of `name_ANOTHER`: in a list if these are numbers."""
    several = {
        key.removeprefix(f"{name}_"): array
        for key, array in arrays.items()
        if key.startswith(f"{name}_")
    }
    if name in arrays and several:
        raise ValueError(
            f"it has {name} and {name}_{next(iter(several))}, one too many"
        )
    if several and all(map(str.isdecimal, several)):
        return [several[key] for key in sorted(several, key=int)]
    return several or arrays.get(name)
