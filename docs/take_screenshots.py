"""Take the pictures of the README and of controls.md: `python docs/take_screenshots.py`.

A JupyterLab of its own, a real Chromium, the real lesson: nothing is staged but the size of
the window. Every picture is taken in the light and in the dark theme.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import nbformat
from lab_pages import (
    evaluate,
    kernel_ready,
    open_by_double_click,
    open_notebook,
    ready,
    run_all,
    run_command,
    show_course,
    write_notebook,
)
from lab_server import Lab, running_lab
from playwright.sync_api import sync_playwright

import nncompress_lab as ncl
from nncompress_lab.course import build, catalogue, copies

IMAGES = ROOT / "docs" / "images"
AT_REST = 10_000  # milliseconds until the files are weighed and the models timed
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
SOLVED = ("prune_below", "magnitude_mask", "global_masks")
LESSON = catalogue.find("02")
MODEL = "pruned-lenet5.keras"
SETUP = """import nncompress_lab as ncl
from nncompress_lab.course.small_student import small_student
from nncompress_widgets import {explorer}
model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
explorer = {explorer}({made_of})
{setting}
explorer"""
OF_A_MODEL = "model, data"
# A name for the picture, then the control, what it is made of and what it shows.
CONTROLS = {
    "quantization": (
        "QuantizationExplorer",
        OF_A_MODEL,
        "explorer.bits, explorer.clipping = 3, 'mse'",
    ),
    "codebook": ("CodebookExplorer", OF_A_MODEL, "explorer.bits = 3"),
    "channel": ("ChannelExplorer", OF_A_MODEL, "explorer.macs = 0.5"),
    "low-rank": ("LowRankExplorer", OF_A_MODEL, "explorer.rank = 16"),
    "factorization": ("FactorizationExplorer", OF_A_MODEL, ""),
    "plan": (
        "PlanExplorer",
        OF_A_MODEL,
        "explorer.wait()\nexplorer.budget = 84_000",
    ),
    "studio": ("CompressionStudio", OF_A_MODEL, "explorer.selected = 3"),
    "over-time": (
        "PruningExplorer",
        f"{OF_A_MODEL}, trains=True",
        "_ = explorer.over_time.train()\nexplorer.over_time.moment = 12",
    ),
    "distillation": (
        "DistillationExplorer",
        "model, small_student(seed=0), data",
        "explorer.temperature, explorer.student_loss_weight = 5.0, 0.75\n"
        "_, explorer.image = explorer.train(), 4",
    ),
}


def main() -> None:
    """Take those that are named, or all: `lesson`, `viewer`, and each of the controls."""
    IMAGES.mkdir(exist_ok=True)
    wanted = set(sys.argv[1:]) or {*TAKERS, *CONTROLS}
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder)) as lab:
        write_files(lab)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(
                viewport={"width": 1280, "height": 800}, device_scale_factor=1.5
            )
            page.set_default_timeout(30_000)
            for name, take in TAKERS.items():
                if name in wanted:
                    take(page, lab)
            take_controls(page, lab, [one for one in CONTROLS if one in wanted])
            browser.close()


def write_files(lab: Lab) -> None:
    """A pruned model, and the lesson with its first exercises solved."""
    pruned = ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.8, select=ncl.Selection(names=("dense1",))),
        ncl.MagnitudePruning(sparsity=0.6, select=ncl.Selection(names=("conv2",))),
    )(ncl.zoo.lenet5())
    ncl.save_model(pruned, lab.root / MODEL)
    folder = lab.root / copies.COURSE_FOLDER
    copy = copies.copy_lesson(LESSON.id, folder)
    source = next(path for path in build.sources() if path.stem == copy.stem)
    answers, notebook = build.answers(source), build.student(source)
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", ()):
            name = tag.removeprefix("exercise:")
            if name in SOLVED:
                cell.source = answers[name]
    nbformat.write(notebook, copy)


def take_lesson(page: Any, lab: Lab) -> None:
    """The lesson with the course panel, and the control in it."""
    page.goto(lab.url(f"/tree/{copies.COURSE_FOLDER}/{LESSON.file}"))
    ready(page)
    kernel_ready(page)
    run_all(page, seconds=300)
    panel = show_course(page)
    choose_a_setting(page)
    entry = panel.get_by_role("listitem").filter(has_text=LESSON.title)
    entry.get_by_text("checks,").click()
    for theme, name in THEMES.items():
        run_command(page, "apputils:change-theme", {"theme": name})
        page.wait_for_timeout(1000)
        page.locator("text=Exercise 2 · Keep").last.scroll_into_view_if_needed()
        scroll_to(page, "exercise:magnitude_mask")
        page.screenshot(path=IMAGES / f"lesson-{theme}.png")
        page.set_viewport_size({"width": 1280, "height": 960})
        panel.screenshot(path=IMAGES / f"panel-{theme}.png")
        page.set_viewport_size({"width": 1280, "height": 800})
        control = page.locator(".nncompress-control")
        control.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        control.screenshot(path=IMAGES / f"control-{theme}.png")
    table = page.locator(".jp-OutputArea-output img").last
    for theme, name in THEMES.items():
        run_command(page, "apputils:change-theme", {"theme": name})
        table.scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        table.screenshot(path=IMAGES / f"table-{theme}.png")
    run_command(page, "docmanager:save")


def take_controls(page: Any, lab: Lab, pictures: list[str]) -> None:
    """Other controls, each in a notebook of its own, when it is at rest."""
    page.set_viewport_size({"width": 1280, "height": 1100})
    for picture in pictures:
        explorer, made_of, setting = CONTROLS[picture]
        cell = SETUP.format(explorer=explorer, made_of=made_of, setting=setting)
        write_notebook(lab.root / f"{picture}.ipynb", [cell])
        open_notebook(page, lab, f"{picture}.ipynb")
        run_all(page, seconds=300)
        control = page.locator(".nncompress-control")
        control.wait_for()
        page.wait_for_timeout(AT_REST)
        control.locator(".nncompress-stale").first.wait_for(state="detached")
        for theme, name in THEMES.items():
            run_command(page, "apputils:change-theme", {"theme": name})
            page.wait_for_timeout(1000)
            control.screenshot(path=IMAGES / f"{picture}-{theme}.png")
        run_command(page, "kernelmenu:shutdown")


def choose_a_setting(page: Any) -> None:
    """Meet the goal with the keyboard, as a learner would."""
    control = page.locator(".nncompress-control")
    for layer, percent in (("conv2", "60"), ("dense1", "80")):
        control.locator("select").select_option(index=layer_index(control, layer))
        kernel_idle(page)
        field = control.get_by_label("in %")
        field.fill(percent)
        field.press("Enter")
        kernel_idle(page)
    control.get_by_role("button", name="Register").click()
    control.get_by_text("Goal met").wait_for()
    page.wait_for_timeout(1500)


def kernel_idle(page: Any) -> None:
    """Wait until the kernel has taken in what was moved: it answers in order."""
    script = """const { sessionContext } = window.jupyterapp.shell.currentWidget;
                await sessionContext.session.kernel.requestKernelInfo();
                return null;"""
    evaluate(page, script)


def layer_index(control: Any, layer: str) -> int:
    """The place of a layer in the control's list."""
    options = control.locator("select option").all_inner_texts()
    return next(place for place, text in enumerate(options) if text.startswith(layer))


def scroll_to(page: Any, tag: str) -> None:
    """Bring the cell with a tag to the top of the notebook."""
    script = """const notebook = window.jupyterapp.shell.currentWidget.content;
        const place = notebook.widgets.findIndex(cell =>
            (cell.model.getMetadata('tags') ?? []).includes(argument));
        notebook.activeCellIndex = place;
        notebook.widgets[place - 1].node.scrollIntoView({block: 'start'});
        return null;"""
    evaluate(page, script, tag)
    page.wait_for_timeout(500)


def take_viewer(page: Any, lab: Lab) -> None:
    """The model viewer, opened as a user opens it."""
    page.goto(lab.url())
    ready(page)
    open_by_double_click(page, MODEL)
    page.locator("table").wait_for()
    page.set_viewport_size({"width": 1280, "height": 660})
    run_command(page, "application:toggle-left-area")
    for theme, name in THEMES.items():
        run_command(page, "apputils:change-theme", {"theme": name})
        page.wait_for_timeout(1000)
        page.screenshot(path=IMAGES / f"viewer-{theme}.png")


TAKERS = {"lesson": take_lesson, "viewer": take_viewer}

if __name__ == "__main__":
    main()
