"""Small JSON files that several programs change: none loses what another one wrote.

A kernel for each open lesson, `nncompress grade` and JupyterLab's server read and write the
learner's files. A change is read, made and written under a lock; a file that cannot be read
is kept beside the new one.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock

from nncompress_lab.atomic import check_writable, replace_file

SECONDS = (
    10.0  # a change takes milliseconds; longer, and somebody holds the lock for good
)


def read(file: Path) -> tuple[Any, bool]:
    """The content of a JSON file, and whether there is one that cannot be read.

    Returns:
        The content, None if the file is missing or damaged, and whether it is damaged.
    """
    if file.exists() and not file.is_file():
        return None, True  # a folder; or a pipe, which would be waited for
    try:
        return json.loads(file.read_text(encoding="utf-8-sig")), False
    except FileNotFoundError:
        return None, False
    except (OSError, ValueError, RecursionError):
        return None, True


@contextmanager
def changing(file: Path) -> Iterator[Callable[[Any, bool], None]]:
    """Change a file that nobody else changes in the meantime.

    Args:
        file: Its folder is made if it does not exist.

    Yields:
        What writes the new content; with True as its second argument it first moves the
        old file aside, because it is damaged.

    Raises:
        OSError: If the folder cannot be written, or another program holds the lock.
    """
    file.parent.mkdir(parents=True, exist_ok=True)

    def write(content: Any, damaged: bool) -> None:
        if damaged:
            file.replace(_free_name_beside(file))
        with replace_file(file) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    lock = file.with_name(f".{file.name}.lock")
    check_writable(lock)  # which else is waited for, as if somebody held it
    with FileLock(lock, timeout=SECONDS):
        yield write


def _free_name_beside(file: Path) -> Path:
    names = (file.with_suffix(f".damaged-{number}.json") for number in count(1))
    return next(name for name in names if not name.exists())
