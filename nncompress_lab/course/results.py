"""What learners measured, row by row: one small JSON file for kernel and server.

The rows of all lessons lie in one file beside the progress file. Neither Keras nor
matplotlib is needed to read it, because JupyterLab's course panel shows the best of them.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nncompress_lab.course import kept_file, progress

VERSION = 1
ORIGINAL = "original"
BEARABLE = 0.01  # of the original's accuracy; a technique's best row loses no more


@dataclass(frozen=True)
class Row:
    """One measured model.

    Args:
        lesson: Two digits: where it was measured.
        model: For example `"LeNet-5"`.
        technique: For example `"uniform quantization"`; `"original"` for the model that
            the others of its lesson were made from.
        setting: For example `"4 bits"`.
        accuracy: A fraction; None without data.
        memory_bytes: Bytes of the weights as they are held.
        keras_bytes: Bytes of the `.keras` file.
        packed_bytes: Bytes of the `.ncz` file.
        macs: Multiply-accumulates for one example; None where they cannot be counted.
        latency_ms: Milliseconds for one batch; None where it was not measured.
        noise_band: Half the width of the latency's noise, as a fraction of it.
    """

    lesson: str
    model: str
    technique: str
    setting: str
    accuracy: float | None
    memory_bytes: int
    keras_bytes: int
    packed_bytes: int
    macs: int | None
    latency_ms: float | None = None
    noise_band: float | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two rows the same measurement, of which the later one counts."""
        return self.lesson, self.model, self.technique, self.setting


def best_rows(rows: Iterable[Row]) -> list[Row]:
    """The best row of each technique, for each model, in the order of the lessons.

    The smallest packed file whose accuracy is at most a point below the original's; if
    there is none, the row with the highest accuracy.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    original: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.technique == ORIGINAL:
            original[row.lesson, row.model] = row.accuracy or 0.0
        elif row.accuracy is not None:
            groups.setdefault((row.model, row.technique), []).append(row)

    def drop(row: Row) -> float:
        return original.get((row.lesson, row.model), 0.0) - (row.accuracy or 0.0)

    def best(group: list[Row]) -> Row:
        bearable = [row for row in group if drop(row) <= BEARABLE]
        if bearable:
            return min(bearable, key=lambda row: row.packed_bytes)
        return min(group, key=drop)

    return [best(group) for group in groups.values()]


def path() -> Path:
    """Where the file lies: beside the progress file, named after it."""
    return progress.path().with_suffix(".results.json")


def load(file: Path | None = None) -> tuple[Row, ...]:
    """The rows of the file; none if it is missing or cannot be read.

    A row that cannot be read is left out.

    Args:
        file: Another file than that of `path()`.
    """
    return _read(file or path())[0]


def add(rows: Iterable[Row]) -> None:
    """Add rows to those of the file; one that is there already is replaced.

    A file that cannot be read is moved aside and not written over.

    Raises:
        OSError: If the folder cannot be written.
    """
    with kept_file.changing(path()) as write:
        kept, damaged = _read(path())
        together = {row.key: row for row in (*kept, *rows)}
        content = [asdict(row) for row in together.values()]
        write({"version": VERSION, "rows": content}, damaged)


def _read(file: Path) -> tuple[tuple[Row, ...], bool]:
    """The rows, and whether some of the file cannot be read."""
    content, damaged = kept_file.read(file)
    if damaged or content is None:
        return (), damaged
    rows = content.get("rows") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        return (), True
    found = tuple(row for each in rows if (row := _row(each)) is not None)
    return found, len(found) < len(rows)


def _row(values: Any) -> Row | None:
    known = {field.name for field in fields(Row)}
    try:
        row = Row(**{name: values[name] for name in values if name in known})
        texts = all(isinstance(text, str) for text in row.key)
        return row if texts and int(row.packed_bytes) >= 0 else None
    except (TypeError, ValueError, LookupError):
        return None
