"""Every kind of task: what it is known from, and that every pass that trains takes it."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tasks
from keras import layers, ops

import nncompress_lab as ncl
from nncompress_lab.planning.judging import Judge
from nncompress_lab.training.known_task import task_of
from nncompress_lab.training.labels import kind_of
from nncompress_lab.training.teacher_losses import TaughtOutput, TeacherLoss

QUICK = {"epochs": 1, "batch_size": 12}
STEPS = {
    "FineTune": ncl.FineTune(**QUICK),
    "GradualPruning": ncl.GradualPruning(sparsity=0.5, score="taylor", **QUICK),
    "QuantizationAwareTraining": ncl.QuantizationAwareTraining(bits=4, **QUICK),
    "Distillation": ncl.Distillation(student=None, features="hint", **QUICK),
}


def predict(model: keras.Model, x) -> list[np.ndarray]:
    outputs = keras.tree.flatten(model(x, training=False))
    return [ops.convert_to_numpy(one).astype(np.float64) for one in outputs]


def by_hand(name: str, model: keras.Model, case: tasks.Case) -> list[float]:
    """The figures of a case, in their order, from outputs and labels alone."""
    outputs, labels = predict(model, case.x), keras.tree.flatten(case.y)
    first, y = outputs[0], labels[0]
    if name in {"binary", "siamese", "multi-label"}:
        return [np.mean((first > 0.5) == y.reshape(first.shape))]
    if name == "regression":
        return [np.abs(first - y).mean()]
    if name == "two outputs":
        return [
            np.mean(first.argmax(-1) == y),
            np.abs(outputs[1] - labels[1]).mean(),
        ]
    right = first.argmax(-1) == y
    if name == "language":
        chosen = np.take_along_axis(first, y[..., None], -1)
        return [right.mean(), np.exp(-np.log(chosen).mean())]
    overlaps = [
        np.sum((first.argmax(-1) == one) & (y == one))
        / np.sum((first.argmax(-1) == one) | (y == one))
        for one in range(3)
    ]
    return [np.mean(overlaps), right.mean()]


@pytest.mark.parametrize("name", tasks.CASES)
def test_the_figures_of_a_task_are_those_by_hand(name):
    case = tasks.CASES[name]
    model = case.build()

    report = ncl.compare(model, model, data=ncl.Data(case.x, case.y), latency=False)

    shown = [one.name for one in report.setup.metrics]
    assert shown == list(case.figures)
    found = [report.stages[1].figure(one) for one in shown]
    # float32 sums of logarithms.
    np.testing.assert_allclose(found, by_hand(name, model, case), rtol=1e-4)


@pytest.mark.parametrize(
    ("step", "name"),
    # Each pass on two tasks and each task by one pass or more: they share the objective.
    [
        (step, name)
        for number, name in enumerate(tasks.CASES)
        for step in (list(STEPS)[number % 4], list(STEPS)[(number + 2) % 4])
    ],
)
def test_passes_that_train_take_every_task(name, step, eagerly):
    case = tasks.CASES[name]
    model = case.build()

    trained = STEPS[step](model, case.context())

    assert trained.count_params() > 0
    shapes = [one.shape for one in predict(model, case.x)]
    assert [one.shape for one in predict(trained, case.x)] == shapes
    assert all(np.isfinite(one).all() for one in predict(trained, case.x))


@pytest.mark.parametrize("name", ["binary", "language", "two outputs"])
def test_without_a_label_the_student_comes_nearer_to_its_teacher(name, eagerly):
    case = tasks.CASES[name]
    teacher = case.build()
    student = case.build()
    step = ncl.Distillation(
        student=student,
        student_loss_weight=0.0,
        epochs=12,
        batch_size=8,
        learning_rate=0.02,
        patience=12,
    )
    # What is judged are the labels, which are the teacher's own answers.
    outputs = predict(teacher, case.x)
    answers = {
        "binary": lambda: (outputs[0] > 0.5).astype("int64"),
        "language": lambda: outputs[0].argmax(-1),
        "two outputs": lambda: [outputs[0].argmax(-1), outputs[1]],
    }[name]()

    taught = step(teacher, replace(case, y=answers).context())

    start, end = (
        [
            np.abs(beliefs(one) - beliefs(other)).mean()
            for one, other in zip(predict(model, case.x), outputs, strict=True)
        ]
        for model in (student, taught)
    )
    assert (np.array(end) < 0.8 * np.array(start)).all()


def beliefs(outputs: np.ndarray) -> np.ndarray:
    """Logits of classes mean nothing but their differences."""
    return (
        outputs - outputs.mean(-1, keepdims=True) if outputs.shape[-1] > 1 else outputs
    )


# What it is known from


def test_the_loss_and_metrics_of_the_compiled_model_go_before_the_labels():
    case = tasks.CASES["binary"]
    model = case.build()
    model.compile("adam", "mse", metrics=["mae", "accuracy"])

    task = task_of(model, case.context().train)

    assert task.losses == [keras.losses.mean_squared_error]
    assert task.figures == ("mae", "accuracy")
    assert (task.judged_by, task.mode, task.inferred) == ("mae", "min", "")


def test_an_objective_goes_before_what_was_compiled():
    case = tasks.CASES["binary"]
    model = case.build()
    model.compile("adam", "mse")
    said = ncl.Objective("binary_crossentropy", [keras.metrics.AUC()], mode="max")

    task = task_of(model, case.context().train, context=ncl.Context(objective=said))

    assert task.figures == ("auc",)
    assert task.losses[0].from_logits is False


def test_metrics_that_count_by_sample_weights_are_those_of_evaluate():
    case = tasks.CASES["binary"]
    model, weights = case.build(), np.linspace(0, 3, tasks.COUNT)
    data = ncl.Data(case.x, case.y, weights)
    model.compile(
        "adam", "mse", metrics=["accuracy"], weighted_metrics=["accuracy", "mae"]
    )
    expected = model.evaluate(
        case.x, case.y, sample_weight=weights, verbose=0, return_dict=True
    )

    report = ncl.compare(model, model, data=data, latency=False)
    task = replace(task_of(model, data), judged_by="weighted_accuracy")
    outputs = [model.predict(case.x, verbose=0)]
    judged = Judge(model, data, task).outputs(outputs, outputs)

    names = ("accuracy", "weighted_accuracy", "mae")
    assert tuple(one.name for one in report.setup.metrics) == names
    found = [report.stages[0].figure(name) for name in names]
    np.testing.assert_allclose(found, [expected[name] for name in names], rtol=1e-5)
    np.testing.assert_allclose(judged.metric, expected["weighted_accuracy"], rtol=1e-5)


def product(labels, outputs):
    """A loss of one's own that multiplies labels, which may be whole numbers."""
    return ops.mean(ops.square(labels - outputs) * (1 + labels * outputs), axis=-1)


