"""What a learner chose with a control becomes the answer to an exercise."""

import json
import re

import pytest
from lab_pages import evaluate, open_notebook, run_all, sources, write_notebook
from playwright.sync_api import expect

import nncompress_lab as ncl
from nncompress_widgets.code_panel import panel_of
from nncompress_widgets.source_code import answer_of

ANSWER = "import nncompress_lab as ncl\n\nchosen = 1 < 2 and '\"&'\nprint(chosen)"


def control(*panels: str) -> str:
    """A cell that shows the panels of a control, without the time that Keras takes."""
    return f"from IPython.display import HTML\nHTML({''.join(panels)!r})"


def answering(exercise: str, source: str = ANSWER) -> str:
    return control(
        panel_of(source, "Insert as my answer", exercise),
        panel_of("other = 1", "Insert below"),
    )


def write(lab, name, cells, exercises):
    """A notebook in which some cells answer an exercise."""
    path = lab.root / name
    write_notebook(path, cells)
    notebook = json.loads(path.read_text())
    for place, exercise in exercises.items():
        notebook["cells"][place]["metadata"]["tags"] = [f"exercise:{exercise}"]
    path.write_text(json.dumps(notebook))


def press(page, button, number=0):
    page.get_by_role("button", name=button).nth(number).click()


@pytest.mark.jupyterlab
def test_an_answer_is_written_into_the_cell_of_its_exercise_and_nowhere_else(page, lab):
    cells = [
        "above = ...",
        answering("above"),
        answering("below", "below = 3"),
        "# no exercise",
        "below = ...",
    ]
    write(lab, "answer.ipynb", cells, {0: "above", 4: "below"})
    open_notebook(page, lab, "answer.ipynb")
    run_all(page)

    for number, place, expected in ((0, 0, ANSWER), (1, 4, "below = 3")):
        for _ in range(2):  # once more is the same
            press(page, "Insert as my answer", number)
        cells[place] = expected
        assert sources(page) == cells
        active = page.locator(".jp-Cell.jp-mod-active .cm-content")
        expect(active).to_be_focused()
        expect(active).to_contain_text(expected.splitlines()[-1])

    press(page, "Insert below")  # is no answer
    assert sources(page) == [*cells[:2], "other = 1", *cells[2:]]


def test_the_answer_runs_by_itself_and_goes_below_where_its_exercise_is_missing(
    page, lab
):
    chosen = ncl.MagnitudePruning(sparsity=0.8, scope="global")
    answer = answer_of(chosen, "chosen", comments=['"seed" 0 & <b>more</b>'])
    cells = [answering("chosen", answer), "'after'"]
    write(lab, "missing.ipynb", cells, {1: "another"})
    open_notebook(page, lab, "missing.ipynb")
    run_all(page)

    press(page, "Insert as my answer")

    before, written, after = sources(page)
    assert [before, after] == cells
    names: dict[str, object] = {}
    exec(written, names)
    assert names["chosen"] == chosen


REAL = """
import keras, nncompress_lab as ncl
from nncompress_widgets import CodebookExplorer, QuantizationExplorer
images = ncl.data.fashion_mnist().validation.take(100)
layers = [keras.layers.Flatten(), keras.layers.Dense(10, name="logits")]
model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
QuantizationExplorer(model, images)
"""


def test_controls_of_stored_kernels_answer_to_the_keyboard_and_change_their_view(
    page, lab
):
    write(lab, "stored.ipynb", [REAL, "CodebookExplorer(model, images)"], {})
    open_notebook(page, lab, "stored.ipynb")
    run_all(page)
    quantization, codebook = (
        page.locator(".nncompress-control").nth(number) for number in (0, 1)
    )

    for control, said in ((quantization, "31 levels"), (codebook, "32 values")):
        handle = control.locator(".noUi-handle").first
        handle.focus()
        handle.press("ArrowRight")
        picture = control.locator("svg[role=img]").first
        expect(picture).to_have_attribute("aria-label", re.compile(said))
        expect(handle).to_be_focused()
        expect(control.locator(".nncompress-stale")).to_have_count(0)

    quantization.get_by_role("button", name="One scale or one for each").click()
    expect(quantization.get_by_text("a scale for each channel:")).to_be_visible()
    codebook.get_by_role("button", name="How k-means finds them").click()
    expect(codebook.get_by_text(re.compile(r"round 0 of \d+"))).to_be_visible()
    codebook.locator(".jupyter-widgets.widget-play button").first.click()
    expect(codebook.get_by_text(re.compile(r"round [1-9]\d* of \d+"))).to_be_visible()

    # Without its kernel a control says so once, and not with an icon at every widget.
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    evaluate(page, f"await {kernel}.restart(); return null;")
    gone = re.compile("jupyter-widgets-disconnected")
    expect(codebook).to_have_class(gone)
    before = "(node, name) => getComputedStyle(node, '::before')[name]"
    assert "run its cell again" in codebook.evaluate(before, "content")
    inner = codebook.locator(".jupyter-widgets-disconnected").first
    assert inner.evaluate(before, "display") == "none"


