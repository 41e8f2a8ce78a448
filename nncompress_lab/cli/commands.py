"""The command line: `nncompress lab`, `demo`, `inspect`, `compress`, `pack` and others.

Keras starts only in the commands, so that help and the version come at once. Exit codes: 0
done, 2 bad input (and how to fix it), 1 anything else, or a check of `grade` that fails.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

import nncompress_lab as ncl
from nncompress_lab.atomic import check_writable
from nncompress_lab.cli.options import (
    DataOption,
    Json,
    Latency,
    Metric,
    check_needs,
    context_of,
    import_modules,
    load,
    save,
    show,
    start_keras,
)
from nncompress_lab.cli.planning import plan
from nncompress_lab.errors import CompressionError
from nncompress_lab.models.paths import (
    PACKED_SUFFIX,
    check_packed,
    check_source,
    check_target,
)
from nncompress_lab.printable import printable

BAD_INPUT = 2
NOT_PASSED = 1
CALIBRATION = 200  # inputs, which TensorFlow's converter takes one by one

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Compress Keras 3 models and measure what it really changed.",
)


def main() -> None:
    """Run the command line; bad input ends with a message and exit code 2."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    try:
        app()
    except (CompressionError, ValueError, OSError, ImportError) as error:
        Console(stderr=True, soft_wrap=True).print(
            f"[bold red]error:[/] {escape(printable(str(error)))}"
        )
        sys.exit(BAD_INPUT)


@app.callback(invoke_without_command=True)
def nncompress(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print versions.")] = False,
    modules: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="MODULE",
            help="Import a module first, which registers layers or passes of your own; "
            "may be given several times. It is also looked for in this folder.",
        ),
    ] = None,
) -> None:
    """Compress Keras 3 models and measure what it really changed."""
    import_modules(modules or [])
    if version:
        typer.echo(f"nncompress-lab {ncl.__version__}")
        raise typer.Exit


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def lab(jupyter: typer.Context) -> None:
    """Open the course in JupyterLab; Jupyter's options (--no-browser ...) are passed on.

    The lessons are copied to nncompress-course in the folder that Jupyter starts in; a
    file that you changed is never overwritten.
    """
    from nncompress_lab.course.launch import launch

    launch(jupyter.args)


@app.command()
def demo(
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Save the result here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compress a trained LeNet-5 on real images: prune, fine-tune, quantize, measure."""
    if output is not None:
        check_target(output)
    start_keras()
    started = time.perf_counter()
    result = ncl.compress(
        ncl.zoo.lenet5(),
        ncl.MagnitudePruning(sparsity=0.8, scope="adaptive"),
        ncl.FineTune(epochs=6),
        ncl.UniformQuantization(bits=8),
        context=ncl.Context.of(ncl.data.fashion_mnist()),
    )
    show(result.report, as_json=as_json)
    if output is not None:
        save(result.model, output)
    Console(stderr=True).print(f"Done in {time.perf_counter() - started:.0f} s.")


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras")],
    *,
    as_json: Json = False,
) -> None:
    """Show what a model file holds, layer by layer: parameters, zeros, bytes, MACs."""
    check_source(model)
    start_keras()
    from nncompress_lab.report import measure_stages

    measured = measure_stages({str(model): load(model)}, latency=False)
    if as_json:
        facts: dict[str, Any] = json.loads(measured.to_json())
        summary = {"model": facts["stages"][0], "layers": facts["layers"]}
        typer.echo(json.dumps(summary, indent=2))
        return
    Console().print(measured.layers_table())
    Console().print(measured)


@app.command()
def compress(
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras")],
    *,
    recipe: Annotated[Path, typer.Option(metavar="R.json", help="The passes.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.keras")],
    data: DataOption = None,
    metric: Metric = None,
    latency: Latency = True,
    as_json: Json = False,
) -> None:
    """Apply the passes of a recipe to a model file and save the result."""
    check_source(model)
    check_target(output)
    start_keras()
    steps = ncl.load_recipe(recipe)
    context = context_of(data, metric)
    check_needs(steps, context)
    result = ncl.compress(load(model), steps, context=context)
    save(result.model, output)
    show(result.measured(latency=latency), as_json=as_json)


app.command()(plan)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras")],
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.onnx|OUT.tflite")
    ],
    quantize: Annotated[
        str | None,
        typer.Option(metavar="dynamic|int8", help="For .tflite; int8 needs --data."),
    ] = None,
    data: DataOption = None,
    as_json: Json = False,
) -> None:
    """Write a model file for a runtime and check it against Keras."""
    check_source(model)
    check_writable(output)
    start_keras()
    calibration = context_of(data).calibration
    difference = ncl.export(
        load(model),
        output,
        quantize=quantize,  # type: ignore[arg-type] # checked there
        calibration=None if calibration is None else calibration.take(CALIBRATION),
    )
    size = output.stat().st_size
    if as_json:
        facts = {"path": str(output), "bytes": size, "difference": difference}
        typer.echo(json.dumps(facts))
        return
    Console(soft_wrap=True).print(
        f"Wrote {output}, {size:,} bytes. Largest difference from Keras: "
        f"{difference:.1e}.",
        markup=False,
    )


@app.command()
def report(
    before: Annotated[Path, typer.Argument(metavar="A.keras")],
    after: Annotated[Path, typer.Argument(metavar="B.keras")],
    *,
    data: DataOption = None,
    metric: Metric = None,
    latency: Latency = True,
    layers: Annotated[bool, typer.Option("--layers", help="Also by layer.")] = False,
    as_json: Json = False,
) -> None:
    """Measure two model files side by side."""
    check_source(before)
    check_source(after)
    start_keras()
    context = context_of(data, metric)
    measured = ncl.compare(
        load(before),
        load(after),
        data=context.test,
        objective=context.objective,
        latency=latency,
        names=(str(before), str(after)),
    )
    show(measured, as_json=as_json)
    if layers and not as_json:
        Console().print(measured.layers_table())


@app.command()
def pack(
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.ncz")],
) -> None:
    """Write a model as a file of as few bytes as its numbers need."""
    check_source(model)
    check_target(output, suffix=PACKED_SUFFIX)
    start_keras()
    size, before = ncl.pack(ncl.load_model(model), output), model.stat().st_size
    Console(stderr=True, soft_wrap=True).print(
        f"Packed {model} ({before:,} bytes) into {output} ({size:,} bytes, "
        f"{before / size:.1f}x less).",
        markup=False,
        highlight=False,
    )


@app.command()
def unpack(
    packed: Annotated[Path, typer.Argument(metavar="MODEL.ncz")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.keras")],
) -> None:
    """Write the Keras model that a packed file holds."""
    check_packed(packed)
    check_target(output)
    start_keras()
    save(ncl.unpack(packed), output)


@app.command()
def grade(
    notebook: Annotated[Path, typer.Argument(metavar="NOTEBOOK.ipynb")],
    *,
    alone: Annotated[
        bool,
        typer.Option(
            help="Count what this notebook earns and nothing else, for teachers: your "
            "own progress is neither read nor written."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a lesson's notebook in a fresh kernel and print its points.

    They are added to your progress, where the best answer to each exercise counts.
    """
    from nncompress_lab.course.grading import grade_notebook, with_progress

    grades = grade_notebook(notebook)
    if not alone:
        grades = with_progress(grades)
    if as_json:
        typer.echo(grades.to_json())
    else:
        Console().print(grades)
    if grades.earned < grades.possible:
        raise typer.Exit(NOT_PASSED)
