"""The notebooks that a learner works in: copies, kept up to date until they are changed.

A copy is changed when its cells are: Jupyter writes the language's version, outputs and
counts into a notebook that was only opened or run.
"""

import hashlib
import json
import re
import shutil
from itertools import count
from pathlib import Path
from typing import Any

from nncompress_lab.atomic import replace_file
from nncompress_lab.course import catalogue, kept_file
from nncompress_lab.course.catalogue import METADATA
from nncompress_lab.errors import CompressionError

COURSE_FOLDER = "nncompress-course"
_RECORD = ".shipped.json"


def own_folder(home: Path) -> Path:
    """Where a learner's copies lie, or are to lie.

    Args:
        home: The folder that Jupyter starts in; the copies may lie in it.
    """
    return home if (home / _RECORD).is_file() else home / COURSE_FOLDER


def course_folder(home: Path) -> Path:
    """Where lessons are opened: among the copies, or in a clone that has none, there.

    Args:
        home: As in `own_folder`.
    """
    own, clone = own_folder(home), home / "notebooks"
    return clone if _is_clone(clone) and not own.is_dir() else own


def copy_lesson(lesson_id: str, target: Path) -> Path:
    """Copy a lesson into a folder, never over a file that the learner changed.

    A copy that nobody changed is brought up to date, and one with another name is found
    by what it says about itself.

    Args:
        lesson_id: Two digits.
        target: The learner's folder; it is made if it does not exist.

    Returns:
        The path of the learner's copy.

    Raises:
        LookupError: If there is no such lesson.
        OSError: If the folder cannot be written.
    """
    source = catalogue.folder() / catalogue.find(lesson_id).file
    copy = target / source.name
    if not copy.exists() and (renamed := _renamed(lesson_id, copy)):
        return renamed
    if copy.exists() and _digest(copy) not in _shipped(target, copy.name):
        return copy
    return _copied(source, copy)


def copy_course(target: Path) -> list[Path]:
    """Copy all lessons as `copy_lesson` does, and return their paths."""
    return [copy_lesson(lesson.id, target) for lesson in catalogue.lessons()]


def start_over(lesson_id: str, target: Path) -> Path:
    """Put a fresh copy of a lesson into a folder; the old one is kept beside it.

    Args:
        lesson_id: Two digits.
        target: The learner's folder.

    Returns:
        The path of the fresh copy. The old one has the next free number in its name.

    Raises:
        LookupError: If there is no such lesson.
        CompressionError: If the folder is that of a clone, whose lessons git keeps.
        OSError: If the folder cannot be written.
    """
    source = catalogue.folder() / catalogue.find(lesson_id).file
    copy = target / source.name
    if _is_clone(target):
        raise CompressionError(
            f"{copy} belongs to a clone of the project, where git keeps what was there "
            f"before. To get it back: git checkout {copy.name}"
        )
    if copy.exists():
        names = (copy.with_stem(f"{copy.stem}_{number}") for number in count(1))
        copy.rename(next(path for path in names if not path.exists()))
    return _copied(source, copy)


def lesson_of(notebook: Path) -> str | None:
    """The lesson that a notebook is a copy of; None if it is none."""
    try:
        facts = json.loads(notebook.read_bytes())["metadata"][METADATA]
        return str(facts["lesson"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _copied(source: Path, copy: Path) -> Path:
    copy.parent.mkdir(parents=True, exist_ok=True)
    latest = _digest(source)
    if not copy.exists() or _digest(copy) != latest:
        # Both before, one after: whenever this is interrupted, the copy is known.
        _record(copy, [*_shipped(copy.parent, copy.name)[-1:], latest])
        with replace_file(copy) as temporary:
            shutil.copyfile(source, temporary)
    _record(copy, [latest])
    return copy


def _renamed(lesson_id: str, copy: Path) -> Path | None:
    """A copy under another name, but none set aside or left by a killed write."""
    aside = re.compile(re.escape(copy.stem) + r"_\d+|\..*")
    for path in sorted(copy.parent.glob("*.ipynb")):
        if not aside.fullmatch(path.stem) and lesson_of(path) == lesson_id:
            return path
    return None


def _is_clone(folder: Path) -> bool:
    return folder.name == "notebooks" and (folder / "src").is_dir()


def _digest(path: Path) -> str:
    """Of what a learner writes; of all bytes if the file is no notebook."""
    content = path.read_bytes()
    try:
        cells = [_written(cell) for cell in json.loads(content)["cells"]]
    except (ValueError, KeyError, TypeError):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _written(cell: dict[str, Any]) -> list[Any]:
    return [cell["cell_type"], "".join(cell["source"]), cell.get("attachments")]


def _shipped(target: Path, name: str) -> list[str]:
    """The digests that a copy may have which nobody changed."""
    content, _ = kept_file.read(target / _RECORD)
    known = content.get(name, []) if isinstance(content, dict) else []
    return [known] if isinstance(known, str) else list(known)


def _record(copy: Path, digests: list[str]) -> None:
    if digests != _shipped(copy.parent, copy.name):
        file = copy.parent / _RECORD
        with kept_file.changing(file) as write:
            content, damaged = kept_file.read(file)
            content = content if isinstance(content, dict) else {}
            write({**content, copy.name: digests}, damaged)