NARROW = """
from IPython.display import display
from nncompress_lab.course.cards import Card
display(Card("A card", (f"Of long code: `{'x' * 200}`",)))
"""
OVERLAPS = """node => {
  const words = document.createRange();
  words.selectNodeContents(node.querySelector("code"));
  const at = node.querySelector("button").getBoundingClientRect();
  return [...words.getClientRects()].some(one => one.left < at.right
    && at.left < one.right && one.top < at.bottom && at.top < one.bottom);
}"""


def test_a_narrow_page_cuts_neither_code_nor_the_words_of_a_picture(page, lab):
    write(lab, "narrow.ipynb", [REAL, NARROW], {})
    page.set_viewport_size({"width": 600, "height": 900})
    open_notebook(page, lab, "narrow.ipynb")
    run_all(page)
    control = page.locator(".nncompress-control").first
    press(page, "Use this in my code")
    code = control.locator(".nncompress-code").first
    expect(code.get_by_role("button")).to_be_visible()

    wide = control.locator("svg[role=img]").first.bounding_box()["width"]
    assert wide >= 380  # of 440: 11 pixels of a letter become 9.5
    overflow = "node => node.scrollWidth - node.clientWidth"
    assert control.evaluate(overflow) <= 0
    assert not code.evaluate(OVERLAPS)
    card = page.locator(".jp-OutputArea-output div:has(> strong)").last
    assert card.evaluate(overflow) <= 0


SMALLER = """
import keras, nncompress_lab as ncl
from nncompress_widgets import ChannelExplorer, FactorizationExplorer, LowRankExplorer
images = ncl.data.fashion_mnist().validation.take(100)
convolutions = [keras.layers.Conv2D(8, 3, 2, name=name) for name in ("one", "two")]
layers = [*convolutions, keras.layers.Flatten(), keras.layers.Dense(10, name="logits")]
model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
ChannelExplorer(model, images)
"""


def test_controls_of_smaller_models_answer_to_the_keyboard_with_figures_of_their_own(
    page, lab
):
    others = [f"{name}Explorer(model, images)" for name in ("LowRank", "Factorization")]
    write(lab, "smaller.ipynb", [SMALLER, *others], {})
    open_notebook(page, lab, "smaller.ipynb")
    run_all(page)
    controls = page.locator(".nncompress-control")
    expect(controls).to_have_count(3)

    for number in range(3):
        control = controls.nth(number)
        picture = control.locator("svg[role=img]").first
        before = picture.get_attribute("aria-label")
        handle = control.locator(".noUi-handle").first
        handle.focus()
        handle.press("End")
        expect(picture).not_to_have_attribute("aria-label", before)
        expect(handle).to_be_focused()
        expect(control.locator(".nncompress-stale")).to_have_count(0)
        expect(control.locator(".nncompress-error")).to_have_count(0)
        expect(control.get_by_text("ONNX Runtime", exact=True)).to_be_visible()


PLANS = """
import keras, nncompress_lab as ncl
from nncompress_widgets import PlanExplorer
images = ncl.data.fashion_mnist().validation.take(100)
layers = [keras.layers.Flatten(), keras.layers.Dense(30), keras.layers.Dense(10)]
model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
rounded = [ncl.UniformQuantization(bits=bits) for bits in (2, 4, 8)]
PlanExplorer(model, images, options=rounded)
"""


