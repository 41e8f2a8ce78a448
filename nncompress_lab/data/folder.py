"""A data set of one's own: a folder with an `.npz` file for each part."""

from pathlib import Path

from nncompress_lab.data.datasets import Data
from nncompress_lab.data.npz import read_npz
from nncompress_lab.errors import DataNotFoundError

PARTS = ("train", "validation", "calibration", "test")


def read_folder(folder: str | Path) -> dict[str, Data]:
    """Read the parts of a data set that a folder holds.

    Args:
        folder: Holds at least one of `train.npz`, `validation.npz`, `calibration.npz`
            and `test.npz`, each with the arrays `x` and `y`, as written by
            `numpy.savez(path, x=x, y=y)`.

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
            "calibration.npz and test.npz, each with the arrays x and y. Received: "
            f"{str(folder)!r}, which "
            + ("holds none of them." if folder.is_dir() else "is not a folder.")
        )
    return {part: _read(path) for part, path in found.items()}


def _read(path: Path) -> Data:
    x, y = read_npz(path, ("x", "y"))
    try:
        return Data(x, y, name=path.name)
    except ValueError as error:
        raise DataNotFoundError(f"{path} does not hold a data set: {error}") from error
