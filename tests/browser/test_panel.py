"""The course in JupyterLab, and the way from a control to code."""

import json

import pytest
from lab_pages import (
    PATIENCE,
    evaluate,
    in_palette,
    kernel_ready,
    open_lab,
    open_notebook,
    run_all,
    run_command,
    show_course,
    sources,
    write_notebook,
)
from playwright.sync_api import expect

from nncompress_lab.course import catalogue, copies

LESSONS = catalogue.lessons()
FIRST = LESSONS[0]
TILE = '.jp-LauncherCard[title^="Start or continue the course"]'

CONTROL = '''
from IPython.display import HTML
HTML("""<div class="control"><span>A control</span>
  <pre hidden data-nncompress-code="answer = 6 * 7&#10;print(answer)"></pre>
  <button class="nncompress-insert">Insert as code</button></div>""")
'''
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
CODE = "answer = 6 * 7\nprint(answer)"
WIDGET = f"""
import ipywidgets
class Control(ipywidgets.VBox):
    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        return {{**bundle, "image/png": "{PIXEL}", "text/plain": "A control."}}
inside = {CONTROL.partition("HTML(")[2].strip()[:-1]}
Control([ipywidgets.HTML(inside)])
"""


def record(lab, status, message=""):
    """Write the outcome of the first check of the course, as a kernel would."""
    lesson = next(lesson for lesson in LESSONS if lesson.exercises)
    name = f"{lesson.id}/{lesson.exercises[0].name}"
    checks = {name: {"status": status, "message": message}}
    lab.progress.write_text(json.dumps({"version": 1, "checks": checks}))
    return lesson


def in_front(page):
    return evaluate(page, "return window.jupyterapp.shell.currentWidget.context?.path;")


@pytest.mark.jupyterlab
def test_the_launcher_opens_the_first_lesson(page, lab):
    open_lab(page, lab)
    page.locator(TILE).click()
    kernel_ready(page)

    assert in_front(page) == f"{copies.COURSE_FOLDER}/{FIRST.file}"
    assert (lab.root / copies.COURSE_FOLDER / FIRST.file).is_file()


@pytest.mark.jupyterlab
def test_the_palette_opens_lessons_and_shows_the_course(page, lab):
    open_lab(page, lab)

    def one_entry(entries):
        expect(entries).to_have_count(1, timeout=PATIENCE)

    in_palette(page, "compression course", "nncompress-lab:open-course", one_entry)

    def open_first(entries):
        expect(entries).to_have_count(len(LESSONS), timeout=PATIENCE)
        first = f"Open lesson {FIRST.id}: {FIRST.title}"
        expect(entries.first).to_contain_text(first, timeout=PATIENCE)
        entries.first.click(timeout=PATIENCE)

    in_palette(page, "open lesson", "nncompress-lab:open-lesson", open_first)
    kernel_ready(page)
    assert in_front(page) == f"{copies.COURSE_FOLDER}/{FIRST.file}"

    def choose(entries):
        entries.click(timeout=PATIENCE)

    in_palette(page, "show the course", "nncompress-lab:show-course", choose)
    expect(page.get_by_role("region", name="Model compression course")).to_be_visible()


def test_the_panel_lists_every_lesson(page, lab):
    open_lab(page, lab)
    panel = show_course(page)

    expect(panel.locator(".nncl-Lesson")).to_have_count(len(LESSONS))
    first = panel.locator(".nncl-Lesson").first
    expect(first).to_contain_text(FIRST.title)
    expect(first).to_contain_text(f"{FIRST.minutes} min")
    words = f"difficulty {FIRST.difficulty} of 5"
    expect(first.get_by_role("img", name=words)).to_be_visible()
    bar = panel.get_by_role("progressbar", name="The course")
    expect(bar).to_have_attribute("aria-valuenow", "0")
    expect(bar).to_have_attribute(
        "aria-valuemax", str(sum(lesson.points for lesson in LESSONS))
    )


@pytest.mark.jupyterlab
def test_the_panel_follows_the_checks_that_a_notebook_runs(page, lab):
    lesson = record(lab, "FAIL", "<b>-9</b> was **dropped**: use `abs()`, 2 * 3 * 4.")
    write_notebook(lab.root / "work.ipynb", ["1 + 1"])
    open_notebook(page, lab, "work.ipynb")
    panel = show_course(page)
    item = panel.locator(".nncl-Lesson", has_text=lesson.title)

    item.locator("summary").press("Enter")
    check = item.locator(".nncl-Check").first
    expect(check).to_contain_text("not right yet")
    expect(check).to_contain_text("<b>-9</b> was dropped: use abs(), 2 * 3 * 4.")
    expect(check.locator("code")).to_have_text("abs()")

    record(lab, "PASS")
    run_all(page)
    expect(check).to_contain_text("passed")  # and the list of checks is still open
    expect(item.get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", str(lesson.exercises[0].points)
    )


def test_the_panel_is_refreshed_when_the_window_is_looked_at(page, lab):
    lesson = record(lab, "UNATTEMPTED")
    open_lab(page, lab)
    bar = show_course(page).get_by_role("progressbar", name="The course")
    expect(bar).to_have_attribute("aria-valuenow", "0")

    record(lab, "PASS")
    page.evaluate("window.dispatchEvent(new Event('focus'))")

    earned = str(lesson.exercises[0].points)
    expect(bar).to_have_attribute("aria-valuenow", earned)


