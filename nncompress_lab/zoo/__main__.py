"""`python -m nncompress_lab.zoo train NAME`: how the shipped weights were made."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from nncompress_lab.errors import CompressionError

app = typer.Typer(add_completion=False, help="Train the reference models.")


@app.callback()
def zoo() -> None:
    """Train the reference models on the full Fashion-MNIST."""


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="Of the model, for example lenet5.")],
    runs: Annotated[Path, typer.Option(help="Folder for checkpoints.")] = Path("runs"),
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Train NAME and replace its shipped weights; interrupted runs are resumed."""
    from nncompress_lab.zoo.training import train as train_model

    try:
        train_model(name, runs=runs, seed=seed)
    except (CompressionError, ValueError) as error:
        Console(stderr=True).print(f"[red]error:[/] {error}")
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
