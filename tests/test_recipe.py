"""Recipes: passes as JSON and back."""

import json

import pytest

import nncompress_lab as ncl
from nncompress_lab.passes import Pass

STEPS: tuple[Pass, ...] = (
    ncl.MagnitudePruning(sparsity=0.9, scope="global"),
    ncl.MagnitudePruning(threshold=0.01),
    ncl.UniformQuantization(bits=4, granularity="per_group", group_size=32),
    ncl.FineTune(epochs=2, learning_rate=3e-4),
    ncl.FoldBatchNorm(),
    ncl.MagnitudePruning(
        sparsity=0.5, select=ncl.Selection(names=("a*", "b"), skip_last=1)
    ),
)


def recipe(*passes: dict) -> dict:
    return {"passes": list(passes)}


@pytest.mark.parametrize("step", STEPS, ids=lambda one: one.label)
def test_a_pass_survives_the_way_through_a_file(step, tmp_path):
    ncl.save_recipe(step, tmp_path / "recipe.json")

    assert ncl.load_recipe(tmp_path / "recipe.json") == ncl.pipeline(step)


def test_a_pipeline_survives_with_its_order(tmp_path):
    ncl.save_recipe(ncl.pipeline(*STEPS), tmp_path / "recipe.json")

    assert ncl.load_recipe(tmp_path / "recipe.json").passes == STEPS


def test_a_recipe_names_versions_and_leaves_out_defaults():
    written = ncl.to_recipe(ncl.MagnitudePruning(sparsity=0.9))

    assert written["format"] == 1
    assert {"nncompress_lab", "keras"} < written.keys()
    assert written["passes"] == [{"pass": "MagnitudePruning", "sparsity": 0.9}]


def test_only_the_passes_are_required():
    step = ncl.from_recipe(recipe({"pass": "FineTune", "epochs": 4}))

    assert step == ncl.pipeline(ncl.FineTune(epochs=4))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (recipe({"pass": "MagnitudePrunning"}), "Did you mean 'MagnitudePruning'"),
        (recipe({"pass": "FineTune", "epoch": 3}), "Did you mean 'epochs'"),
        (recipe({"pass": "Pipeline"}), "unknown pass 'Pipeline'"),
        (recipe({"sparsity": 0.9}), 'name under "pass"'),
        (recipe("FineTune"), 'name under "pass"'),
        (recipe({"pass": "MagnitudePruning", "sparsity": 90}), r"must be in \[0, 1\)"),
        (recipe({"pass": "MagnitudePruning", "sparsity": "x"}), "does not accept"),
        (recipe({"pass": "FineTune", "epochs": "3"}), "whole number"),
        (
            recipe({"pass": "FoldBatchNorm", "select": {"nams": ["a"]}}),
            "unknown field 'select'",
        ),
        (
            recipe({"pass": "MagnitudePruning", "sparsity": 0.5, "select": {"x": 1}}),
            "does not accept its settings",
        ),
        ({"passes": {}}, 'with a list of "passes"'),
        ([], 'with a list of "passes"'),
        ({"passes": [], "pases": 1}, "Did you mean 'passes'"),
        ({"passes": [], "format": 2}, "reads recipes of format 1"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said(given, message):
    with pytest.raises(ncl.RecipeError, match=message):
        ncl.from_recipe(given)


def test_a_missing_file_and_a_file_that_is_not_json_are_named(tmp_path):
    (tmp_path / "bad.json").write_text("{passes:")

    with pytest.raises(ncl.RecipeError, match=r"none\.json cannot be read"):
        ncl.load_recipe(tmp_path / "none.json")
    with pytest.raises(ncl.RecipeError, match=r"bad\.json is not JSON"):
        ncl.load_recipe(tmp_path / "bad.json")


def test_a_failed_write_leaves_the_old_recipe(tmp_path, monkeypatch):
    path = tmp_path / "recipe.json"
    ncl.save_recipe(STEPS[0], path)

    class Unwritable(ncl.Pass):
        @property
        def label(self):
            return "unwritable"

        def transform(self, model, context):
            return model

    monkeypatch.setattr(json, "dumps", lambda *_args, **_kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ncl.save_recipe(Unwritable(), path)
    monkeypatch.undo()

    assert ncl.load_recipe(path).passes == (STEPS[0],)
