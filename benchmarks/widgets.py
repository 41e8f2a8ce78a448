"""How fast controls answer while the hand moves on: `python benchmarks/widgets.py`.

A JupyterLab of its own, a headless Chromium, and the slider of a control moved with the
arrow keys every half second, whatever the control does. For each move it is measured how
long after the key the picture showed it, and how long after it an accuracy of that very
setting was there: the first one, on 250 images, and the one on 1,000. What the next move
overtakes is missing, as it is for the user; after the last move nothing follows.

Needs Chromium and playwright, as the tests in a browser do. A pause of several seconds
between the moves hides everything that this measures.
"""

import math
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from results_file import save_results
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from lab_pages import evaluate, open_notebook, run_all, write_notebook
from lab_server import Lab, running_lab
from playwright.sync_api import sync_playwright

MODELS = ("lenet5", "resnet20")
MOVES = 20
PAUSE = 500  # milliseconds from one move to the next
SETTLE = 20_000  # after the last move

# Each change of the page as [time, setting in the picture, accuracy or "" if stale].
WATCH = """
const control = document.querySelector('.nncompress-control');
window.moves = []; window.seen = [];
control.addEventListener('keydown', () => window.moves.push(performance.now()), true);
new MutationObserver(() => {
  const picture = control.querySelector('.nncompress-histogram');
  const tile = control.querySelector('.nncompress-tile');
  const shown = picture?.getAttribute('aria-label').match(
    /(?:The|staircase of|cells of) ([0-9.]+)/)?.[1];
  const stale = tile?.classList.contains('nncompress-stale');
  window.seen.push([performance.now(), shown, stale ? '' : tile?.innerText ?? '']);
}).observe(control, {subtree: true, childList: true, attributes: true});
return null;
"""
Answer = dict[str, float | None]


@dataclass(frozen=True)
class Moves:
    """How the slider of a control is moved, and what its picture then says.

    Args:
        start: Where the slider is first.
        steps: From each place to the next, again and again.
        says: The number in the picture's description, by the place of the slider.
    """

    start: int
    steps: tuple[int, ...]
    says: Callable[[int], str]

    def each(self) -> list[tuple[str, str]]:
        """The key of each move, and what the picture says afterwards."""
        place, found = self.start, []
        for step in islice(cycle(self.steps), MOVES):
            place += step
            key = "ArrowRight" if step > 0 else "ArrowLeft"
            found.append((key, self.says(place)))
        return found


CONTROLS = {
    "PruningExplorer": Moves(50, (1,), lambda percent: f"{percent}.0"),
    "QuantizationExplorer": Moves(
        4, (1, 1, 1, 1, -1, -1, -1, -1), lambda bits: str(2**bits - 1)
    ),
    "CodebookExplorer": Moves(4, (1, 1, -1, -1), lambda bits: str(2**bits)),
}


def main() -> None:
    """Measure, print and write `results/widgets.json`."""
    asked = set(sys.argv[1:])
    models = [one for one in MODELS if one in asked] or MODELS
    controls = [one for one in CONTROLS if one in asked] or CONTROLS
    figures: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as lab,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.set_default_timeout(120_000)
        for control in controls:
            for model in models:
                found = summary(moved(page, lab, control, model))
                figures.setdefault(control, {})[model] = found
        browser.close()
    show(figures)
    save_results(
        "widgets",
        figures,
        moves=MOVES,
        pause_ms=PAUSE,
        load=round(os.getloadavg()[1], 1),
    )


def moved(page: Any, lab: Lab, control: str, model: str) -> list[Answer]:
    """Open a control on a model, move it and say what came when."""
    name = f"{control}-{model}.ipynb"
    write_notebook(
        lab.root / name,
        [
            "import nncompress_lab as ncl\n"
            f"from nncompress_widgets import {control}\n"
            f"model, data = ncl.zoo.{model}(), ncl.data.fashion_mnist()",
            f"{control}(model, data)",
        ],
    )
    open_notebook(page, lab, name)
    run_all(page, seconds=300)
    handle = page.locator(".nncompress-control .noUi-handle").first
    handle.wait_for()
    page.wait_for_timeout(SETTLE)
    handle.focus()
    evaluate(page, WATCH)
    each = CONTROLS[control].each()
    for key, _ in each:
        page.keyboard.press(key)
        page.wait_for_timeout(PAUSE)
    page.wait_for_timeout(SETTLE)
    moves, seen = page.evaluate("[window.moves, window.seen]")
    evaluate(
        page,
        "await window.jupyterapp.shell.currentWidget.sessionContext.shutdown();"
        "return null;",
    )
    return answers(moves, seen, [says for _, says in each])


def answers(
    moves: list[float], seen: list[list[Any]], settings: list[str]
) -> list[Answer]:
    """Milliseconds from each move to its picture and accuracies; None if never."""
    found = []
    for pressed, setting in zip(moves, settings, strict=True):
        # Until the slider comes to the same place again.
        again = [
            time
            for time, other in zip(moves, settings, strict=True)
            if other == setting and time > pressed
        ]
        of = [
            one
            for one in seen
            if one[1] == setting and pressed <= one[0] < min(again, default=math.inf)
        ]
        # The picture comes first; until the figures turn pale they are those before.
        pale = next((place for place, one in enumerate(of) if not one[2]), len(of))
        times = {
            "picture": [time for time, _, _ in of],
            "first": [time for time, _, tile in of[pale:] if tile],
            "all": [time for time, _, tile in of[pale:] if tile and "±" not in tile],
        }
        found.append(
            {name: times[name][0] - pressed if times[name] else None for name in times}
        )
    return found


def summary(found: list[Answer]) -> dict[str, Any]:
    """Median and worst of each answer, and how often it came before the next move."""
    figures: dict[str, Any] = {}
    for name in found[0]:
        came = [time for one in found if (time := one[name]) is not None]
        figures[name] = {
            "median_ms": round(statistics.median(came)) if came else None,
            "worst_ms": round(max(came)) if came else None,
            "came": len(came) / len(found),
        }
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print a table."""
    table = Table(title=f"From the key to the answer, a move every {PAUSE} ms")
    columns = ("control", "model", "answer", "median ms", "worst ms", "came in time")
    for column in columns:
        table.add_column(column)
    for control, models in figures.items():
        for model, each in models.items():
            for name, one in each.items():
                numbers = (
                    str(one["median_ms"]),
                    str(one["worst_ms"]),
                    f"{one['came']:.0%}",
                )
                table.add_row(control, model, name, *numbers)
    Console().print(table)


if __name__ == "__main__":
    main()
