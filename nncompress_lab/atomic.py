"""Files that are either the old one or the whole new one, never half of it."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STALE_SECONDS = 3600.0  # no file is being written for so long


@contextmanager
def replace_file(path: str | Path) -> Iterator[Path]:
    """Write to a temporary file that takes the place of `path` when all went well.

    The temporary file lies in the same folder and has the same suffix (Keras looks at
    it). If the block raises, `path` is as it was and the temporary file is gone. What a
    process that was killed has left of `path` goes with the next write, an hour later.

    Args:
        path: The file to write; its folder must exist.

    Yields:
        The path to write to.

    Raises:
        FileNotFoundError: If the folder of `path` does not exist.
        IsADirectoryError: If `path` is a folder.
        PermissionError: If the folder may not be written to.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with replace_file(folder / "a.txt") as temporary:
        ...     written = temporary.write_text("whole")
        >>> (folder / "a.txt").read_text()
        'whole'
    """
    path = Path(path)
    check_writable(path)
    beginning = f".{path.stem}.writing-"
    _sweep(path, beginning)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=beginning, suffix=path.suffix
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Raise an `OSError` unless `path` could be written; call it before long work."""
    if path.is_dir():
        raise IsADirectoryError(
            f"Cannot write {path}: it is a folder. Choose another name."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {path}: the folder {path.parent} does not exist. Create it "
            "first or choose another path."
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(
            f"Cannot write {path}: the folder {path.parent} may not be written to. "
            "Choose another folder, or change its permissions."
        )


def _sweep(path: Path, beginning: str) -> None:
    """Remove what earlier, killed writes of `path` have left beside it."""
    for left in path.parent.iterdir():
        if not (left.name.startswith(beginning) and left.suffix == path.suffix):
            continue
        with suppress(OSError):  # somebody else's, or gone by now
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
