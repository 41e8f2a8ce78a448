"""An exported file, ready to run, in the runtime that its suffix names."""

from pathlib import Path
from typing import Literal

from nncompress_lab.errors import CompressionError, ModelFileError, check_choice
from nncompress_lab.runtimes.litert_file import LiteRT
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime
from nncompress_lab.runtimes.open_vino import OpenVino
from nncompress_lab.runtimes.runtime import Runtime

RuntimeName = Literal["onnxruntime", "litert", "openvino"]
TAKES: dict[str, tuple[RuntimeName, ...]] = {
    ".onnx": ("onnxruntime", "openvino"),
    ".tflite": ("litert",),
    ".xml": ("openvino",),
}


def load(
    path: str | Path, *, runtime: RuntimeName | None = None, threads: int = 1
) -> Runtime:
    """An exported model, ready to run.

    Args:
        path: An `.onnx`, `.tflite` or OpenVINO `.xml` file.
        runtime: `"onnxruntime"`, `"litert"` or `"openvino"`; by default the first that
            takes such files. OpenVINO also takes `.onnx`.
        threads: How many it may use, at least 1.

    Returns:
        An object with `predict(x)`, `runner(x)` and `latency(x)`.

    Raises:
        ModelFileError: If the file is missing, of another suffix, or damaged.
        ValueError: If the runtime does not take such files, or `threads` is below 1.
        CompressionError: If the runtime is not installed.
    """
    path = Path(path)
    if path.suffix not in TAKES:
        raise ModelFileError(
            f"{path} is not a file that a runtime loads: {', '.join(TAKES)} are. Write "
            "one with ncl.export."
        )
    if not path.is_file():
        raise ModelFileError(f"{path} does not exist. Write it with ncl.export first.")
    if threads < 1:
        raise ValueError(f"`threads` must be at least 1. Received: threads={threads}.")
    chosen = runtime or TAKES[path.suffix][0]
    check_choice("runtime", chosen, RuntimeName)
    if chosen not in TAKES[path.suffix]:
        raise ValueError(
            f"{chosen} does not load {path.suffix} files. Received: {str(path)!r}, "
            f"runtime={runtime!r}. Choose from {TAKES[path.suffix]}."
        )
    return _started(chosen, path, threads)


def _started(runtime: RuntimeName, path: Path, threads: int) -> Runtime:
    try:
        if runtime == "openvino":
            return OpenVino(path, threads=threads)
        content = path.read_bytes()
        kind = OnnxRuntime if runtime == "onnxruntime" else LiteRT
        return kind(content, threads=threads)
    except CompressionError:
        raise
    except Exception as error:  # the runtimes raise many kinds for damaged files
        first_line = str(error).strip().partition("\n")[0]
        raise ModelFileError(
            f"{path} cannot be loaded by {runtime}: {first_line}"
        ) from error
