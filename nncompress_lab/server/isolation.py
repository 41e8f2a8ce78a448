"""Reading a model file in a process of its own, which may crash or take too long."""

import json
import os
import subprocess
import sys
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
    # -P: no module is imported from the folder that the server was started in.
    command = [sys.executable, "-P", "-m", "nncompress_lab.server", str(path)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            env={**os.environ, **ENVIRONMENT},
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(
            f"Reading this file took more than {seconds:.0f} s and was stopped. If the "
            "disk is slow or away, try again later; else the file may be damaged."
        ) from error
    if done.returncode != 0:
        raise ModelFileError(
            "This file is so damaged that reading it crashed. Copy or save it again."
        )
    summary: dict[str, Any] = json.loads(done.stdout)
    if "error" in summary:
        raise ModelFileError(summary["error"])
    return summary
