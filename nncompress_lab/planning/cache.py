"""What was measured, kept in a file, so that an interrupted scan goes on where it was."""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Protocol

import keras
import numpy as np

from nncompress_lab.atomic import check_writable, replace_file
from nncompress_lab.data.datasets import Data
from nncompress_lab.data.structures import leaves
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.passes import Pass
from nncompress_lab.planning.sensitivity import Row, row_of
from nncompress_lab.recipe import to_recipe

FORMAT: Final = 1
SECONDS: Final = 1.0  # between two writes
NAME: Final = "sensitivity.json"  # in a folder


class Cache:
    """Rows by what they were measured on, in a JSON file if there is one.

    One file may hold scans of several models; each finds its own rows alone.

    Args:
        path: Of the file, or of a folder that it is to lie in; None keeps nothing.
        key: What all rows of this scan were measured on.

    Raises:
        ValueError: If there is a file that is no cache.
        OSError: If the file could not be written.
    """

    def __init__(self, path: str | Path | None, key: str) -> None:
        self._path = None if path is None else _file(Path(path))
        self._key = key
        self._written = time.monotonic()
        self._is_new = False
        if self._path is not None:
            check_writable(self._path)
        self._rows: dict[str, Any] = self._read().get(key, {})

    def row(self, unit: str, option: str, number: int) -> Row | str | None:
        """A row, or why there is none; None if that is not known yet.

        Args:
            unit: Its name.
            option: Its `key_of`.
            number: What the row is to have as the index of its option.
        """
        found = self._rows.get(_name(unit, option))
        if found is None or isinstance(found, str):
            return found
        return row_of({**found, "option": number})

    def keep(self, unit: str, option: str, row: Row | str) -> None:
        """Keep a row, or why there is none; it is written within a second or so."""
        self._rows[_name(unit, option)] = row if isinstance(row, str) else asdict(row)
        self._is_new = True
        if time.monotonic() - self._written > SECONDS:
            self.write()

    def write(self) -> None:
        """Write what is new; rows of others that came in the meantime stay."""
        if self._path is None or not self._is_new:
            return
        scans = self._read()
        scans[self._key] = {**scans.get(self._key, {}), **self._rows}
        with replace_file(self._path) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, "scans": scans}))
        self._written, self._is_new = time.monotonic(), False

    def _read(self) -> dict[str, Any]:
        if self._path is None or not self._path.exists():
            return {}
        try:
            found = json.loads(self._path.read_text())
        except ValueError:
            found = None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(
                f"{self._path} is no cache of a sensitivity of format {FORMAT}. Name "
                "another file, or remove this one."
            )
        scans: dict[str, Any] = found["scans"]
        return scans


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def fingerprint(
    model: keras.Model, parts: Mapping[str, Data | None], said: Mapping[str, Any]
) -> str:
    """A text that differs where a model, its data or the way of measuring differ.

    Args:
        model: Its layers and all its weights count.
        parts: Data by their use.
        said: All else.
    """
    sha = hashlib.sha256()
    config = model.get_config() if _has_config(model) else type(model).__qualname__
    text = json.dumps(config, default=_told, sort_keys=True)
    # Keras marks shared objects by addresses, which differ from run to run.
    sha.update(re.sub(r'"shared_object_id": \d+', "", text).encode())
    for weight in model.weights:
        _add(sha, weight.path, to_numpy(weight))
    for name, data in parts.items():
        for number, part in enumerate(
            (data.x, data.y, data.sample_weight) if data else ()
        ):
            for array in leaves(part):
                _add(sha, f"{name}{number}", array)
    sha.update(json.dumps(said, default=_told, sort_keys=True).encode())
    return sha.hexdigest()


def _add(sha: _Hash, name: str, array: Any) -> None:
    sha.update(f"{name} {array.dtype} {array.shape}".encode())
    sha.update(np.ascontiguousarray(array).tobytes())


def _has_config(model: keras.Model) -> bool:
    try:
        model.get_config()
    except NotImplementedError:  # of a class that does not say how it is made
        return False
    return True


def _told(value: Any) -> Any:
    """What a loss or a metric is, without the address that it has in this run."""
    if hasattr(value, "get_config"):
        return [type(value).__qualname__, value.get_config()]
    code = getattr(value, "__code__", None)
    if code is not None:
        plain = [one for one in code.co_consts if not hasattr(one, "co_code")]
        return [value.__qualname__, code.co_code.hex(), repr(plain)]
    return type(value).__qualname__


def key_of(option: Pass) -> str:
    """An option as a text, the same in every run."""
    return json.dumps(to_recipe(option)["passes"], sort_keys=True)


def _name(unit: str, option: str) -> str:
    return f"{unit} {option}"


def _file(path: Path) -> Path:
    return path / NAME if path.is_dir() else path
