"""What a model file holds, whatever kind it is of, or one sentence why that is not known.

Nothing here imports Keras or runs what a file says.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from nncompress_lab.errors import CorruptFileError, ModelFileError

# The reader of each kind, imported when it is needed.
READERS = {
    ".keras": "inspect_keras",
    ".ncz": "inspect_packed",
    ".onnx": "inspect_onnx",
    ".tflite": "inspect_tflite",
}
MAX_REASON = 200


def summarize(path: Path) -> dict[str, Any]:
    """Look into a model file.

    Args:
        path: Of a file that ends as one of `READERS`.

    Returns:
        Plain data for JSON: `file`, `model`, `totals` and `layers`, a row for each layer
        with weights.

    Raises:
        ModelFileError: If the file holds no model, is damaged, or declares what it does
            not hold. The message is one for its owner.
    """
    try:
        return {"file": path.name, **_reader_of(path)(path)}
    except CorruptFileError as error:
        raise ModelFileError(
            f"This file is damaged: {error}. Copy or make it again."
        ) from error
    except ModelFileError:
        raise
    except MemoryError as error:
        raise ModelFileError(
            "There is not enough memory to look into this file."
        ) from error
    except Exception as error:  # zipfile, zlib, HDF5 and protobuf raise many kinds
        reason = str(error).strip().partition("\n")[0][:MAX_REASON]
        raise ModelFileError(
            f"This file is damaged ({reason or type(error).__name__}). Copy or save it "
            "again."
        ) from error


def _reader_of(path: Path) -> Callable[[Path], dict[str, Any]]:
    name = READERS.get(path.suffix.lower())
    if name is None:
        raise ModelFileError(
            f"Files that can be shown end in {', '.join(READERS)}. Received: {path.name}."
        )
    if not path.is_file():
        raise ModelFileError(
            f"Only files can be shown. Received: {path.name}, which is none, or is gone."
        )
    if path.stat().st_size == 0:
        raise ModelFileError(
            "This file is empty (0 bytes): writing it was interrupted, or the disk was "
            "full. Save the model again."
        )
    reader: Callable[[Path], dict[str, Any]] = import_module(
        f"nncompress_lab.server.{name}"
    ).summary_of
    return reader
