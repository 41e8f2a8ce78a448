"""Controls show the figure of whatever task a model has, by its name and direction."""

import re

import keras
import numpy as np
import pytest
import tasks
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.report.metrics import Metric
from nncompress_widgets import (
    ChannelExplorer,
    CodebookExplorer,
    FactorizationExplorer,
    Goal,
    LowRankExplorer,
    PruningExplorer,
    QuantizationExplorer,
    control,
)
from nncompress_widgets.epoch_panel import EpochPanel

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    monkeypatch.setattr(control, "AT_REST", 0.05)


def words(explorer) -> str:
    return re.sub(r"<[^>]*>", " ", explorer._figures.value)


def judged(explorer, context, model) -> float:
    """What Keras says of the control's setting."""
    result = explorer.setting(model, context)
    objective = context.objective
    found = measure.evaluate(result, context.validation, objective)
    return found[explorer._trial.metric.name]


@pytest.mark.parametrize(
    ("explorer_of", "task", "title"),
    [
        (PruningExplorer, "regression", "MAE"),
        (PruningExplorer, "siamese", "accuracy"),
        (QuantizationExplorer, "language", "accuracy"),
        (CodebookExplorer, "two outputs", "kind accuracy"),
        (LowRankExplorer, "regression", "MAE"),
        (FactorizationExplorer, "segmentation", "mean IoU"),
        (ChannelExplorer, "regression", "MAE"),
    ],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
def test_the_score_is_what_keras_says_of_the_setting(explorer_of, task, title):
    case = tasks.CASES[task]
    model, context = case.build(), case.context()

    explorer = explorer_of(model, context)

    assert explorer.score == pytest.approx(judged(explorer, context, model), rel=1e-5)
    assert f"Validation {title}" in words(explorer)
    assert f"validation {title} " in explorer.sentence


def regression(**settings):
    case = tasks.CASES["regression"]
    return PruningExplorer(case.build(), case.context(**settings))


def test_less_of_an_error_is_better_and_further_up():
    explorer = regression()

    explorer.sparsity = 0.9

    assert explorer.accuracy is None
    assert "points" not in words(explorer)
    assert re.search(r"worse|better", words(explorer))
    shown = explorer._trail.value
    ring, here = (
        float(re.search(rf'nncompress-{kind}" cx="[\d.]+" cy="([\d.]+)"', shown)[1])
        for kind in ("ring", "here")
    )
    original = explorer._trial.original["mean_absolute_error"]
    assert (here > ring) == (explorer.score > original)
    assert "MAE over packed bytes" in shown


def test_the_objective_of_the_context_comes_before_what_the_labels_tell():
    said = ncl.Objective("mae", metrics=[keras.metrics.RootMeanSquaredError("off")])

    explorer = regression(objective=said)

    assert "Validation off" in words(explorer)


def test_what_a_model_was_compiled_with_is_its_task():
    case = tasks.CASES["regression"]
    model = case.build()
    model.compile(loss="huber", metrics=["mse"])

    explorer = QuantizationExplorer(model, ncl.Data(case.x, case.y))

    assert "Validation MSE" in words(explorer)


def test_a_loss_without_metrics_is_the_score():
    context = tasks.CASES["regression"].context(objective=ncl.Objective("log_cosh"))
    model = tasks.CASES["regression"].build()

    explorer = PruningExplorer(model, context)

    assert explorer.score == pytest.approx(judged(explorer, context, model), rel=1e-5)
    assert "validation loss " in explorer.sentence


def test_masked_positions_do_not_count():
    tokens = keras.Input((5,), dtype="int32")
    hidden = layers.Embedding(9, 8, mask_zero=True)(tokens)
    hidden = layers.Dense(8, activation="relu")(hidden)
    model = keras.Model(tokens, layers.Dense(9, activation="softmax")(hidden))
    x = np.where(np.arange(5) < 3, tasks.TOKENS, 0)
    loss = ncl.Objective("sparse_categorical_crossentropy", judged_by="loss")
    data = ncl.Data(x, x)
    context = ncl.Context(validation=data, objective=loss)

    explorer = PruningExplorer(model, context)

    found = measure.evaluate(explorer.setting(model), data, loss)
    name = explorer._trial.metric.name
    assert explorer.score == pytest.approx(found[name], rel=1e-5)


def test_a_goal_bounds_the_size_of_any_model_and_the_accuracy_of_those_that_have_one():
    case = tasks.CASES["regression"]
    small = Goal(zeros=0.4)

    explorer = PruningExplorer(case.build(), case.context(), goal=small)
    explorer.register()

    assert explorer.registered == explorer.setting
    with pytest.raises(ValueError, match=r"Received: accuracy_drop"):
        PruningExplorer(case.build(), case.context(), goal=Goal(accuracy_drop=0.1))


@pytest.mark.parametrize(
    ("typed", "said"),
    [("0", "more than expected"), ("1000", "less than expected"), ("much", "A number")],
)
def test_an_error_is_expected_as_a_number(typed, said):
    explorer = regression()

    explorer._expectation.field.value = typed

    assert "in %" not in explorer._expectation.field.placeholder
    assert said in explorer._expectation._words.value


def test_the_code_compares_by_the_objective_of_the_context(monkeypatch):
    case = tasks.CASES["regression"]
    model, mine = case.build(), case.context(objective=ncl.Objective("mae"))
    names = {id(model): "model", id(mine): "mine"}
    for module in ("code_panel", "source_code"):
        monkeypatch.setattr(
            f"nncompress_widgets.{module}.variable_of", lambda one: names.get(id(one))
        )

    explorer = PruningExplorer(model, mine)

    program = explorer._code_panel.programs.value
    assert (
        "ncl.compare(model, compressed, data=mine.validation, "
        "objective=mine.objective, latency=False)" in program
    )


def test_a_model_that_is_no_classifier_has_no_tab_that_trains():
    case = tasks.CASES["regression"]

    explorer = regression()

    assert explorer._tabs not in explorer.children
    with pytest.raises(
        ValueError, match=r"accuracy of a classifier.*judged by its MAE"
    ):
        PruningExplorer(case.build(), case.context(), trains=True)


def test_an_epoch_is_told_in_the_figure_of_the_task():
    panel = EpochPanel(Metric.of("mae", mode="min"), can_train=True)

    panel.show(2.0, 1.0)

    assert "After one epoch: 1, 2.0x better than before it." in panel._words.value


def test_a_context_without_anything_to_judge_by_is_refused():
    case = tasks.CASES["regression"]

    with pytest.raises(TypeError, match=r"Context\(validation=.*without any"):
        PruningExplorer(case.build(), ncl.Context(train=(case.x, case.y)))
