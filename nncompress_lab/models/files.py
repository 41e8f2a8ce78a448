"""Loading and saving models, with errors that say what is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from nncompress_lab.atomic import replace_file
from nncompress_lab.errors import ModelFileError
from nncompress_lab.models.paths import check_source, check_target


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
    check_source(path)
    with keras_errors(f"{path} cannot be loaded"):
        return keras.saving.load_model(path)


@contextmanager
def keras_errors(problem: str) -> Iterator[None]:
    """While the block runs, say in one sentence what Keras does not accept.

    Args:
        problem: How the sentence begins.

    Raises:
        ModelFileError: Instead of whatever the block raises.
    """
    try:
        yield
    except Exception as error:  # Keras raises many kinds for damaged and foreign files
        first_line = str(error).strip().partition("\n")[0]
        raise ModelFileError(
            f"{problem}: {first_line} If it uses layers of your own, "
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
