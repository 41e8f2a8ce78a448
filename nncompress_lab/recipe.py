"""Passes as JSON and back: the settings of a compression, without its data."""

import dataclasses
import difflib
import inspect
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

import nncompress_lab
from nncompress_lab.atomic import replace_file
from nncompress_lab.errors import RecipeError, check_path
from nncompress_lab.passes import Pass, settings_of
from nncompress_lab.pipelines import Pipeline, pipeline

FORMAT = 3  # older recipes left out defaults that are others now


def to_recipe(step: Pass) -> dict[str, Any]:
    """Describe a pass, or a pipeline of passes, as plain JSON values.

    Args:
        step: The pass.

    Returns:
        `{"format": 3, "nncompress_lab": ..., "keras": ..., "passes": [...]}`. Fields
        that have their default value are left out, and so are files that a pass writes.
    """
    return {
        "format": FORMAT,
        "nncompress_lab": version("nncompress-lab"),
        "keras": version("keras"),
        "passes": [
            {"pass": type(one).__name__, **_changed_fields(one)}
            for one in pipeline(step).passes
        ],
    }


def from_recipe(recipe: Any) -> Pipeline:
    """Make the passes that a recipe describes.

    Args:
        recipe: As `to_recipe` returns it; only `passes` is required. What a plan says
            about itself in `plan` is for readers.

    Returns:
        The pipeline.

    Raises:
        RecipeError: If the recipe is of another format, or names a pass or a field that
            does not exist, a value that the pass does not accept, or a file to write.
    """
    if not isinstance(recipe, dict) or not isinstance(recipe.get("passes"), list):
        raise RecipeError(
            'A recipe is an object with a list of "passes", for example {"passes": '
            '[{"pass": "MagnitudePruning", "sparsity": 0.9}]}. '
            f"Received: {json.dumps(recipe, default=str)[:80]}"
        )
    known = {"format", "nncompress_lab", "keras", "passes", "plan"}
    _check_names(set(recipe), known, where="The recipe", what="field")
    written = recipe.get("format", FORMAT)
    if type(written) is not int or not 1 <= written <= FORMAT:
        raise RecipeError(
            f"This version reads recipes of the formats 1 to {FORMAT}. Received: format "
            f"{written!r}. Install the version of nncompress-lab that wrote it"
            f" ({recipe.get('nncompress_lab', 'unknown')})."
        )
    return pipeline(*(_make_pass(entry, written) for entry in recipe["passes"]))


def save_recipe(step: Pass, path: str | Path) -> None:
    """Write a recipe as a JSON file; an existing file is replaced as a whole."""
    check_path(path, after='save_recipe(step, "recipe.json")')
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(to_recipe(step), indent=2) + "\n")


def load_recipe(path: str | Path) -> Pipeline:
    """Read a recipe from a JSON file.

    Raises:
        RecipeError: If the file is missing, is not JSON or is not a valid recipe.
    """
    path = Path(path)
    try:
        recipe = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(
            f"The recipe {path} cannot be read ({error.strerror}). Check the path."
        ) from error
    except ValueError as error:
        raise RecipeError(
            f"{path} is not JSON ({error}). A recipe looks like "
            '{"passes": [{"pass": "MagnitudePruning", "sparsity": 0.9}]}.'
        ) from error
    return from_recipe(recipe)


def _changed_fields(step: Pass) -> dict[str, Any]:
    # Through JSON, so that tuples are lists here as they are in a file.
    plain: dict[str, Any] = json.loads(json.dumps(_changed(step), default=_plain))
    return plain


def _changed(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass that do not have their default value."""
    return {
        field.name: value
        for field in settings_of(settings)
        if (value := getattr(settings, field.name)) != field.default
        and field.name not in getattr(settings, "written", ())
    }


def _plain(value: Any) -> Any:
    """Settings that are dataclasses as JSON has them; what else it does not know fails."""
    if dataclasses.is_dataclass(value):
        return _changed(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, keras.Model):
        raise RecipeError(
            f"A recipe holds numbers and strings, and not the model {value.name!r}. "
            "Describe the model, for example with student=Student(width=0.5), or keep "
            "the pass in Python."
        )
    raise TypeError(f"A recipe holds numbers and strings only. Received: {value!r}.")


def _make_pass(entry: Any, written: int) -> Pass:
    if not isinstance(entry, dict) or not isinstance(entry.get("pass"), str):
        raise RecipeError(
            'Each pass of a recipe is an object with its name under "pass", for example '
            '{"pass": "MagnitudePruning", "sparsity": 0.9}. '
            f"Received: {json.dumps(entry, default=str)[:80]}"
        )
    name = entry["pass"]
    known = _known_passes()
    _check_names({name}, set(known), where="The recipe", what="pass")
    kind = known[name]
    settings = {
        kind.renamed.get(key, key): value
        for key, value in entry.items()
        if key != "pass"
    }
    allowed = {field.name for field in dataclasses.fields(kind)}
    _check_names(set(settings), allowed, where=name, what="field")
    if files := sorted(kind.written & set(settings)):
        raise RecipeError(
            f"A recipe may come from anywhere, so it cannot say which files are written. "
            f"Received: {name} with {files[0]}={settings[files[0]]!r}. Take the field out, "
            f"and set it in Python: dataclasses.replace(step, {files[0]}=...)."
        )
    try:
        return kind(**kind.as_written(settings, written))
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{name} does not accept its settings: {error}") from error


def _known_passes() -> dict[str, type[Pass]]:
    """By name: the public passes, which register when they are loaded, and one's own."""
    for name in dir(nncompress_lab):
        getattr(nncompress_lab, name)
    return {
        name: kind
        for name, kind in Pass.registry.items()
        if kind is not Pipeline and not inspect.isabstract(kind)
    }


def _check_names(names: set[str], known: set[str], *, where: str, what: str) -> None:
    for name in sorted(names - known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise RecipeError(
            f"{where} has an unknown {what} {name!r}.{hint} Known are: "
            f"{', '.join(sorted(known))}."
        )
