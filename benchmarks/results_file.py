"""Where the benchmarks leave what they measured: one JSON file each, with the machine."""

import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

from nncompress_lab.atomic import replace_file

FOLDER = Path(__file__).parent / "results"
PACKAGES = (
    "nncompress-lab",
    "constriction",
    "keras",
    "numpy",
    "tf_keras",
    "tensorflow-model-optimization",
    "tensorflow-cpu",
    "ai-edge-litert",
    "onnx",
    "onnxruntime",
    "openvino",
    "jax",
    "torch",
    "faiss-cpu",
    "scikit-learn",
    "tensorly",
    "zstandard",
)


def save_results(
    name: str, figures: Any, *, folder: Path = FOLDER, **settings: Any
) -> Path:
    """Write `results/NAME.json` as a whole.

    Args:
        name: Of the benchmark.
        figures: What it measured, as plain JSON values.
        folder: Another one than `results`, for what the package itself shows.
        **settings: What it was measured with, such as threads and rounds.

    Returns:
        The path of the file.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    content = {
        "benchmark": name,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "settings": settings,
        "figures": figures,
    }
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def kept_rows(name: str, *, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The rows that `results/NAME.json` holds, so that a benchmark can go on; or none."""
    return list(kept_figures(name, folder=folder) or [])


def kept_figures(name: str, *, folder: Path = FOLDER) -> Any:
    """The figures that `results/NAME.json` holds; None if there is no such file.

    Args:
        name: Of the benchmark.
        folder: As for `save_results`.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    return json.loads(path.read_text(encoding="utf-8"))["figures"]


def machine() -> dict[str, Any]:
    """The processor, its cores, the system and the versions of what took part."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()
