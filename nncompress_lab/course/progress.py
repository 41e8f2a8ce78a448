"""What a learner has earned and predicted: one small JSON file for kernel and server.

The notebook's kernel writes it, JupyterLab's course panel reads it. It holds the best
outcome of each check and the predictions, and nothing about the learner.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nncompress_lab.course import kept_file

ENVIRONMENT_VARIABLE = "NNCOMPRESS_PROGRESS"
VERSION = 1

PASS = "PASS"
FAIL = "FAIL"
UNATTEMPTED = "UNATTEMPTED"
ERROR = "ERROR"
KEPT = "An earlier answer of yours passed; its points stay."
_RANKS = {PASS: 2, FAIL: 1, ERROR: 1}


@dataclass(frozen=True)
class Record:
    """The outcome of one check.

    Args:
        status: `PASS`, `FAIL`, `UNATTEMPTED` or `ERROR`.
        message: What the learner was told.
        mistake: The name of the mistake that was found, or empty.
    """

    status: str
    message: str = ""
    mistake: str = ""

    @property
    def passed(self) -> bool:
        """Whether the points are earned; there is no half of them."""
        return self.status == PASS


def better(earlier: Record | None, later: Record) -> Record:
    """The outcome that counts: the better one, and of equally good ones the later.

    Example:
        >>> better(Record(PASS), Record(FAIL)).status
        'PASS'
    """
    if earlier and _RANKS.get(earlier.status, 0) > _RANKS.get(later.status, 0):
        return earlier
    return later


def path() -> Path:
    """Where the file lies: `$NNCOMPRESS_PROGRESS`, or Jupyter's folder for data."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return Path(chosen)
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "nncompress_lab" / "progress.json"


def load(file: Path | None = None) -> dict[str, Record]:
    """The best outcomes, by `"lesson/exercise"`; none if the file is missing.

    Of a damaged file it takes what can be read. Running the checks again brings back
    the rest.

    Args:
        file: Another file than that of `path()`.
    """
    return _read(file or path()).records


def save(lesson: str, exercise: str, record: Record) -> None:
    """Keep the outcome of one check, unless a better one is kept already.

    A file that cannot be read is moved aside and not written over.

    Args:
        lesson: For example `"02"`.
        exercise: For example `"magnitude_mask"`.
        record: The outcome.

    Raises:
        OSError: If the folder cannot be written.
    """
    with kept_file.changing(path()) as write:
        kept = _read(path())
        name = f"{lesson}/{exercise}"
        kept.records[name] = better(kept.records.get(name), record)
        write(kept.content, kept.damaged)


def predictions(lesson: str) -> dict[str, str]:
    """What the learner predicted in a lesson, by question."""
    return _read(path()).predictions.get(lesson, {})


def save_predictions(lesson: str, guesses: Mapping[str, str]) -> None:
    """Keep predictions beside those of other questions.

    Raises:
        OSError: If the folder cannot be written.
    """
    with kept_file.changing(path()) as write:
        kept = _read(path())
        kept.predictions[lesson] = {**kept.predictions.get(lesson, {}), **guesses}
        write(kept.content, kept.damaged)


@dataclass(frozen=True)
class _Kept:
    """The content of the file; `damaged` if not all of it can be read."""

    records: dict[str, Record] = field(default_factory=dict)
    predictions: dict[str, dict[str, str]] = field(default_factory=dict)
    damaged: bool = False

    @property
    def content(self) -> dict[str, Any]:
        """What the file is to hold."""
        return {
            "version": VERSION,
            "checks": {
                name: asdict(self.records[name]) for name in sorted(self.records)
            },
            "predictions": self.predictions,
        }


def _read(file: Path) -> _Kept:
    content, damaged = kept_file.read(file)
    if damaged or content is None:
        return _Kept(damaged=damaged)
    if not isinstance(content, dict):
        return _Kept(damaged=True)
    checks, guesses = content.get("checks", {}), content.get("predictions", {})
    records = _each(checks, _record)
    predictions = _each(guesses, lambda of_lesson: _each(of_lesson, _text))
    return _Kept(records, predictions, damaged=_lost(checks, guesses, records))


def _each(content: Any, read: Any) -> dict[str, Any]:
    """What can be read of a mapping."""
    if not isinstance(content, dict):
        return {}
    found = {name: read(each) for name, each in content.items()}
    return {name: each for name, each in found.items() if each is not None}


def _lost(checks: Any, guesses: Any, records: dict[str, Record]) -> bool:
    mappings = isinstance(checks, dict) and isinstance(guesses, dict)
    return not mappings or len(records) < len(checks)


def _record(fields: Any) -> Record | None:
    if not isinstance(fields, dict) or not isinstance(fields.get("status"), str):
        return None
    return Record(
        fields["status"], str(fields.get("message", "")), str(fields.get("mistake", ""))
    )


def _text(guess: Any) -> str | None:
    return guess if isinstance(guess, str) else None
