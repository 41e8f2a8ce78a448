"""What a packed file (`.ncz`) holds: it is unpacked to a `.keras` file and that is read."""

from pathlib import Path
from typing import Any

from nncompress_lab.atomic import scratch_folder
from nncompress_lab.errors import ModelFileError
from nncompress_lab.packing import archive, container
from nncompress_lab.server import inspect_keras, table

MAX_UNPACKED_BYTES = 512 * 2**20


def summary_of(path: Path) -> dict[str, Any]:
    """Look into a packed file.

    Args:
        path: Of the file.

    Returns:
        `model`, `totals` and `layers`, as `inspect_file.summarize` has them.

    Raises:
        CorruptFileError: If the file is damaged or unpacks to too much to look at.
        ModelFileError: If it holds no model, or is of a newer version.
    """
    size = path.stat().st_size
    with path.open("rb") as file, scratch_folder() as folder:
        reader = container.Reader(file, size, MAX_UNPACKED_BYTES)
        config, version = reader.about.get("config"), reader.about.get("keras")
        if not isinstance(config, dict):
            raise ModelFileError("This packed file describes no model. Pack it again.")
        index, unpacked = file.tell(), folder / "model.keras"
        members = ((one.name, one.dtype, array) for one, array in reader.tensors())
        archive.write(unpacked, config, str(version), members)
        summary = inspect_keras.summary_of(unpacked)
    model = summary["model"]
    summary["model"] = {**model, "made_by": f"packed, {model['made_by']}"}
    summary["totals"] = table.totals(
        summary["layers"],
        size,
        weights=size - index,
        config=index,
        weights_are_stored=False,
        left_out=summary["totals"]["layers_left_out"],
    )
    return summary
