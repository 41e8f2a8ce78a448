"""Is there a Keras model at this path, and could one be saved there? Without Keras.

Asked before long work begins, and before Keras, which takes seconds, starts.
"""

import zipfile
from pathlib import Path

from nncompress_lab.atomic import check_writable
from nncompress_lab.errors import CorruptFileError, ModelFileError

SUFFIX = ".keras"
PACKED_SUFFIX = ".ncz"
ZIP = b"PK\x03\x04"


def check_source(path: str | Path) -> None:
    """Raise unless there is a model file at `path`.

    Raises:
        ModelFileError: If the file is missing or damaged, or is not a Keras model.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(
            f"There is no file {path}. Check the path; a model is saved with "
            f"model.save('NAME{SUFFIX}')."
        )
    if path.suffix == PACKED_SUFFIX:
        raise ModelFileError(
            f"{path} is a packed file and no {SUFFIX} file. Read it with "
            "nncompress_lab.unpack(path)."
        )
    if not zipfile.is_zipfile(path):
        raise ModelFileError(
            f"{path} is not a {SUFFIX} file (those are zip archives). Save the model "
            f"with model.save('NAME{SUFFIX}'); older .h5 files must be loaded and saved "
            "again."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ModelFileError(
            f"{path} is a damaged {SUFFIX} file ({error}). Save or copy it again."
        ) from error
    if "config.json" not in names:
        raise ModelFileError(
            f"{path} is a zip archive but holds no Keras model: config.json is missing. "
            f"It holds: {', '.join(names[:5]) or 'nothing'}."
        )


def check_packed(path: str | Path) -> None:
    """Raise unless there is a file at `path`, and no `.keras` file.

    Raises:
        ModelFileError: If there is none.
        CorruptFileError: If it is a zip archive.
    """
    if not Path(path).is_file():
        raise ModelFileError(
            f"There is no file {path}. Check the path; a model is packed with "
            f"nncompress_lab.pack(model, 'NAME{PACKED_SUFFIX}')."
        )
    with Path(path).open("rb") as file:
        beginning = file.read(len(ZIP))
    if beginning == ZIP:
        raise CorruptFileError(
            f"{path} is a zip archive, as {SUFFIX} files are, and no packed file. Read a "
            "model with nncompress_lab.load_model(path)."
        )


def check_target(path: str | Path, *, suffix: str = SUFFIX) -> None:
    """Raise unless a model could be saved at `path`; call it before long work."""
    path = Path(path)
    if path.suffix != suffix:
        raise ValueError(
            f"A model file's name ends in {suffix}. Received: {str(path)!r}."
        )
    if path.is_dir():
        raise ValueError(f"Cannot write {path}: it is a folder. Choose another name.")
    check_writable(path)
