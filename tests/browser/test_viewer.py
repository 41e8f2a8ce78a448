"""Double-clicking a model file shows what it holds, and never downloads it."""

import json

import numpy as np
import pytest
from lab_pages import open_by_double_click, open_lab, run_command
from playwright.sync_api import expect
from server.keras_files import handmade, saved, sequential

import nncompress_lab as ncl


@pytest.fixture
def model(lab):
    return saved(sequential(), lab.root / "small.keras")


def shown_layers(page):
    return page.locator(".nncl-Viewer:visible tbody .nncl-Name").all_text_contents()


def open_model(page, lab, name):
    open_lab(page, lab)
    open_by_double_click(page, name)
    page.locator(".nncl-Viewer:visible h1").wait_for()
    return page.locator(".nncl-Viewer:visible")


@pytest.mark.jupyterlab
def test_a_double_click_shows_the_model(page, lab, model):
    viewer = open_model(page, lab, model.name)

    expect(viewer.locator("h1")).to_have_text("small.keras")
    expect(viewer.locator(".nncl-Subtitle")).to_contain_text("Sequential “small”")
    figures = dict(
        zip(
            viewer.locator("dt").all_text_contents(),
            viewer.locator(".nncl-Figure-value").all_text_contents(),
            strict=True,
        )
    )
    assert figures["Parameters"] == f"{sequential().count_params():,}"
    row = viewer.locator("tbody tr", has_text="out")
    expect(row).to_contain_text("Dense")
    expect(row).to_contain_text("kernel 144\N{MULTIPLICATION SIGN}10")
    expect(row).to_contain_text("74.5 %")  # three quarters of the kernel, not the bias
    picture = row.get_by_role("img")
    assert picture.get_attribute("aria-label").startswith("Values from ")
    expect(viewer.locator(".nncl-Note")).to_contain_text("Zeros are stored like other")

    # And so do the other files that the course writes.
    ncl.pack(sequential(), lab.root / "packed.ncz")
    ncl.export(sequential(), lab.root / "graph.onnx")
    ncl.export(sequential(), lab.root / "graph.tflite")
    run_command(page, "filebrowser:refresh")
    for name in ("packed.ncz", "graph.onnx", "graph.tflite"):
        open_by_double_click(page, name)
        shown = page.locator(".nncl-Viewer:visible", has_text=name)
        expect(shown.locator("tbody tr", has_text="out")).to_contain_text("74.5 %")


@pytest.mark.jupyterlab
def test_the_model_is_neither_downloaded_nor_copied(page, lab, model, watch):
    open_model(page, lab, model.name)

    about = [url for url in watch.requests if model.name in url]
    assert not [url for url in about if "/api/contents/" in url and "content=1" in url]
    assert not [url for url in about if "/files/" in url]
    assert len([url for url in about if "/nncompress-lab/inspect" in url]) == 1
    assert not list(lab.root.rglob("small-checkpoint.keras"))


def test_the_table_is_sorted_by_keyboard(page, lab, model):
    viewer = open_model(page, lab, model.name)
    header = viewer.locator("th", has_text="Parameters")
    button = header.get_by_role("button")
    assert shown_layers(page) == ["conv", "norm", "out"]

    button.focus()
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    assert shown_layers(page) == ["out", "conv", "norm"]

    page.keyboard.press("Space")
    expect(header).to_have_attribute("aria-sort", "ascending")
    assert shown_layers(page) == ["norm", "conv", "out"]

    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "none")
    assert shown_layers(page) == ["conv", "norm", "out"]


def test_only_one_column_is_sorted_by(page, lab, model):
    viewer = open_model(page, lab, model.name)

    viewer.get_by_role("button", name="Bytes").click()
    viewer.get_by_role("button", name="Layer").click()

    orders = [
        cell.get_attribute("aria-sort")
        for cell in viewer.locator("th[aria-sort]").all()
    ]
    assert sorted(orders) == ["ascending", *["none"] * (len(orders) - 1)]


def test_a_broken_file_says_what_to_do_and_is_read_again(page, lab, model):
    broken = lab.root / "broken.keras"
    broken.write_bytes(b"not a zip")
    open_lab(page, lab)
    open_by_double_click(page, broken.name)

    card = page.get_by_role("alert").filter(has_text="This model cannot be shown")
    expect(card).to_contain_text("This is not a .keras file")
    expect(card).to_contain_text("model.save('NAME.keras')")
    broken.write_bytes(model.read_bytes())
    card.get_by_role("button", name="Read the file again").click()
    expect(page.locator(".nncl-Viewer:visible tbody tr")).to_have_count(3)


def test_reload_shows_what_the_file_holds_now(page, lab, model):
    viewer = open_model(page, lab, model.name)
    changed = sequential()
    changed.get_layer("out").set_weights([np.zeros((144, 10)), np.zeros(10)])
    saved(changed, model)

    run_command(page, "docmanager:reload")

    expect(viewer.locator("tbody tr", has_text="out")).to_contain_text("100 %")


def test_names_from_a_file_are_text(page, lab):
    name = "<img src=x onerror=\"document.title='caught'\">"

    def fill(file):
        group = file.create_group("layers/dense/vars")
        group["0"] = np.ones((2, 3), np.float32)
        group.attrs["name"] = name

    config = {"class_name": "<b>bold</b>", "config": {"name": name}}
    handmade(lab.root / "hostile.keras", fill, json.loads(json.dumps(config)))

    viewer = open_model(page, lab, "hostile.keras")

    assert shown_layers(page) == [name]
    expect(viewer.locator(".nncl-Subtitle")).to_contain_text("<b>bold</b>")
    expect(viewer.locator("img, b")).to_have_count(0)
    assert page.title() != "caught"


@pytest.mark.jupyterlab
def test_without_the_server_half_the_tab_says_so(page, lab, model, watch):
    watch.expected.append("404")
    page.route(
        "**/nncompress-lab/inspect*",
        lambda route: route.fulfill(status=404, body="<html>404</html>"),
    )
    open_lab(page, lab)
    open_by_double_click(page, model.name)

    card = page.get_by_role("alert").filter(has_text="This model cannot be shown")
    expect(card).to_contain_text("Stop Jupyter and start it again")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_text_can_be_read_in_both_themes(page, lab, model, theme):
    viewer = open_model(page, lab, model.name)
    run_command(page, "apputils:change-theme", {"theme": theme})
    page.locator(f'body[data-jp-theme-name="{theme}"]').wait_for(state="attached")

    for part in ("h1", ".nncl-Subtitle", "dt", ".nncl-Muted", ".nncl-Legend-value"):
        node = viewer.locator(part).first
        assert node.evaluate(CONTRAST) >= 4.5, part
    run_command(page, "apputils:change-theme", {"theme": "JupyterLab Light"})


# WCAG's contrast of an element's colour, laid over the viewer's background.
CONTRAST = """node => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const viewer = node.closest('.nncl-Viewer');
  const back = numbers(getComputedStyle(viewer).backgroundColor).slice(0, 3);
  const [r, g, b, a = 1] = numbers(getComputedStyle(node).color);
  const front = [r, g, b].map((value, i) => a * value + (1 - a) * back[i]);
  const light = rgb => rgb.map(value => value / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const [low, high] = [light(front), light(back)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}"""