def test_a_plan_follows_its_budget_after_the_scan(page, lab):
    write(lab, "plans.ipynb", [PLANS], {})
    open_notebook(page, lab, "plans.ipynb")
    run_all(page)
    control = page.locator(".nncompress-control")
    picture = control.locator("svg[role=img]").first
    plan = re.compile("for [0-9,]+ bytes: dense [a-z0-9 ]+, dense_1 ")
    expect(picture).to_have_attribute("aria-label", plan)

    before = picture.get_attribute("aria-label")
    handle = control.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    expect(picture).not_to_have_attribute("aria-label", before)
    expect(handle).to_be_focused()
    expect(picture.locator(".nncompress-planned")).to_have_count(2)
    expect(control.locator(".nncompress-stale")).to_have_count(0)
    expect(control.locator(".nncompress-error")).to_have_count(0)


TEACHING = """
import keras, nncompress_lab as ncl
from nncompress_widgets import DistillationExplorer
images = ncl.data.fashion_mnist().validation.take(100)
pair = [keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(),
        keras.layers.Dense(10, name="logits")]) for _ in range(2)]
DistillationExplorer(*pair, images)
"""


def test_a_distillation_answers_to_the_keyboard_and_to_a_press_on_an_image(page, lab):
    write(lab, "teaching.ipynb", [TEACHING], {})
    open_notebook(page, lab, "teaching.ipynb")
    run_all(page)
    control = page.locator(".nncompress-control")
    picture = control.locator("svg[role=img]").first
    strip = control.locator(".nncompress-strip button")

    handle = control.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    expect(picture).to_have_attribute("aria-label", re.compile("temperature 4.1"))
    expect(handle).to_be_focused()

    drawn = "node => getComputedStyle(node).backgroundImage"
    assert "data:image/png" in strip.nth(3).evaluate(drawn)
    strip.nth(3).focus()
    page.keyboard.press("Enter")
    expect(picture).to_have_attribute("aria-label", re.compile("^Image 4 of 100"))
    expect(strip.nth(3)).to_be_focused()
    expect(strip.nth(3)).to_have_class(re.compile("mod-active"))
    handle = control.locator(".noUi-handle").nth(2)
    handle.focus()
    handle.press("End")  # another page of the strip
    expect(picture).to_have_attribute("aria-label", re.compile("^Image 100 of 100"))
    expect(strip).to_have_count(1)

    control.locator("select").select_option("logits")
    expect(picture).to_have_attribute("aria-label", re.compile("high temperature"))
    expect(control.locator(".nncompress-stale")).to_have_count(0)
    expect(control.locator(".nncompress-error")).to_have_count(0)


STUDIO = """
import keras, nncompress_lab as ncl
from nncompress_widgets import CompressionStudio
images = ncl.data.fashion_mnist().validation.take(100)
layers = [keras.layers.Flatten(), keras.layers.Dense(10, name="logits")]
model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
steps = [ncl.MagnitudePruning(sparsity=0.5), ncl.UniformQuantization(bits=4)]
CompressionStudio(model, images, steps=steps)
"""


def test_cards_of_a_pipeline_are_moved_by_keyboard_and_keep_the_focus(page, lab):
    write(lab, "studio.ipynb", [STUDIO], {})
    open_notebook(page, lab, "studio.ipynb")
    run_all(page)
    control = page.locator(".nncompress-control")
    picture = control.locator("svg[role=img]").first
    cards = control.locator(".nncompress-card")
    expect(cards).to_have_count(2)

    handle = control.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    expect(picture).to_have_attribute("aria-label", re.compile("Prune 51 % zeros: "))
    expect(handle).to_be_focused()

    cards.nth(1).focus()
    page.keyboard.press("Enter")
    expect(cards.nth(1)).to_have_class(re.compile("mod-active"))
    expect(cards.nth(1)).to_be_focused()
    expect(handle).to_have_attribute("aria-valuenow", "2.0")  # of fewer places
    cards.nth(0).click()
    expect(handle).to_have_attribute("aria-valuenow", "51.0")
    cards.nth(1).click()
    earlier = control.get_by_role("button", name="Earlier")
    expect(earlier).to_be_enabled()  # it was not for the first card
    earlier.focus()
    page.keyboard.press("Enter")
    expect(cards.nth(0)).to_contain_text("Quantize")
    expect(picture).to_have_attribute("aria-label", re.compile("Quantize.*Prune 51 "))
    control.get_by_label("applied").uncheck()
    expect(cards.nth(0)).to_contain_text("off")
    expect(picture).not_to_have_attribute("aria-label", re.compile("Quantize"))
    expect(control.locator(".nncompress-stale")).to_have_count(0)
    expect(control.locator(".nncompress-error")).to_have_count(0)
