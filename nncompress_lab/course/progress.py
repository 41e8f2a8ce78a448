"""Which checks a learner has passed: one small JSON file, shared by kernel and server.

The notebook's kernel writes it, JupyterLab's course panel reads it. It holds the latest
outcome of each check and nothing about the learner.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nncompress_lab.atomic import replace_file

ENVIRONMENT_VARIABLE = "NNCOMPRESS_PROGRESS"
VERSION = 1

PASS = "PASS"
FAIL = "FAIL"
UNATTEMPTED = "UNATTEMPTED"
ERROR = "ERROR"


@dataclass(frozen=True)
class Record:
    """The latest outcome of one check.

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


def path() -> Path:
    """Where the file lies: `$NNCOMPRESS_PROGRESS`, or Jupyter's folder for data."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return Path(chosen)
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "nncompress_lab" / "progress.json"


def load(file: Path | None = None) -> dict[str, Record]:
    """All outcomes, by `"lesson/exercise"`; none if the file is missing or damaged.

    A damaged file is not an error: it costs a learner some ticks, and running the
    checks again brings them back.

    Args:
        file: Another file than that of `path()`.
    """
    try:
        content = json.loads((file or path()).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    checks = content.get("checks") if isinstance(content, dict) else None
    if not isinstance(checks, dict):
        return {}
    return {
        name: record
        for name, fields in checks.items()
        if (record := _record(fields)) is not None
    }


def save(lesson: str, exercise: str, record: Record) -> None:
    """Write the outcome of one check and keep all others.

    Args:
        lesson: For example `"02"`.
        exercise: For example `"magnitude_mask"`.
        record: The outcome.

    Raises:
        OSError: If the folder cannot be written.
    """
    records = {**load(), f"{lesson}/{exercise}": record}
    content = {
        "version": VERSION,
        "checks": {name: asdict(records[name]) for name in sorted(records)},
    }
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(target) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _record(fields: Any) -> Record | None:
    if not isinstance(fields, dict) or not isinstance(fields.get("status"), str):
        return None
    return Record(
        fields["status"], str(fields.get("message", "")), str(fields.get("mistake", ""))
    )
