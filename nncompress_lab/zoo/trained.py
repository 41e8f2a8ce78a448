"""Trained weights on disk: float16 arrays by name, with what was measured on them."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nncompress_lab.atomic import replace_file

FACTS = "facts"
FOLDER = Path(__file__).parent / "weights"


def round_to_float16(model: keras.Model) -> None:
    """Give each weight the nearest value that float16 has, in place."""
    for weight in model.weights:
        rounded = keras.ops.convert_to_numpy(weight).astype(np.float16)
        weight.assign(rounded.astype(np.float32))


def save_weights(
    name: str, model: keras.Model, facts: dict[str, Any], *, folder: Path = FOLDER
) -> Path:
    """Write a model's weights as float16.

    Args:
        name: Of the model; the file is `NAME.npz`.
        model: The trained model.
        facts: What was measured, as plain JSON values.
        folder: Where to; by default into the package.

    Returns:
        The path of the file.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.npz"
    arrays = {
        weight.path: keras.ops.convert_to_numpy(weight).astype(np.float16)
        for weight in model.weights
    }
    with replace_file(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream, allow_pickle=False, **{FACTS: np.array(json.dumps(facts))}, **arrays
        )
    return path


def load_weights(name: str, model: keras.Model) -> dict[str, Any]:
    """Put the shipped weights into an untrained model.

    Args:
        name: Of the model.
        model: As its architecture builds it.

    Returns:
        The facts that `save_weights` was given.

    Raises:
        ValueError: If the stored weights do not fit the model.
    """
    file = resources.files("nncompress_lab.zoo").joinpath("weights", f"{name}.npz")
    with resources.as_file(file) as path, np.load(path) as stored:
        expected = {weight.path for weight in model.weights} | {FACTS}
        if expected != set(stored.files):
            raise ValueError(
                f"The stored weights of {name} do not fit the model. They differ in: "
                f"{sorted(expected ^ set(stored.files))}. "
                f"Train it again: python -m nncompress_lab.zoo train {name}"
            )
        for weight in model.weights:
            weight.assign(stored[weight.path].astype(np.float32))
        facts: dict[str, Any] = json.loads(str(stored[FACTS]))
    return facts