def test_a_lesson_is_opened_by_keyboard_gone_through_and_started_over(page, lab, watch):
    watch.expected.append("restore the debugger state")  # of a kernel shut down early
    open_lab(page, lab)
    panel = show_course(page)
    path = f"{copies.COURSE_FOLDER}/{FIRST.file}"

    panel.get_by_role("button", name=f"Open lesson {FIRST.id}").press("Enter")
    kernel_ready(page)
    assert in_front(page) == path

    # Its kernel has a line, with the memory that it takes.
    item = panel.locator(".nncl-Lesson", has_text=FIRST.title)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(item.locator(".nncl-Running")).to_contain_text("MB of memory")

    # A check leads to its cell.
    exercise = FIRST.exercises[-1]
    item.locator("summary").press("Enter")
    item.get_by_role("button", name=exercise.title).click()
    tags = """const { activeCell } = window.jupyterapp.shell.currentWidget.content;
              return activeCell.model.getMetadata('tags') ?? [];"""
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex > 0"
    )
    assert f"exercise:{exercise.name}" in evaluate(page, tags)

    # Starting over keeps what was changed, and takes a fresh kernel.
    script = """const { activeCell } = window.jupyterapp.shell.currentWidget.content;
                activeCell.model.sharedModel.setSource('mine = 1'); return null;"""
    evaluate(page, script)
    item.get_by_role("button", name=f"Start {FIRST.id}").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Start over").click()
    page.locator(".jp-Dialog").wait_for(state="detached")
    old = (lab.root / path).with_stem(f"{(lab.root / path).stem}_1")
    fresh = """([path]) => window.jupyterapp.shell.currentWidget?.context?.path === path
                && [...window.jupyterapp.shell.currentWidget.content.model.cells]
                .every(cell => cell.sharedModel.getSource() !== 'mine = 1')"""
    page.wait_for_function(fresh, arg=[path])
    kernel_ready(page)
    assert "mine = 1" in old.read_text()
    assert "mine = 1" not in (lab.root / path).read_text()

    # And a button ends the kernel.
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    item.get_by_role("button", name="Shut down the kernel").click()
    expect(item.locator(".nncl-Running")).to_have_count(0)


@pytest.mark.parametrize("body", ["<html>404</html>", '{"message": null}'])
def test_the_panel_explains_that_the_server_half_is_missing(page, lab, watch, body):
    watch.expected.append("404")
    page.route(
        "**/nncompress-lab/lessons*",
        lambda route: route.fulfill(status=404, body=body),
    )
    open_lab(page, lab)
    panel = show_course(page)

    expect(panel.get_by_role("alert")).to_contain_text(
        "Stop Jupyter and start it again"
    )


def test_a_lesson_that_cannot_be_copied_is_explained(page, lab, watch):
    watch.expected += ["500", "The folder is full"]
    message = json.dumps({"message": "The folder is full."})
    open_lab(page, lab)
    page.route(
        "**/nncompress-lab/lessons*",
        lambda route: route.fulfill(status=500, body=message),
    )
    page.locator(TILE).click()

    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("The lesson cannot be opened")
    expect(dialog).to_contain_text("The folder is full.")
    dialog.get_by_role("button").click()


@pytest.mark.jupyterlab
def test_a_controls_button_inserts_its_code_below(page, lab):
    write_notebook(lab.root / "insert.ipynb", [CONTROL, "'after'"])
    open_notebook(page, lab, "insert.ipynb")
    run_all(page)
    assert "nncompress-plugin" in page.locator("body").get_attribute("class")

    page.locator(".nncompress-insert").click()

    assert sources(page) == [CONTROL, CODE, "'after'"]
    active = page.locator(".jp-Cell.jp-mod-active")
    expect(active.locator(".cm-content")).to_be_focused()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output", has_text="42")).to_be_visible()


@pytest.mark.jupyterlab
def test_a_control_works_in_a_view_of_its_output_and_outlives_its_kernel(
    page, lab, watch
):
    watch.expected += ["widget model not found", "restore the debugger state"]
    write_notebook(lab.root / "view.ipynb", [WIDGET, "'after'"])
    open_notebook(page, lab, "view.ipynb")
    run_all(page)
    page.locator(".nncompress-insert").wait_for()
    page.locator(".jp-OutputArea-output").first.click(button="right")
    page.locator(".lm-Menu-item", has_text="Create New View for").click()

    page.locator(".jp-LinkedOutputView .nncompress-insert").click()
    inserted = page.locator(".jp-NotebookPanel .cm-content").nth(1)
    expect(inserted).to_have_text("answer = 6 * 7print(answer)")

    # Saved, and opened again when its kernel is gone.
    script = """const { sessions } = window.jupyterapp.serviceManager;
                await window.jupyterapp.commands.execute('docmanager:save-all');
                await sessions.refreshRunning();
                for (const one of sessions.running()) await sessions.shutdown(one.id);
                return null;"""
    evaluate(page, script)
    open_notebook(page, lab, "view.ipynb")
    assert sources(page) == [WIDGET, CODE, "'after'"]
    stale = page.locator(".nncl-Stale")
    expect(stale.get_by_role("img", name="A control.")).to_be_attached()
    stale.get_by_role("button", name="Run this cell").click()
    expect(page.locator(".nncompress-insert")).to_be_visible()
    expect(stale).to_have_count(0)


@pytest.mark.jupyterlab
def test_the_command_takes_the_last_control(page, lab):
    other = CONTROL.replace("6 * 7", "1")
    write_notebook(lab.root / "last.ipynb", [other, CONTROL])
    open_notebook(page, lab, "last.ipynb")
    run_all(page)

    run_command(page, "nncompress-lab:insert-code")

    assert sources(page) == [other, CONTROL, CODE]


def test_without_a_control_the_command_is_disabled(page, lab):
    write_notebook(lab.root / "plain.ipynb", ["'data-nncompress-code'"])
    open_notebook(page, lab, "plain.ipynb")
    run_all(page)

    script = (
        "return window.jupyterapp.commands.isEnabled('nncompress-lab:insert-code');"
    )
    assert evaluate(page, script) is False
