"""What all passes that train have in common: their settings, and what they learn from."""

import keras
import numpy as np
import pytest

import nncompress_lab as ncl

RETRAINING = {
    ncl.FineTune(epochs=2): "FineTune(epochs=2)",
    ncl.FineTuneCodebook(epochs=2): "FineTuneCodebook(epochs=2)",
    ncl.GradualPruning(0.5, epochs=2): "GradualPruning(sparsity=0.5, epochs=2)",
    ncl.CodebookAwareTraining(2, epochs=2): "CodebookAwareTraining(bits=2, epochs=2)",
    ncl.QuantizationAwareTraining(
        bits=4, epochs=2
    ): "QuantizationAwareTraining(bits=4, epochs=2)",
}
LABELS = {
    **RETRAINING,
    ncl.Distillation(
        ncl.Student(width=0.25), epochs=2
    ): "Distillation(student=Student(width=0.25), epochs=2)",
}
every_training_pass = pytest.mark.parametrize(
    "step", LABELS, ids=lambda step: type(step).__name__
)


@every_training_pass
def test_the_main_setting_is_shown_first(step):
    main_setting = LABELS[step].partition("(")[2].partition("=")[0]

    assert step.label == LABELS[step]
    assert repr(step).startswith(f"{type(step).__name__}({main_setting}=")
    assert list(ncl.to_recipe(step)["passes"][0])[:2] == ["pass", main_setting]


@every_training_pass
def test_the_settings_of_a_training_come_back_from_a_recipe(step):
    numbers = {
        "epochs": 7,
        "batch_size": 9,
        "learning_rate": 0.5,
        "optimizer": "sgd",
        "patience": 2,
        "temperature": 3.0,
        "student_loss_weight": 0.25,
    }
    teacher = {} if isinstance(step, ncl.Distillation) else {"teacher": "context"}
    main = {"sparsity": 0.5} if isinstance(step, ncl.GradualPruning) else {}
    recipe = {"pass": type(step).__name__, **main, **numbers, **teacher}

    (loaded,) = ncl.from_recipe({"passes": [recipe]}).passes

    assert loaded == type(step)(**main, **numbers, **teacher)
    assert ncl.to_recipe(loaded)["passes"] == [recipe]
    with pytest.raises(ValueError, match="`epochs` must be a whole number"):
        type(step)(**{**main, "epochs": 0})


@every_training_pass
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", -1),
        ("epochs", 2**31),
        ("epochs", 10**30),
        ("batch_size", 0),
        ("batch_size", 10**30),
        ("patience", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -1e-3),
        ("learning_rate", float("nan")),
        ("learning_rate", 10**400),
    ],
)
def test_numbers_that_no_training_can_have_are_refused(step, setting, value):
    main = {"sparsity": 0.5} if isinstance(step, ncl.GradualPruning) else {}
    main |= {"bits": 2} if isinstance(step, ncl.CodebookAwareTraining) else {}

    with pytest.raises(
        ValueError, match=rf"`{setting}` must be .*Received: {setting}="
    ):
        type(step)(**{**main, setting: value})


def test_a_recipe_cannot_name_what_only_other_passes_are_made_of():
    with pytest.raises(ncl.RecipeError, match="unknown pass 'TrainingPass'"):
        ncl.from_recipe({"passes": [{"pass": "TrainingPass"}]})


@pytest.mark.parametrize("kind", [type(step) for step in RETRAINING])
def test_a_named_loss_trains_what_is_no_classifier(kind, eagerly):
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    data = ncl.Data(x, x @ np.array([[1.0], [2.0], [-1.0]], np.float32))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="line")])
    if kind is ncl.FineTuneCodebook:
        model = ncl.CodebookQuantization(bits=1)(model)
    context = ncl.Context(train=data, validation=data, progress=False)
    main = {"sparsity": 0.0} if kind is ncl.GradualPruning else {}

    step = kind(loss="mse", epochs=5, batch_size=8, learning_rate=0.1, **main)
    trained = step(model, context)

    def error(one: keras.Model) -> float:
        return float(np.mean((one.predict(x, verbose=0) - data.y) ** 2))

    assert error(trained) < error(model)
