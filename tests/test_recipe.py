"""Recipes: passes as JSON and back."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab import RecipeError, Selection
from nncompress_lab.models.selection import EVERY_LAYER

SELECTION = Selection(
    names=("conv*", "head/*"),
    exclude=("head/logits",),
    types=("Conv2D", "Dense"),
    min_size=10,
    skip_first=1,
    skip_last=2,
)
PASSES = (
    ncl.MagnitudePruning(sparsity=0.9),
    ncl.MagnitudePruning(sparsity=0.0),  # equal to False, but not the default
    ncl.MagnitudePruning(threshold=0.01, scope="global", select=SELECTION),
    ncl.UniformQuantization(),
    ncl.UniformQuantization(bits=3, symmetric=False, select=SELECTION),
    ncl.UniformQuantization(bits=4, granularity="per_group", group_size=32),
    ncl.FoldBatchNorm(),
    ncl.FineTune(),
    ncl.FineTune(
        epochs=1,
        batch_size=8,
        learning_rate=1e-2,
        optimizer="sgd",
        loss="mean_squared_error",
        patience=1,
    ),
)
every_pass = pytest.mark.parametrize("step", PASSES, ids=lambda one: one.label)


def recipe_of(**entry) -> dict:
    return {"passes": [entry]}


@every_pass
def test_a_pass_comes_back_from_its_recipe(step):
    assert ncl.from_recipe(ncl.to_recipe(step)) == ncl.pipeline(step)


@every_pass
def test_a_pass_comes_back_from_json(step):
    text = json.dumps(ncl.to_recipe(step), allow_nan=False)

    assert ncl.from_recipe(json.loads(text)) == ncl.pipeline(step)


def test_a_pipeline_comes_back_from_its_recipe():
    steps = ncl.pipeline(*PASSES)

    assert ncl.from_recipe(ncl.to_recipe(steps)) == steps


def test_the_empty_pipeline_comes_back_from_its_recipe():
    assert ncl.from_recipe(ncl.to_recipe(ncl.pipeline())) == ncl.pipeline()


def test_a_nested_selection_comes_back_as_a_selection():
    recipe = ncl.to_recipe(ncl.MagnitudePruning(sparsity=0.5, select=SELECTION))

    assert ncl.from_recipe(recipe).passes[0].select == SELECTION


@pytest.mark.parametrize("names", ["conv*", ["conv*"]], ids=str)
def test_names_in_a_recipe_are_a_selection(names):
    recipe = recipe_of(**{"pass": "MagnitudePruning", "sparsity": 0.5, "select": names})

    assert ncl.from_recipe(recipe).passes[0].select == Selection(names=("conv*",))


@dataclass(frozen=True)
class Shapes(ncl.Pass):
    shape: ncl.Student | None = None
    where: Selection = EVERY_LAYER
    others: tuple[Selection, ...] = ()

    def transform(self, model, context):
        return ncl.copy_model(model)


@pytest.mark.parametrize(
    "step",
    [
        Shapes(shape=ncl.Student(width=0.25)),
        Shapes(where=Selection(names=("a*",)), others=(SELECTION, Selection())),
    ],
    ids=lambda one: one.label,
)
def test_settings_within_settings_come_back_by_their_types(step):
    text = json.dumps(ncl.to_recipe(step), allow_nan=False)

    assert ncl.from_recipe(json.loads(text)) == ncl.pipeline(step)


def test_a_field_that_was_renamed_is_read_by_its_old_name():
    recipe = recipe_of(
        **{"pass": "GradualPruning", "sparsity": 0.5, "course": "constant"}
    )

    expected = ncl.GradualPruning(sparsity=0.5, curve="constant")
    assert ncl.from_recipe(recipe) == ncl.pipeline(expected)


def test_a_recipe_holds_only_what_is_not_the_default():
    step = ncl.MagnitudePruning(sparsity=0.5, select=Selection(skip_last=1))

    assert ncl.to_recipe(step)["passes"] == [
        {"pass": "MagnitudePruning", "sparsity": 0.5, "select": {"skip_last": 1}}
    ]


def test_a_recipe_names_its_format_and_the_versions():
    assert set(ncl.to_recipe(ncl.FoldBatchNorm())) == {
        "format",
        "nncompress_lab",
        "keras",
        "passes",
    }


def test_only_the_passes_are_required():
    found = ncl.from_recipe({"passes": [{"pass": "FoldBatchNorm"}]})

    assert found == ncl.pipeline(ncl.FoldBatchNorm())


def test_reading_a_recipe_does_not_change_it():
    recipe = ncl.to_recipe(ncl.MagnitudePruning(sparsity=0.5, select=SELECTION))
    before = json.dumps(recipe)

    ncl.from_recipe(recipe)

    assert json.dumps(recipe) == before


def test_a_number_of_numpy_becomes_a_plain_number():
    step = ncl.MagnitudePruning(sparsity=np.float32(0.5))

    assert ncl.to_recipe(step)["passes"][0]["sparsity"] == 0.5


# Files


def test_a_recipe_file_gives_the_passes_back(tmp_path):
    path = tmp_path / "recipe.json"

    ncl.save_recipe(ncl.pipeline(*PASSES), path)

    assert ncl.load_recipe(path) == ncl.pipeline(*PASSES)


def test_a_recipe_file_is_json(tmp_path):
    path = tmp_path / "recipe.json"

    ncl.save_recipe(PASSES[0], path)

    assert json.loads(path.read_text()) == ncl.to_recipe(PASSES[0])


def test_a_recipe_file_replaces_an_older_one(tmp_path):
    path = tmp_path / "recipe.json"
    ncl.save_recipe(ncl.pipeline(*PASSES), path)

    ncl.save_recipe(PASSES[0], str(path))

    assert ncl.load_recipe(str(path)) == ncl.pipeline(PASSES[0])


def test_a_layer_name_beyond_ascii_comes_back_from_a_file(tmp_path):
    step = ncl.MagnitudePruning(sparsity=0.5, select=Selection(names=("größe*",)))
    ncl.save_recipe(step, tmp_path / "recipe.json")

    assert ncl.load_recipe(tmp_path / "recipe.json") == ncl.pipeline(step)


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"nothing\.json cannot be read"):
        ncl.load_recipe(tmp_path / "nothing.json")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        ncl.load_recipe(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"passes: []", b"\xff\xfe\x00"])
def test_a_file_that_is_not_json_is_refused(tmp_path, content):
    path = tmp_path / "recipe.json"
    path.write_bytes(content)

    with pytest.raises(RecipeError, match="is not JSON"):
        ncl.load_recipe(path)


def test_a_file_of_other_json_is_refused(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text("[1, 2]")

    with pytest.raises(RecipeError, match=r"Received: \[1, 2\]"):
        ncl.load_recipe(path)


# Names


def test_an_unknown_pass_is_answered_with_the_closest_name():
    with pytest.raises(RecipeError, match="Did you mean 'MagnitudePruning'"):
        ncl.from_recipe(recipe_of(**{"pass": "MagnitudPruning", "sparsity": 0.5}))


def test_an_unknown_pass_without_a_close_name_is_answered_with_all_names():
    with pytest.raises(RecipeError, match=r"FineTune, .*UniformQuantization"):
        ncl.from_recipe(recipe_of(**{"pass": "zzz"}))


def test_an_unknown_field_is_answered_with_the_closest_name():
    with pytest.raises(RecipeError, match="Did you mean 'sparsity'"):
        ncl.from_recipe(recipe_of(**{"pass": "MagnitudePruning", "sparsty": 0.5}))


def test_an_unknown_field_of_the_recipe_is_answered_with_the_closest_name():
    with pytest.raises(RecipeError, match="Did you mean 'passes'"):
        ncl.from_recipe({"passes": [], "pases": []})


def test_an_unknown_field_of_a_selection_is_named():
    entry = {"pass": "MagnitudePruning", "sparsity": 0.5, "select": {"name": ["a"]}}

    with pytest.raises(RecipeError, match="'name'"):
        ncl.from_recipe({"passes": [entry]})


def test_a_pipeline_is_no_pass_of_a_recipe():
    with pytest.raises(RecipeError, match="unknown pass 'Pipeline'"):
        ncl.from_recipe(recipe_of(**{"pass": "Pipeline", "passes": []}))


# Formats and values


@pytest.mark.parametrize("number", [0, 4, "1", True, None])
def test_another_format_is_refused(number):
    with pytest.raises(RecipeError, match=f"format {number!r}"):
        ncl.from_recipe({"format": number, "passes": []})


def test_a_recipe_of_another_format_names_the_version_that_wrote_it():
    with pytest.raises(RecipeError, match=r"\(9\.8\.7\)"):
        ncl.from_recipe({"format": 4, "nncompress_lab": "9.8.7", "passes": []})


def test_an_older_recipe_means_what_it_meant_when_it_was_written():
    old = [{"pass": "MagnitudePruning", "sparsity": 0.5}, {"pass": "NMPruning", "n": 1}]

    pruning, pattern = ncl.from_recipe({"format": 1, "passes": old}).passes

    assert pruning == ncl.MagnitudePruning(0.5, select=Selection())
    assert pattern.select == Selection()
    assert ncl.from_recipe({"passes": old}).passes[0] == ncl.MagnitudePruning(0.5)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({}, 0.5),
        ({"student": {"width": 0.25}}, 0.25),
        ({"student": 0.25}, 0.25),
    ],
)
def test_older_students_began_with_random_weights(number, said, meant):
    entry = {"pass": "Distillation", **said}

    (step,) = ncl.from_recipe({"format": number, "passes": [entry]}).passes
    (new,) = ncl.from_recipe({"passes": [entry]}).passes

    random = ncl.Student(width=meant, initialise="random")
    assert step == ncl.Distillation(student=random, learning_rate=1e-3)
    assert new == ncl.Distillation(student=meant)
    assert ncl.from_recipe(ncl.to_recipe(step)).passes == (step,)


def test_older_recipes_keep_what_they_say_of_a_student():
    entry = {
        "pass": "Distillation",
        "student": {"width": 1.0, "depth": 0.5, "initialise": "copy"},
        "learning_rate": 0.01,
    }
    same = {"pass": "Distillation", "student": None}

    deep, anew = ncl.from_recipe({"format": 2, "passes": [entry, same]}).passes

    student = ncl.Student(width=1.0, depth=0.5)
    assert deep == ncl.Distillation(student=student, learning_rate=0.01)
    assert anew == ncl.Distillation(student=None, learning_rate=1e-3)


@pytest.mark.parametrize(
    "recipe", [None, 5, "passes", [], {}, {"passes": {}}, {"passes": None}], ids=str
)
def test_what_is_not_a_recipe_is_refused(recipe):
    with pytest.raises(RecipeError, match='an object with a list of "passes"'):
        ncl.from_recipe(recipe)


@pytest.mark.parametrize(
    "entry", ["FoldBatchNorm", None, {}, {"pass": 3}, {"sparsity": 0.5}], ids=str
)
def test_what_is_not_a_pass_is_refused(entry):
    with pytest.raises(RecipeError, match='its name under "pass"'):
        ncl.from_recipe({"passes": [entry]})


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("MagnitudePruning", {}),
        ("MagnitudePruning", {"sparsity": 80}),
        ("MagnitudePruning", {"sparsity": "0.8"}),
        ("MagnitudePruning", {"sparsity": [0.8]}),
        ("MagnitudePruning", {"sparsity": 0.8, "threshold": 0.1}),
        ("MagnitudePruning", {"threshold": float("nan")}),
        ("MagnitudePruning", {"sparsity": 0.8, "scope": "model"}),
        ("MagnitudePruning", {"sparsity": 0.8, "scope": ["layer"]}),
        ("UniformQuantization", {"bits": 1}),
        ("UniformQuantization", {"bits": 8.0}),
        ("UniformQuantization", {"bits": None}),
        ("UniformQuantization", {"granularity": "per_row"}),
        ("UniformQuantization", {"group_size": 32}),
        ("UniformQuantization", {"symmetric": "false"}),
        ("FineTune", {"epochs": 0}),
        ("FineTune", {"epochs": 1.5}),
        ("FineTune", {"learning_rate": 0}),
    ],
    ids=str,
)
def test_a_value_that_the_pass_does_not_accept_is_refused(name, settings):
    with pytest.raises(RecipeError, match=f"{name} does not accept its settings"):
        ncl.from_recipe(recipe_of(**{"pass": name, **settings}))


@pytest.mark.parametrize(
    "select",
    [
        None,
        5,
        ["conv*", 1],
        {"names": "conv*"},
        {"names": None},
        {"names": [1]},
        {"min_size": -1},
        {"min_size": "10"},
        {"skip_first": None},
    ],
    ids=str,
)
def test_what_is_not_a_selection_is_refused(select):
    entry = {"pass": "MagnitudePruning", "sparsity": 0.5, "select": select}

    with pytest.raises(RecipeError, match="MagnitudePruning does not accept"):
        ncl.from_recipe({"passes": [entry]})


def test_a_recipe_cannot_say_which_files_are_written(tmp_path):
    step = ncl.Distillation(student=0.5, soft_labels=str(tmp_path / "soft.npz"))
    recipe = ncl.to_recipe(step)
    assert "soft_labels" not in recipe["passes"][0]
    assert ncl.from_recipe(recipe).passes[0].soft_labels is None

    recipe["passes"][0]["soft_labels"] = "~/.bashrc"
    with pytest.raises(
        RecipeError, match=r"soft_labels='~/.bashrc'.*dataclasses.replace"
    ):
        ncl.from_recipe(recipe)
