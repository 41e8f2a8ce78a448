"""The tables of `benchmarks/runtimes.py` in Markdown, a column a runtime and processor."""

import json
from collections.abc import Iterator
from pathlib import Path
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
# Each kind of processor is measured by itself, and kept in a file of its own.
PROCESSORS = {"avx2": "AVX2", "vnni": "VNNI", "amx": "AMX"}
INTEGERS = "8-bit weights and activations"
FOLDER = Path(__file__).parent / "results"


def kept() -> dict[str, list[Row]]:
    """The rows of `results/runtimes_*.json`, by kind of processor."""
    files = {kind: FOLDER / f"runtimes_{kind}.json" for kind in PROCESSORS}
    return {
        kind: json.loads(path.read_text(encoding="utf-8"))["figures"]
        for kind, path in files.items()
        if path.exists()
    }


def table(rows: dict[str, list[Row]]) -> str:
    """One part for each model: bytes and accuracy, then the times by batch.

    Args:
        rows: By kind of processor; bytes and accuracies are those of the first.
    """
    first, *others = rows
    merged = [dict(row) for row in rows[first]]
    for row in merged:
        timed = {first: row} | {
            kind: one
            for kind in others
            for one in rows[kind]
            if all(one[key] == row[key] for key in ("model", "batch", "technique"))
        }
        row["times"] = {
            (runtime, kind): one[runtime]
            for runtime in RUNTIMES
            for kind, one in timed.items()
            if runtime in one
        }
    return "\n".join(line for part in _parts(merged, "model") for line in _model(part))


def integers(rows: dict[str, list[Row]]) -> str:
    """What integers throughout gain in ONNX Runtime, a column a kind of processor.

    Args:
        rows: By kind of processor.
    """
    names = {kind: PROCESSORS[kind] for kind in PROCESSORS if kind in rows}
    cells: dict[tuple[str, int], dict[str, str]] = {}
    for kind in names:
        for row in rows[kind]:
            if row["technique"] == INTEGERS and "onnxruntime" in row:
                place = cells.setdefault((row["model"], row["batch"]), {})
                place[kind] = _verdict(row["onnxruntime"])
    lines = [
        _line(["integers throughout", "batch", *names.values()]),
        "|---|---:|" + "---:|" * len(names),
    ]
    for (model, batch), found in cells.items():
        each = [found.get(kind, "-") for kind in names]
        lines.append(_line([model, str(batch), *each]))
    return "\n".join(lines)


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
        taken = [
            (runtime, kind)
            for runtime in RUNTIMES
            for kind in PROCESSORS
            if any((runtime, kind) in row["times"] for row in of_batch)
        ]
        titles = (f"{RUNTIMES[name]}, {PROCESSORS[kind]}" for name, kind in taken)
        head = [f"batch {of_batch[0]['batch']}", *titles]
        yield from (_line(head), "|---|" + "---:|" * len(taken))
        for row in of_batch:
            if "why_not" not in row:
                times = [_time(row, of_batch[0], column) for column in taken]
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


def _time(row: Row, first: Row, column: tuple[str, str]) -> str:
    if (time := row["times"].get(column)) is None:
        return "-"
    if row is first:
        return f"{time['latency_ms']:.3g} ms ±{100 * time['band']:.0f} %"
    return _verdict(time)


def _verdict(time: Row) -> str:
    return str(time["verdict"]).replace("no measurable change", "no change")