@pytest.mark.parametrize("loss", ["binary_crossentropy", product])
def test_a_loss_gets_labels_as_compile_hands_them_over(loss):
    case = tasks.CASES["binary"]
    model = case.build()
    model.compile("adam", loss)
    outputs = ops.convert_to_tensor(model.predict(case.x, verbose=0))
    expected = model.evaluate(case.x, case.y, verbose=0)

    task = task_of(model, case.context().train)
    found = task.total(model, case.y, outputs)
    taught = TaughtOutput.of(
        TeacherLoss(student_loss_weight=1.0),
        task.losses[0],
        channels=1,
        scale="sigmoid",
        labels=case.y,
    )
    logits = ops.log(outputs / (1 - outputs))
    each = taught.total(taught.targets(case.y, np.asarray(outputs)), logits)

    # Sums of float32; case.y is of shape (n,), the outputs are (n, 1).
    np.testing.assert_allclose(float(found), expected, rtol=1e-5)
    np.testing.assert_allclose(float(ops.mean(each)), expected, rtol=1e-5)


def test_copies_are_trained_for_what_the_original_was_compiled_with():
    case = tasks.CASES["regression"]
    model = case.build()
    seen = []

    def mine(labels, outputs):
        seen.append(outputs.shape)
        return ops.mean(ops.abs(labels - outputs), axis=-1)

    model.compile("adam", mine)

    ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), ncl.FineTune(**QUICK))(
        model, case.context()
    )

    assert seen


def test_weights_of_losses_and_partial_metrics_are_kept():
    case = tasks.CASES["two outputs"]
    model = case.build()
    model.compile(
        "adam",
        {"kind": keras.losses.SparseCategoricalCrossentropy(True), "size": "mae"},
        loss_weights={"kind": 0.0, "size": 3.0},
        metrics={"size": ["mse"]},
    )
    data = case.context().train

    task = task_of(model, data)
    total = float(task.total(model, data.y, model(data.x)))

    assert task.figures == ("size_mse",)
    model.fit(data.x, data.y, verbose=0, epochs=0)
    mine = np.abs(predict(model, data.x)[1] - data.y[1]).mean()
    assert total == pytest.approx(3 * mine, rel=1e-5)


def test_what_was_inferred_is_said_and_plain_classes_are_not():
    model = tasks.CASES["regression"].build()
    data = tasks.CASES["regression"].context().test
    report = ncl.compare(model, model, data=data, latency=False)

    assert "labels look like real numbers" in " ".join(report.remarks)
    assert not task_of(*_classes()).inferred


def _classes() -> tuple[keras.Model, ncl.Data]:
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
    return model, ncl.Data(tasks.FLAT, tasks.YES)


