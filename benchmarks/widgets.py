"""How fast controls answer while the hand moves on: `python benchmarks/widgets.py`.

A JupyterLab of its own, a headless Chromium, and the slider of a control moved with the
arrow keys every half second, whatever the control does. For each move it is measured how
long after the key the picture showed it, and how long after it an accuracy of that very
setting was there: the first one, on 250 images, and the one on 1,000. What the next move
overtakes is missing, as it is for the user; after the last move nothing follows.

Needs Chromium and playwright, as the tests in a browser do. A pause of several seconds
between the moves hides everything that this measures. `--controls` and `--models` choose
what is measured; the results keep what they hold of the others.
"""

import argparse
import math
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from results_file import kept_figures, save_results
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from lab_pages import evaluate, open_notebook, run_all, write_notebook
from lab_server import Lab, running_lab
from playwright.sync_api import sync_playwright

import nncompress_lab as ncl
from nncompress_lab.trials.channels import ChannelTrial

MODELS = ("lenet5", "resnet20")
MOVES = 20
PAUSE = 500  # milliseconds from one move to the next
SETTLE = 20_000  # after the last move

# Each change of the page as [time, setting in the picture, accuracy or "" if stale].
WATCH = """
const control = document.querySelector('.nncompress-control');
const says = new RegExp(argument);
window.moves = []; window.seen = [];
control.addEventListener('keydown', () => window.moves.push(performance.now()), true);
new MutationObserver(() => {
  const picture = control.querySelector('.nncompress-histogram');
  const tile = control.querySelector('.nncompress-tile');
  const shown = picture?.getAttribute('aria-label')?.match(says)?.[1].replace(',', '');
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
        steps: From each place to the next, again and again.
        pattern: Finds the setting in the picture's description.
        says: What it finds, by the place of the slider and the name of the model.
        made_of: What the control is called with, as code.
    """

    steps: tuple[int, ...]
    pattern: str
    says: Callable[[int, str], str]
    made_of: str = "model, data"

    def each(self, place: int, model: str) -> list[tuple[str, str]]:
        """The key of each move, and what the picture says afterwards.

        Args:
            place: Where the slider is first.
            model: In the zoo.
        """
        found = []
        for step in islice(cycle(self.steps), MOVES):
            place += step
            key = "ArrowRight" if step > 0 else "ArrowLeft"
            found.append((key, self.says(place, model)))
        return found


def kept(percent: int, model: str) -> str:
    """How many channels are left with so many per cent of the MACs."""
    trial = trial_of(model)
    widths = trial.widths(ncl.ChannelPruning(macs=percent / 100))
    return str(sum(one.kept for one in widths))


@cache
def trial_of(model: str) -> ChannelTrial:
    """What counts the channels of a model in the zoo."""
    data = ncl.data.fashion_mnist().validation
    return ChannelTrial(getattr(ncl.zoo, model)(), data, examples=1)


CONTROLS = {
    "PruningExplorer": Moves((1,), "The ([0-9.]+)", lambda place, _: f"{place}.0"),
    "QuantizationExplorer": Moves(  # the places of its slider begin with 2 bits
        (1, 1, 1, 1, -1, -1, -1, -1),
        "staircase of ([0-9.]+)",
        lambda place, _: str(2 ** (place + 2) - 1),
    ),
    "CodebookExplorer": Moves(  # and of this with 1
        (1, 1, -1, -1), "cells of ([0-9.]+)", lambda place, _: str(2 ** (place + 1))
    ),
    "ChannelExplorer": Moves((1,), "bars; ([0-9,]+)", kept),
    "LowRankExplorer": Moves((1,), "rank ([0-9,]+)", lambda place, _: str(place)),
    "FactorizationExplorer": Moves(
        (-1, -1, 1, 1), "in: 1 x 1, [0-9]+ to ([0-9]+)", lambda place, _: str(place)
    ),
    "DistillationExplorer": Moves(  # in tenths, from 4 on
        (1,),
        r"at temperature ([0-9]+(?:\.[0-9]+)?)",
        lambda place, _: f"{4 + (place - 4) / 10:g}",
        made_of="model, ncl.Student(width=0.25)(model), data",
    ),
    "CompressionStudio": Moves(  # the first card: the one behind it follows each time
        (1,),
        "Prune ([0-9]+) % zeros",
        lambda place, _: str(place),
        made_of="model, data, steps=[ncl.MagnitudePruning(sparsity=0.5, scope='global'),"
        " ncl.UniformQuantization(bits=4)]",
    ),
    "PlanExplorer": Moves(  # in steps of 2 kB; where the plan stays, so do its figures
        (1,),
        "for ([0-9,]+) bytes",
        lambda place, _: f"{place // 1000 * 1000 + place % 1000 * 2000:,}",
        made_of="model, data, scan=ncl.sensitivity(model, ["
        "ncl.UniformQuantization(bits=bits, clipping='mse') for bits in range(2, 9)"
        "], data, progress=False)",
    ),
}


def main() -> None:
    """Measure, print and write `results/widgets.json`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--controls", nargs="+", choices=list(CONTROLS), default=CONTROLS
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    asked = parser.parse_args()
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
        for control in asked.controls:
            for model in asked.models:
                found = summary(moved(page, lab, control, model))
                figures.setdefault(control, {})[model] = found
        browser.close()
    show(figures)
    kept = kept_figures("widgets") or {}
    save_results(
        "widgets",
        {
            control: {**kept.get(control, {}), **figures.get(control, {})}
            for control in CONTROLS
            if control in {*kept, *figures}
        },
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
            f"{control}({CONTROLS[control].made_of})",
        ],
    )
    open_notebook(page, lab, name)
    run_all(page, seconds=300)
    handle = page.locator(".nncompress-control .noUi-handle").first
    handle.wait_for()
    page.wait_for_timeout(SETTLE)
    handle.focus()
    moves_of = CONTROLS[control]
    evaluate(page, WATCH, moves_of.pattern)
    place = round(float(handle.get_attribute("aria-valuenow")))
    each = moves_of.each(place, model)
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
