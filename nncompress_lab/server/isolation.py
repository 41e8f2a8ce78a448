"""Reading a model file in a process of its own, which may crash or take too long."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from nncompress_lab.errors import ModelFileError

MOST_SECONDS = 60.0
# More threads than one would only reserve memory.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def summarize_apart(path: Path, *, seconds: float = MOST_SECONDS) -> dict[str, Any]:
    """The summary of a model file, as `inspect_file.summarize` gives it.

    Args:
        path: A model file.
        seconds: How long it may take.

    Raises:
        ModelFileError: If the file cannot be read, also when reading it crashes.
    """
    return Reading(path, seconds=seconds).run()


class Reading:
    """One reading of a model file, which another thread may stop.

    Args:
        path: A model file.
        seconds: How long it may take.
    """

    def __init__(self, path: Path, *, seconds: float = MOST_SECONDS) -> None:
        self._path, self._seconds = path, seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self) -> dict[str, Any]:
        """The summary; raises as `summarize_apart`."""
        if not self._path.is_file():  # a pipe or a device would never end
            raise ModelFileError("This is not a file, or it is gone.")
        process = self._started()
        with process:
            try:
                output, _ = process.communicate(timeout=self._seconds)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise ModelFileError(
                    f"Reading this file took more than {self._seconds:.0f} s and was "
                    "stopped. If the disk is slow or away, try again later; else the "
                    "file may be damaged."
                ) from error
        if process.returncode != 0:
            raise ModelFileError(
                "This file is so damaged that reading it crashed. Copy or save it again."
            )
        summary: dict[str, Any] = json.loads(output)
        if "error" in summary:
            raise ModelFileError(summary["error"])
        return summary

    def stop(self) -> None:
        """End the process, or do not start it."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.kill()

    def _started(self) -> subprocess.Popen[bytes]:
        # -P: no module is imported from the folder that the server was started in.
        command = [sys.executable, "-P", "-m", "nncompress_lab.server", str(self._path)]
        with self._lock:
            if self._stopped:
                raise ModelFileError("Nobody waits for this file any more.")
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **ENVIRONMENT},
            )
            return self._process
