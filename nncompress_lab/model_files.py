"""Reading and writing `.keras` files, with errors that say what is wrong."""

import zipfile
from pathlib import Path

import keras

from nncompress_lab.atomic import replace_file
from nncompress_lab.errors import ModelFileError

SUFFIX = ".keras"


def load_model(path: str | Path) -> keras.Model:
    """Load a model; unlike `keras.saving.load_model` it explains what is wrong.

    Code in the file (Lambda layers) is refused, as in Keras's safe mode.

    Args:
        path: A `.keras` file.

    Returns:
        The model.

    Raises:
        ModelFileError: If the file is missing, is not a Keras model, is damaged, or
            holds a layer that is not known here.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(
            f"There is no file {path}. Check the path; a model is saved with "
            f"model.save('NAME{SUFFIX}')."
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
    try:
        return keras.saving.load_model(path)
    except Exception as error:  # Keras raises many kinds for damaged and foreign files
        first_line = str(error).strip().partition("\n")[0]
        raise ModelFileError(
            f"{path} cannot be loaded: {first_line} If it uses layers of your own, "
            "import the module that registers them with "
            "keras.saving.register_keras_serializable."
        ) from error


def save_model(model: keras.Model, path: str | Path) -> None:
    """Save a model; an existing file is replaced as a whole or not at all.

    Args:
        model: Any model that Keras can save.
        path: Ends in `.keras`.

    Raises:
        ValueError: If the path does not end in `.keras`.
        FileNotFoundError: If its folder does not exist.
    """
    check_target(path)
    with replace_file(path) as temporary:
        model.save(temporary)


def check_target(path: str | Path) -> None:
    """Raise unless a model could be saved at `path`; call it before long work."""
    path = Path(path)
    if path.suffix != SUFFIX:
        raise ValueError(
            f"A model file's name ends in {SUFFIX}. Received: {str(path)!r}."
        )
    if path.is_dir():
        raise ValueError(f"Cannot write {path}: it is a folder. Choose another name.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {path}: the folder {path.parent} does not exist. Create it "
            "first or choose another path."
        )
