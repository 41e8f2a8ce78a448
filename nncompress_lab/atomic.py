"""Files that are either the old one or the whole new one, never half of it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STALE_SECONDS = 3600.0  # no file is being written for so long
_SCRATCH = "nncompress-lab-"


@contextmanager
def replace_file(path: str | Path) -> Iterator[Path]:
    """Write to a temporary file that takes the place of `path` when all went well.

    The temporary file lies in the same folder and has the same suffix (Keras looks at
    it). If the block raises, `path` is as it was and the temporary file is gone. What a
    process that was killed has left of `path` goes with the next write, an hour later.

    Args:
        path: The file to write; its folder must exist. A link to a file stays one.

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
    path = path.resolve() if path.is_symlink() else path
    check_writable(path)
    beginning = f".{path.stem}.writing-"
    for left in _stale(path.parent, beginning, path.suffix):
        with suppress(OSError):  # somebody else's, or gone by now
            left.unlink()
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=beginning, suffix=path.suffix
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)  # which does not fit on a full disk, say
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for what is made on the way, gone after the block.

    What a process that was killed has left there goes with a later one, an hour later.
    """
    for left in _stale(Path(tempfile.gettempdir()), _SCRATCH, suffix=""):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH) as folder:
        yield Path(folder)


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
    try:  # what the system says of permissions is not all: some mounts take no files
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise PermissionError(
            f"Cannot write {path}: the folder {path.parent} may not be written to "
            f"({error.strerror}). Choose another folder, or change its permissions."
        ) from error


def _stale(folder: Path, beginning: str, suffix: str) -> Iterator[Path]:
    """What earlier, killed processes have left in a folder under such names."""
    for left in folder.iterdir():
        if left.name.startswith(beginning) and left.suffix == suffix:
            with suppress(OSError):  # gone by now
                if time.time() - left.stat().st_mtime > STALE_SECONDS:
                    yield left


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
