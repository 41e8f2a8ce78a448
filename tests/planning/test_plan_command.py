"""`nncompress plan`: sizes, the recipe it writes, and what it says of bad input."""

import json

import numpy as np
import pytest
import typer
from plans import context, milliseconds
from test_cli import run_here

import nncompress_lab as ncl
from nncompress_lab.cli.planning import number_of
from nncompress_lab.testing import tiny_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    model = tiny_models.sequential()
    model.save(folder / "model.keras")
    data = context(model)
    for name in ("train", "validation"):
        part = getattr(data, name)
        np.savez(folder / f"{name}.npz", x=part.x, y=part.y)
    return folder


@pytest.fixture
def run(folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    return lambda *arguments: run_here(*arguments, monkeypatch=monkeypatch, capfd=capfd)


@pytest.mark.parametrize(
    ("text", "number"),
    [("20kB", 20_000), ("1.5 MB", 1_500_000), ("2KiB", 2048), ("7", 7), (".5G", 5e8)],
)
def test_sizes_have_prefixes(text, number):
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["", "kB", "20 bytes", "1,5MB", "-3", "1e3"])
def test_other_sizes_are_refused(text):
    with pytest.raises(typer.BadParameter, match=r"such as 20000, 20kB or 1\.5MB"):
        number_of(text)


def test_a_plan_is_a_recipe_that_fits(run, folder):
    arguments = ["--data", ".", "--techniques", "quantization", "--examples", "16"]

    with tiny_models.eagerly():
        code, output, errors = run(
            "plan", "model.keras", "--packed-bytes", "1.5kB", "-o", "r.json", *arguments
        )

    assert code == 0, errors
    assert "packed_bytes=1500" in output
    assert "Saved r.json." in errors
    model = ncl.load_recipe(folder / "r.json")(ncl.load_model(folder / "model.keras"))
    assert ncl.packed_bytes(model) <= 1500
    about = json.loads((folder / "r.json").read_text())["plan"]
    assert about["verified"]["packed_bytes"] == ncl.packed_bytes(model)


@pytest.mark.usefixtures("clock")
def test_a_recipe_for_a_time(run, folder):
    limit = 0.8 * milliseconds(ncl.load_model(folder / "model.keras"))
    arguments = ["--data", ".", "--techniques", "low_rank", "--examples", "16"]

    with tiny_models.eagerly():
        code, output, errors = run(
            "plan",
            "model.keras",
            f"--latency-ms={limit}",
            "-o",
            "fast.json",
            "--json",
            *arguments,
        )

    assert code == 0, errors
    assert json.loads(output)["verified"]["latency_ms"] <= limit
    steps = ncl.load_recipe(folder / "fast.json")
    model = steps(ncl.load_model(folder / "model.keras"))
    assert milliseconds(model) <= limit


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ratio", "2"], "add --data DIR"),
        (["--data", "."], "A budget limits one of"),
        (["--data", ".", "--ratio", "2", "--macs", "1M"], "Received: macs=1000000"),
        (
            ["--data", ".", "--ratio", "2", "--techniques", "prune"],
            "Did you mean 'prun",
        ),
        (["--packed-bytes", "small"], "20kB or 1.5MB is needed"),
    ],
)
def test_bad_input_is_explained(run, arguments, said):
    code, _, errors = run("plan", "model.keras", "-o", "r2.json", *arguments)

    assert code == 2
    assert said in " ".join(errors.replace("│", " ").split())
