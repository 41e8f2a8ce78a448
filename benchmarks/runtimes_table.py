"""The tables of `benchmarks/runtimes.py` in Markdown."""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
RUNTIMES = {
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "litert": "LiteRT",
    "keras_tensorflow": "Keras, TensorFlow",
    "keras_jax": "Keras, JAX",
    "keras_torch": "Keras, torch",
}


def table(rows: list[Row]) -> str:
    """The rows, one part for each model: bytes and accuracy, then the times by batch."""
    return "\n".join(line for part in _parts(rows, "model") for line in _model(part))


def _parts(rows: list[Row], key: str) -> list[list[Row]]:
    values = dict.fromkeys(row[key] for row in rows)
    return [[row for row in rows if row[key] == value] for value in values]


def _model(rows: list[Row]) -> Iterator[str]:
    yield from (f"### {rows[0]['model']}", "")
    batches = _parts(rows, "batch")
    yield from ("| technique | accuracy | .onnx | .tflite |", "|---|---:|---:|---:|")
    for row in batches[0]:
        yield _line([row["technique"], *_file_cells(row, batches[0][0])])
    yield ""
    for of_batch in batches:
        taken = [name for name in RUNTIMES if any(name in row for row in of_batch)]
        head = [f"batch {of_batch[0]['batch']}", *(RUNTIMES[name] for name in taken)]
        yield from (_line(head), "|---|" + "---:|" * len(taken))
        for row in of_batch:
            if "why_not" not in row:
                times = [_time(row, of_batch[0], name) for name in taken]
                yield _line([row["technique"], *times])
        yield ""


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _file_cells(row: Row, first: Row) -> list[str]:
    if "why_not" in row:
        return [row["why_not"].split(".")[0], "", ""]
    accuracy = f"{100 * row['accuracy']:.2f} %" if "accuracy" in row else "-"
    return [accuracy, *(_bytes(row, first, key) for key in ("onnx", "tflite"))]


def _bytes(row: Row, first: Row, suffix: str) -> str:
    key = f"{suffix}_bytes"
    if key not in row:
        return "-"
    if row is first:
        return f"{row[key] / 1e3:.0f} kB"
    return f"{first[key] / row[key]:.1f}x less"


def _time(row: Row, first: Row, runtime: str) -> str:
    if runtime not in row:
        return "-"
    if row is first:
        band = row[runtime]["band"]
        return f"{row[runtime]['latency_ms']:.3g} ms ±{100 * band:.0f} %"
    return str(row[runtime]["verdict"]).replace("no measurable change", "no change")
