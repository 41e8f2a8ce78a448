"""Silence for what libraries print that a reader of a notebook need not see."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path


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
    """While the block runs, a logger lets errors through and nothing less."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
