"""What the commands of the command line have in common: options, input and output."""

import importlib
import sys
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import nncompress_lab as ncl
from nncompress_lab.data.data import CALIBRATION_EXAMPLES
from nncompress_lab.errors import MissingContextError

if TYPE_CHECKING:
    from nncompress_lab.passes import Context, Pass
    from nncompress_lab.report import Report

EMBEDDED = "fashion_mnist"

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Latency = Annotated[bool, typer.Option(help="Measure latency; takes some seconds.")]
Metric = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="A metric of Keras to report and to choose the epoch by, such as "
        "mean_absolute_error; may be given several times. By default those that the model "
        "was compiled with, or what fits the labels.",
    ),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Folder with train.npz, validation.npz and test.npz, each with arrays x "
        f"and y, or x_NAME and y_NAME of several; or {EMBEDDED} for the embedded images.",
    ),
]


def context_of(data: str | None, metrics: list[str] | None = None) -> "Context":
    """The data of `--data`, or none, and the metrics of `--metric`."""
    check_metrics(metrics or [])
    objective = ncl.Objective(metrics=metrics) if metrics else None
    return replace(_data_of(data), objective=objective)


def _data_of(data: str | None) -> "Context":
    if data is None:
        return ncl.Context()
    if data == EMBEDDED and not Path(data).exists():
        return ncl.Context.of(ncl.data.fashion_mnist())
    parts = ncl.data.read_folder(data)
    if "train" in parts:
        parts.setdefault("calibration", parts["train"].take(CALIBRATION_EXAMPLES))
    return ncl.Context.of(None, **parts)


def check_needs(steps: "Pass", context: "Context") -> None:
    """Raise an error that names `--data` if passes need data that are not there."""
    from nncompress_lab.ready import check_context

    try:
        check_context(steps, context)
    except MissingContextError as error:
        raise MissingContextError(
            f"{error} On the command line, add --data DIR or --data {EMBEDDED}."
        ) from error


def check_metrics(names: list[str]) -> None:
    """Raise a `ValueError` for a name that Keras has no metric of."""
    import keras

    for name in names:
        try:
            keras.metrics.get(name)
        except (TypeError, ValueError) as error:
            close = get_close_matches(name, dir(keras.metrics), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                "--metric takes the name of a metric of Keras that needs no arguments, "
                f"such as mean_absolute_error or auc. Received: {name!r}.{hint}"
            ) from error


def import_modules(names: list[str]) -> None:
    """Import modules that register layers or passes, also from the current folder.

    Raises:
        ImportError: If there is no such module, or it raises an error.
    """
    if not names:
        return
    start_keras()
    sys.path.insert(0, str(Path.cwd()))
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a module of somebody's own raises
            raise ImportError(
                f"The module of --import {name} cannot be imported: "
                f"{type(error).__name__}: {error}. Say its name as in Python, without "
                ".py, and run this where it is, or where it is installed."
            ) from error


def start_keras() -> None:
    """Import Keras without TensorFlow's greeting."""
    from nncompress_lab.quiet import quiet_stderr

    with quiet_stderr():
        _ = ncl.Context


def load(path: Path) -> Any:
    """The model of a file, which must be one that passes can treat."""
    from nncompress_lab.models.rewrite import check_model

    loaded = ncl.load_model(path)
    check_model(loaded)
    return loaded


def save(model: Any, path: Path) -> None:
    """Save a model and say so."""
    ncl.save_model(model, path)
    Console(stderr=True, soft_wrap=True).print(f"Saved {path}.", markup=False)


def show(measured: "Report", *, as_json: bool) -> None:
    """Print a report."""
    if as_json:
        typer.echo(measured.to_json())
    else:
        Console().print(measured)
