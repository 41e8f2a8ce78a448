"""`python -m nncompress_lab.course build | copy`: make the notebooks, hand them out."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, help="Build and copy the course.")


@app.callback()
def course() -> None:
    """Tools for people who write lessons."""


@app.command()
def build(
    lessons: Annotated[list[str] | None, typer.Argument(metavar="[NN ...]")] = None,
) -> None:
    """Make both notebooks of each lesson, executed; without numbers of all lessons."""
    from nncompress_lab.course import build as building

    for source in building.sources():
        if lessons and source.name[:2] not in lessons:
            continue
        for kind, run in building.build(source).items():
            passed = sum(record.passed for record in run.records.values())
            typer.echo(
                f"{source.stem} {kind}: {run.seconds:.0f} s, "
                f"{run.peak_bytes / 1e9:.2f} GB, "
                f"{passed} of {len(run.records)} checks pass"
            )


@app.command()
def copy(folder: Path) -> None:
    """Copy the lessons into FOLDER, over nothing that was changed there."""
    from nncompress_lab.course import copies

    for path in copies.copy_course(folder):
        typer.echo(path)


if __name__ == "__main__":
    app()
