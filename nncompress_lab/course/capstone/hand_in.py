"""A file that a learner hands in, measured in a process that knows nothing else of it."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from nncompress_lab import zoo
from nncompress_lab.course.capstone import bare
from nncompress_lab.course.capstone.onnx_macs import onnx_macs
from nncompress_lab.data.sources import EMBEDDED_FILE
from nncompress_lab.errors import CompressionError, ModelFileError
from nncompress_lab.runtimes.exporting import export
from nncompress_lab.runtimes.onnx_runtime import sums_may_overflow

MOST_SECONDS: Final = 300.0
NOTED: Final = 0.1  # slower than the original by less than this is no measurable change
_ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@dataclass(frozen=True)
class HandIn:
    """What was measured of a file.

    Args:
        name: Of the file.
        size: Its bytes.
        accuracy: On the 2,000 test images of the embedded Fashion-MNIST.
        validation: On the validation images.
        macs: Multiply-accumulates for one image; None where the file does not tell.
        speedup: Time of the original over that of the file, for one image in one race;
            None if there was none.
        band: The noise of that race, as a fraction.
        knows_keras: Whether the process had to import Keras to read the file.
    """

    name: str
    size: int
    accuracy: float
    validation: float
    macs: int | None = None
    speedup: float | None = None
    band: float = 0.0
    knows_keras: bool = False

    @property
    def is_slower(self) -> bool:
        """Whether it is slower than the original by more than noise explains."""
        return self.speedup is None or self.speedup < 1 / (1 + max(NOTED, self.band))


class RefusedFileError(CompressionError):
    """A file that does not run; `reason` is `"load"`, `"run"`, `"outputs"` or `"time"`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def measured(path: str | Path, *, original: str | None = None) -> HandIn:
    """Start a fresh Python, load a file there and measure it.

    For `.onnx` and `.tflite` that process has NumPy and the runtime, for `.ncz` Keras and
    this library as well. A file with the same bytes is measured once.

    Args:
        path: An `.onnx`, `.tflite` or `.ncz` file.
        original: A model of the zoo, by name, that the file is to race against: exported
            in floats for the same runtime. A packed file cannot race.

    Returns:
        What was measured.

    Raises:
        RefusedFileError: If the file cannot be loaded, takes no images of 28 x 28 pixels,
            returns no ten numbers, or takes longer than five minutes.
        OSError: If there is no such file.
    """
    path = Path(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    key = (digest, path.suffix, original)
    if key not in _known:
        _known[key] = _facts(path, original)
    facts = _known[key]
    return HandIn(
        name=path.name,
        size=path.stat().st_size,
        accuracy=facts["test"],
        validation=facts["validation"],
        macs=_macs(path),
        speedup=facts.get("speedup"),
        band=facts.get("band", 0.0),
        knows_keras=facts["knows_keras"],
    )


def _macs(path: Path) -> int | None:
    try:
        return onnx_macs(path) if path.suffix == ".onnx" else None
    except ModelFileError:  # it runs, of sizes or by operations that are not known
        return None


_known: dict[tuple[str, str, str | None], dict[str, Any]] = {}


def _facts(path: Path, original: str | None) -> dict[str, Any]:
    images = resources.files("nncompress_lab.data").joinpath(EMBEDDED_FILE)
    with resources.as_file(images) as data:
        rival = None if original is None else str(_exported(original, path.suffix))
        request = {
            "file": str(path.resolve()),
            "images": str(data),
            "original": rival,
            "exact_sums": sums_may_overflow(),  # asked for where they are not
        }
        facts = _answer(request)
    if "refused" in facts:
        raise RefusedFileError(facts["refused"], _told(path.name, facts))
    return facts


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    # -P: no module is imported from the folder of the learner.
    command = [sys.executable, "-P", bare.__file__, json.dumps(request)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            env={**os.environ, **_ENVIRONMENT},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"refused": "time"}
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return {"refused": "load", "why": "the process that loaded it crashed"}
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def _told(name: str, facts: dict[str, Any]) -> str:
    why = f" ({facts['why']})" if "why" in facts else ""
    if facts["refused"] == "load":
        return f"{name} cannot be loaded in a process of its own{why}."
    if facts["refused"] == "run":
        return (
            f"{name} takes inputs of the shape {facts['takes']}, and the images are "
            f"[28, 28, 1] of float32{why}."
        )
    if facts["refused"] == "outputs":
        return (
            f"{name} returns {facts['gives']} numbers for an image, and there are ten "
            "classes."
        )
    return f"{name} took more than {MOST_SECONDS:.0f} s for 4,000 images."


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Of the originals, for as long as this process lives."""
    return tempfile.TemporaryDirectory(prefix="nncompress-lab-")


@cache
def _exported(network: str, suffix: str) -> Path:
    path = Path(_folder().name) / f"{network}{suffix}"
    export(getattr(zoo, network)(), path)
    return path