@pytest.mark.parametrize(
    ("labels", "shape", "scale", "kind"),
    [
        (np.array([0, 2]), (None, 3), "logits", "classes"),
        (np.array([[0], [2]], np.uint8), (None, 3), "softmax", "classes"),
        (np.eye(3)[[0, 2]], (None, 3), "logits", "one_hot"),
        (np.array([[1, 1, 0], [0, 0, 0]]), (None, 3), "logits", "binary"),
        (np.array([[1, 0, 0], [0, 1, 0]]), (None, 3), "sigmoid", "binary"),
        (np.array([[0.2, 0.3, 0.5]]), (None, 3), "softmax", "one_hot"),
        (np.array([[0.2, -3.0, 0.5]]), (None, 3), "logits", "real"),
        (np.array([0, 1]), (None, 1), "logits", "binary"),
        (np.array([True, False]), (None, 1), "logits", "binary"),
        (np.array([0.0, 1.0]), (None, 1), "sigmoid", "binary"),
        (np.array([0.0, 1.0]), (None, 1), "logits", "real"),
        (np.array([17, 60]), (None, 1), "logits", "real"),
        (np.zeros((2, 4, 4), int), (None, None, None, 3), "logits", "classes"),
        (np.zeros((2, 4, 4, 1), int), (None, 4, 4, 3), "logits", "classes"),
        (np.zeros((2, 4, 4), bool), (None, 4, 4, 1), "sigmoid", "binary"),
    ],
)
def test_labels_and_outputs_tell_the_task(labels, shape, scale, kind):
    assert kind_of(labels, shape, scale) == kind


def test_a_name_that_is_not_measured_cannot_decide():
    said = ncl.Objective("mse", ["mae"], judged_by="accuracy")

    with pytest.raises(ValueError, match=r"one of \['mae', 'loss'\].*'accuracy'"):
        task_of(*_classes(), context=ncl.Context(objective=said))


def test_a_metric_without_a_direction_does_not_decide_unless_it_is_said():
    def bias(labels, outputs):
        return ops.mean(outputs - labels)

    model, data = tasks.CASES["regression"].build(), tasks.CASES["regression"].context()
    one, other = (
        task_of(
            model,
            data.train,
            context=ncl.Context(objective=ncl.Objective("mse", [bias], **more)),
        )
        for more in ({}, {"judged_by": "bias", "mode": "max"})
    )

    assert (one.judged_by, one.mode) == ("loss", "min")
    assert (other.judged_by, other.mode) == ("bias", "max")


def test_an_objective_of_keras_objects_can_be_written_down():
    said = ncl.Objective(
        keras.losses.Huber(delta=2.0), [keras.metrics.AUC(name="a")], "a", "max", [1.0]
    )

    config = keras.saving.serialize_keras_object(said)
    again = keras.saving.deserialize_keras_object(config)

    assert again.loss.get_config() == said.loss.get_config()
    assert again.metrics[0].name == "a"
    assert (again.judged_by, again.mode, again.loss_weights) == ("a", "max", [1.0])


def test_a_report_with_a_metric_that_fails_is_a_report():
    def broken(labels, outputs):
        raise RuntimeError("no such thing")

    model, data = _classes()
    report = ncl.compare(
        model,
        model,
        data=data,
        objective=ncl.Objective(metrics=[broken]),
        latency=False,
    )

    assert report.stages[0].metrics == {}
    assert "broken was not measured" in str(report)
    assert "no such thing" in " ".join(report.remarks)


def test_the_verdict_of_a_regression_has_no_points():
    case = tasks.CASES["regression"]
    model = case.build()
    other = ncl.MagnitudePruning(sparsity=0.9)(model)

    report = ncl.compare(model, other, data=case.context().test, latency=False)

    assert "MAE " in report.verdict
    assert "points" not in report.verdict
    assert "worse" in report.verdict or "better" in report.verdict


@pytest.mark.parametrize("features", ["hint", "attention"])
def test_features_of_sequences_of_any_length_teach(features, eagerly):
    def tagger(units: int) -> keras.Model:
        steps = keras.Input((None, 6))
        hidden = layers.Dense(units, activation="tanh", name="hidden")(steps)
        return keras.Model(steps, layers.Dense(3, name="tags")(hidden))

    x = np.random.default_rng(1).normal(size=(24, 5, 6)).astype("float32")
    data = ncl.Data(x, x[..., :3].argmax(-1))
    context = ncl.Context(train=data, validation=data, progress=False)
    step = ncl.Distillation(student=tagger(4), features=features, **QUICK)

    taught = step(tagger(8), context)

    assert taught.get_layer("hidden").units == 4
    assert np.isfinite(predict(taught, x)[0]).all()


def test_a_teacher_runs_along_with_a_pipeline(eagerly):
    case = tasks.CASES["binary"]
    teacher, data = case.build(), case.context().train
    stream = ncl.Data(lambda: data.batches(8))
    step = ncl.Distillation(student=case.build(), **QUICK)

    taught = step(teacher, ncl.Context(train=stream, validation=stream, progress=False))

    assert np.isfinite(predict(taught, case.x)[0]).all()


def test_a_pipeline_of_passes_is_checked_once_a_pass(monkeypatch):
    checked = []
    monkeypatch.setattr(
        "nncompress_lab.passes.check_weights", lambda _model, name: checked.append(name)
    )
    step = ncl.pipeline(ncl.MagnitudePruning(0.5), ncl.UniformQuantization())

    step(tasks.CASES["binary"].build())

    assert checked == ["MagnitudePruning", "UniformQuantization"]
