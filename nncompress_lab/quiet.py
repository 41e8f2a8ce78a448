"""Silence for what compiled code prints where Python's logging cannot reach it."""

import contextlib
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
