"""Silence for what libraries print that a reader of a notebook need not see.

TensorFlow writes several lines to standard error as soon as it is imported, which a
notebook shows in red under a user's first cell. `import nncompress_lab` keeps these out,
and TensorFlow's later notes that are no errors. Who sets `TF_CPP_MIN_LOG_LEVEL` to 0 or 1
sees all of it.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
ERRORS, FATAL_ERRORS = "2", "3"  # what TensorFlow still says


def quiet_tensorflow() -> None:
    """Let TensorFlow say errors only, also while it is imported, unless a user chose."""
    wanted = os.environ.setdefault(LEVEL, ERRORS)
    if wanted in {ERRORS, FATAL_ERRORS} and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport("tensorflow"))


class _QuietImport(MetaPathFinder):
    """Finds one module as Python does, and lets it say nothing while it is imported."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The module's own spec with a loader that is quiet; None for other modules."""
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader)
        return spec


class _QuietLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:  # the module shall not know about us
            module.__spec__.loader = module.__loader__ = self._loader
        with quiet_stderr():
            self._loader.exec_module(module)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """While the block runs, standard error goes nowhere, also for C++ code.

    TensorFlow and LiteRT greet the user there. Errors reach Python as exceptions and are
    not lost.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextlib.contextmanager
def quiet_logger(name: str) -> Iterator[None]:
    """While the block runs, a logger lets errors through and nothing less.

    Several threads may be in such a block at once.
    """

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger = logging.getLogger(name)
    logger.addFilter(is_error)
    try:
        yield
    finally:
        logger.removeFilter(is_error)


def quiet_retracing() -> None:
    """Keep TensorFlow from warning of functions that are traced again and again.

    Whoever trains or measures several models one after the other traces each of them, and
    TensorFlow takes them for one that changes.
    """
    logging.getLogger("tensorflow").addFilter(_tells_no_retracing)


def _tells_no_retracing(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()
