"""`nncompress plan`: the recipe that makes a model file fit a budget."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import nncompress_lab as ncl
from nncompress_lab.atomic import check_writable
from nncompress_lab.cli.options import (
    DataOption,
    Json,
    Metric,
    context_of,
    load,
    start_keras,
)
from nncompress_lab.errors import MissingContextError
from nncompress_lab.models.paths import check_source

PREFIXES = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
NUMBER = re.compile(r"([0-9]*\.?[0-9]+)\s*([kmg]i?|)b?", re.IGNORECASE)


def number_of(text: str) -> int:
    """A number with a prefix, with or without the B of bytes.

    Args:
        text: `"20kB"`, `"1.5 MB"`, `"300KiB"`, `"4M"`, `"20000"`.

    Returns:
        How many that are, rounded to a whole number.

    Raises:
        typer.BadParameter: If it is none.

    Example:
        >>> number_of("20kB"), number_of("1.5 MB"), number_of("1KiB"), number_of("4M")
        (20000, 1500000, 1024, 4000000)
    """
    found = NUMBER.fullmatch(text.strip().replace("_", ""))
    if found is None:
        raise typer.BadParameter(
            f"A number such as 20000, 20kB or 1.5MB is needed. Received: {text!r}."
        )
    return round(float(found[1]) * PREFIXES[found[2].lower()])


Size = Annotated[int | None, typer.Option(parser=number_of, metavar="SIZE")]


def plan(  # noqa: PLR0913 (each is an option of the command)
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="R.json")],
    data: DataOption = None,
    packed_bytes: Size = None,
    keras_bytes: Size = None,
    macs: Size = None,
    latency_ms: Annotated[float | None, typer.Option(metavar="MS")] = None,
    ratio: Annotated[
        float | None, typer.Option(help="How many times smaller, packed.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(help="Of the first metric; 0.005 of accuracy is half a point."),
    ] = None,
    techniques: Annotated[
        str,
        typer.Option(
            help="In the order in which they are applied: channels, low_rank, tucker2, "
            "pruning, quantization, gptq, codebook."
        ),
    ] = "pruning,quantization",
    examples: Annotated[
        int, typer.Option(help="Validation examples that layers are tried on.")
    ] = 512,
    recover: Annotated[
        int, typer.Option(metavar="EPOCHS", help="Write a recipe that trains as well.")
    ] = 0,
    metric: Metric = None,
    as_json: Json = False,
) -> None:
    """Choose how far to compress each layer, and write the recipe for `compress`.

    A budget is one of --packed-bytes, --keras-bytes, --macs, --latency-ms and --ratio, or
    --max-drop alone: then the file is made as small as that allows. Sizes are 20kB, 1.5MB.
    """
    check_source(model)
    check_writable(output)
    budget = ncl.Budget(packed_bytes, keras_bytes, macs, latency_ms, ratio, max_drop)
    start_keras()
    context = context_of(data, metric)
    try:
        made = ncl.plan(
            load(model),
            budget,
            context,
            techniques=[one.strip() for one in techniques.split(",")],
            examples=examples,
        )
    except MissingContextError as error:
        raise MissingContextError(
            f"{error} On the command line, add --data DIR or --data fashion_mnist."
        ) from error
    replace(made, epochs=recover).save(output, recover=recover > 0)
    if as_json:
        points = {"original": made.original, "verified": made.verified}
        facts = {name: asdict(point) for name, point in points.items()}
        typer.echo(json.dumps({**facts, "choices": made.choices, "path": str(output)}))
        return
    Console(soft_wrap=True).print(str(made), markup=False, highlight=False)
    Console(stderr=True, soft_wrap=True).print(f"Saved {output}.", markup=False)
