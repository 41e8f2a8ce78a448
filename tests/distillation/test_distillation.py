"""The pass: who teaches whom, with which outputs, in which order."""

import dataclasses

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import Distillation, Student
from nncompress_lab.training import teach, teacher_outputs
from nncompress_lab.training.arrays.features import attention_loss, relational_loss
from nncompress_lab.training.arrays.soft_targets import log_soft_targets
from nncompress_lab.training.batches import Batches
from nncompress_lab.training.logits_and_features import logits_model, tensors_of

CLASSES = 3


def dense_model(*units: int, activation: str | None = None) -> keras.Model:
    hidden = [layers.Dense(one, activation="tanh") for one in units]
    last = layers.Dense(CLASSES, activation=activation, name="logits")
    return keras.Sequential([keras.Input((4,)), *hidden, last], name="dense")


def points(count: int, seed: int, teacher: keras.Model) -> ncl.Data:
    """Inputs with the teacher's own answers as labels."""
    x = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    return ncl.Data(x, predict(teacher, x).argmax(axis=1).astype(np.int32))


def predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(x, training=False))


@pytest.fixture
def teacher() -> keras.Model:
    model = dense_model(8)
    model.layers[-1].kernel.assign(3 * model.layers[-1].kernel.numpy())
    return model


@pytest.fixture
def points_context(teacher) -> ncl.Context:
    return ncl.Context(
        train=points(128, 0, teacher), validation=points(64, 1, teacher), progress=False
    )


def quick(**settings) -> Distillation:
    return Distillation(**{"epochs": 1, "batch_size": 32, **settings})


def test_the_student_learns_and_the_teacher_does_not(teacher, points_context):
    before = tiny_models.weights_of(teacher)
    start = Student(width=0.5)(teacher)

    result = quick(epochs=15, learning_rate=0.05)(teacher, points_context)

    for one, other in zip(before, tiny_models.weights_of(teacher), strict=True):
        np.testing.assert_array_equal(one, other)
    validation = points_context.validation
    learned = ncl.measure.accuracy(result, validation)
    assert learned > ncl.measure.accuracy(start, validation) + 0.1
    assert learned > 0.85


def test_without_a_label_the_student_finds_the_teachers_logits(teacher, points_context):
    shuffled = np.random.default_rng(3).permutation(points_context.train.y)
    misled = dataclasses.replace(
        points_context, train=ncl.Data(points_context.train.x, shuffled)
    )

    result = quick(
        student=teacher_with_noise(teacher),
        loss="mse",
        student_loss_weight=0.0,
        epochs=30,
        patience=30,
        learning_rate=0.03,
        batch_size=16,
    )(teacher, misled)

    # Equal up to a constant, and what thirty short epochs leave. Were the teacher's rows
    # in another order than the inputs, the student could only learn their mean.
    x = points_context.validation.x
    difference = centred(predict(result, x)) - centred(predict(teacher, x))
    assert np.std(difference) < 0.2 * np.std(predict(teacher, x))


def teacher_with_noise(teacher: keras.Model) -> keras.Model:
    student = ncl.copy_model(teacher)
    for index, weight in enumerate(student.weights):
        noise = np.random.default_rng(index).normal(0, 0.3, weight.shape)
        weight.assign(weight.numpy() + noise)
    return student


def centred(logits: np.ndarray) -> np.ndarray:
    return logits - logits.mean(axis=1, keepdims=True)


def test_each_input_comes_with_its_own_row_in_every_epoch(
    teacher, points_context, monkeypatch
):
    seen = []
    original = Batches.__getitem__

    def watching(self, index):
        seen.append(original(self, index))
        return seen[-1]

    monkeypatch.setattr(Batches, "__getitem__", watching)
    quick(epochs=2, batch_size=50)(teacher, points_context)

    assert len(seen) >= 6
    for x, rows in seen:
        logits = predict(teacher, x)
        # A matrix product of another size rounds differently.
        np.testing.assert_allclose(rows[:, 1:], logits, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(rows[:, 0], logits.argmax(axis=1))


@pytest.fixture
def runs(monkeypatch):
    """How many examples the teacher is asked about, each time that it runs."""
    asked = []
    original = teacher_outputs._outputs
    monkeypatch.setattr(
        teacher_outputs,
        "_outputs",
        lambda view, x, **kw: asked.append(len(x)) or original(view, x, **kw),
    )
    return asked


def test_the_teacher_runs_once_however_many_epochs(teacher, points_context, runs):
    quick(epochs=5, patience=5)(teacher, points_context)

    assert runs == [128, 64]


def test_the_teacher_answers_as_in_inference():
    image = keras.Input((4,))
    x = layers.BatchNormalization()(layers.Dropout(0.5)(image))
    model = keras.Model(image, layers.Dense(CLASSES)(x))
    inputs = np.random.default_rng(0).normal(3, 2, (64, 4)).astype(np.float32)

    logits = ncl.teacher_logits(model, inputs, batch_size=16)

    np.testing.assert_allclose(logits, predict(model, inputs), rtol=1e-4, atol=1e-5)


# Probabilities


def softmax_models() -> list[keras.Model]:
    inner = keras.Sequential(
        [keras.Input((8,)), layers.Dense(CLASSES), layers.Softmax()]
    )
    image = keras.Input((4,))
    nested = keras.Model(image, inner(layers.Dense(8)(image)))
    return [
        dense_model(8, activation="softmax"),
        keras.Sequential([dense_model(8), layers.Activation("softmax")]),
        keras.Sequential([dense_model(8), layers.Softmax()]),
        nested,
    ]


@pytest.mark.parametrize("index", range(4))
def test_probabilities_are_taken_back_to_logits(index):
    model = softmax_models()[index]
    x = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)

    logits = ncl.teacher_logits(model, x)

    # The logarithm of the probabilities is the logits up to a constant.
    np.testing.assert_allclose(
        centred(logits), centred(np.log(predict(model, x))), rtol=1e-4, atol=1e-5
    )
    assert np.abs(logits.sum(axis=1) - 1).max() > 1e-3  # not probabilities
    assert [one.shape for one in logits_model(model).weights] == [
        one.shape for one in model.weights
    ]


def test_logarithms_of_probabilities_are_logits_already():
    model = dense_model(8, activation="log_softmax")
    x = np.ones((2, 4), np.float32)

    logits = ncl.teacher_logits(model, x)

    np.testing.assert_allclose(logits, log_soft_targets(logits), rtol=1e-5, atol=1e-6)


def test_a_student_behind_a_softmax_ends_as_one(teacher, points_context):
    student = dense_model(8, activation="softmax")

    result = quick(student=student, epochs=10, learning_rate=0.05)(
        teacher, points_context
    )

    probabilities = predict(result, points_context.validation.x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert ncl.measure.accuracy(result, points_context.validation) > 0.8


def test_teachers_with_and_without_softmax_teach_the_same(teacher, points_context):
    with_softmax = keras.Sequential([ncl.copy_model(teacher), layers.Softmax()])
    student = dense_model(5)

    results = [
        quick(student=student, loss="mse")(one, points_context)
        for one in (teacher, with_softmax)
    ]

    for one, other in zip(*map(tiny_models.weights_of, results), strict=True):
        # Four steps of Adam at 1e-3; the logits differ by a rounding.
        np.testing.assert_allclose(one, other, atol=1e-4)


# Students


def test_none_is_self_distillation_with_new_weights(teacher, points_context):
    result = quick(student=None)(teacher, points_context)

    assert result.count_params() == teacher.count_params()
    # Four steps of Adam at 1e-3 move a weight by about 4e-3; new weights are elsewhere.
    assert np.abs(result.weights[0].numpy() - teacher.weights[0].numpy()).max() > 0.1


def test_a_model_of_ones_own_is_trained_from_its_weights_and_not_changed(
    teacher, points_context
):
    student = dense_model(5, 5)
    before = tiny_models.weights_of(student)

    result = quick(student=student)(teacher, points_context)

    for one, other in zip(before, tiny_models.weights_of(student), strict=True):
        np.testing.assert_array_equal(one, other)
    moved = np.abs(result.weights[0].numpy() - before[0])
    assert 0 < moved.max() < 0.02
    assert not result.compiled


def test_models_that_do_not_fit_each_other_are_refused(teacher, points_context):
    other = keras.Sequential([keras.Input((4,)), layers.Dense(7)])

    with pytest.raises(
        ValueError, match=r"same output shape.*\(None, 3\).*\(None, 7\)"
    ):
        quick(student=other)(teacher, points_context)


@pytest.mark.parametrize(
    "last", [layers.Dense(1), layers.Dense(3, activation="sigmoid")]
)
def test_a_teacher_without_exclusive_classes_is_refused(last, points_context):
    model = keras.Sequential([keras.Input((4,)), last])

    with pytest.raises(ValueError, match="two classes or more, which exclude"):
        ncl.teacher_logits(model, points_context.train.x)


# Labels


def test_one_hot_labels_teach_as_their_indices_do(teacher, points_context):
    one_hot = dataclasses.replace(
        points_context,
        train=rows_of_ones(points_context.train),
        validation=rows_of_ones(points_context.validation),
    )
    step = quick(student_loss_weight=0.5, loss="decoupled")

    results = [step(teacher, one) for one in (points_context, one_hot)]

    for one, other in zip(*map(tiny_models.weights_of, results), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)  # sums in another order


def rows_of_ones(data: ncl.Data) -> ncl.Data:
    return ncl.Data(data.x, np.eye(3, dtype=np.int64)[data.y])


@pytest.mark.parametrize(
    "labels",
    [
        np.full(128, 3),
        np.full(128, -1),
        np.full((128, 3), 0.5),
        np.zeros(128, np.float32),
    ],
    ids=["above", "below", "soft", "float"],
)
def test_other_labels_are_refused(teacher, points_context, labels):
    wrong = dataclasses.replace(
        points_context, train=ncl.Data(points_context.train.x, labels)
    )

    with pytest.raises(ValueError, match=r"class indices in 0\.\.2.*one-hot"):
        quick()(teacher, wrong)


# Features


def observed(model: keras.Model, layer: str, x: np.ndarray) -> np.ndarray:
    inputs, tensors, _ = tensors_of(ncl.copy_model(model))
    return predict(keras.Model(inputs, tensors[layer]), x)


def test_relations_of_a_narrower_layer_come_nearer(teacher, points_context):
    name, x = teacher.layers[0].name, points_context.train.x[:32]
    student = Student(width=0.5)(teacher)

    result = quick(
        student=student,
        features="relational",
        feature_weight=100.0,
        epochs=12,
        learning_rate=0.02,
    )(teacher, points_context)

    start, end = (
        relational_loss(observed(teacher, name, x), observed(one, name, x))
        for one in (student, result)
    )
    assert end < 0.7 * start


def test_attention_of_a_narrower_layer_comes_nearer(context):
    image = keras.Input(tiny_models.IMAGE)
    x = layers.Conv2D(8, 3, activation="relu", name="conv")(image)
    x = layers.GlobalAveragePooling2D()(x)
    teacher = keras.Model(image, layers.Dense(4)(x))
    student = Student(width=0.25)(teacher)

    result = Distillation(
        student=student,
        features="attention",
        feature_weight=3600.0,  # the mean is over 36 positions
        epochs=12,
        batch_size=8,
        learning_rate=0.02,
        patience=12,
    )(teacher, context)

    inputs = context.train.x
    start, end = (
        attention_loss(observed(teacher, "conv", inputs), observed(one, "conv", inputs))
        for one in (student, result)
    )
    assert end.mean() < 0.9 * start.mean()


def test_the_projection_of_a_hint_is_not_in_the_result(teacher, points_context):
    result = quick(features="hint")(teacher, points_context)

    assert result.count_params() == Student(width=0.5)(teacher).count_params()


def test_layers_are_named_by_pairs_or_by_one_name(teacher, points_context):
    first = teacher.layers[0].name
    student = dense_model(5, 6)
    pair = (first, student.layers[1].name)

    result = quick(student=student, features="hint", layers=(pair,))(
        teacher, points_context
    )

    assert result.count_params() == student.count_params()
    with pytest.raises(ValueError, match=r"no layer 'nowhere'.*Choose from"):
        quick(features="hint", layers=("nowhere",))(teacher, points_context)


def test_layers_that_cannot_be_compared_are_refused(context):
    teacher = tiny_models.sequential()

    with pytest.raises(ValueError, match="attention needs positions"):
        quick(features="attention", layers=("hidden",))(teacher, context)
    with pytest.raises(ValueError, match="all axes but the last must agree"):
        quick(features="hint", layers=(("conv", "hidden"),))(teacher, context)


# What the teacher says, once


@pytest.fixture
def taught(monkeypatch):
    """The data of each training, none of which takes place."""
    trained_on = []
    monkeypatch.setattr(
        teach, "fit", lambda _model, train, **_kw: trained_on.append(train)
    )
    return trained_on


def test_soft_labels_are_read_again_only_for_the_same_teacher_and_data(
    teacher, points_context, tmp_path, runs, taught
):
    step = quick(soft_labels=str(tmp_path / "soft.npz"))

    # Copies, because of a teacher itself more than a file remembers it.
    step(ncl.copy_model(teacher), points_context)
    step(ncl.copy_model(teacher), points_context)

    assert len(runs) == 2
    np.testing.assert_array_equal(taught[0].y, taught[1].y)
    turned = ncl.Data(points_context.train.x[::-1], points_context.train.y[::-1])
    step(ncl.copy_model(teacher), dataclasses.replace(points_context, train=turned))
    assert len(runs) == 4
    step(teacher_with_noise(teacher), points_context)
    assert len(runs) == 6


def test_a_teacher_of_several_passes_runs_once_until_it_changes(
    teacher, points_context, runs, taught
):
    given = dataclasses.replace(points_context, teacher=ncl.copy_model(teacher))
    step = ncl.FineTune(teacher="context")

    ncl.pipeline(step, step)(teacher, given)

    assert len(runs) == 2
    np.testing.assert_array_equal(taught[0].y, taught[1].y)
    given.teacher.set_weights([2 * one for one in given.teacher.get_weights()])
    step(teacher, given)
    assert len(runs) == 4
    assert not np.array_equal(taught[1].y, taught[2].y)


# Recipes and settings


@pytest.mark.parametrize(
    "step",
    [
        Distillation(),
        Distillation(student=Student(width=0.25, depth=0.5), temperature=2.0),
        Distillation(student=Student(width=1.0, initialise="copy")),
        Distillation(student=None, features="hint", layers=("a", ("b", "c"))),
    ],
    ids=lambda one: one.label,
)
def test_a_recipe_holds_the_student(step):
    recipe = ncl.to_recipe(step)

    assert ncl.from_recipe(recipe) == ncl.pipeline(step)
    assert hash(ncl.from_recipe(recipe).passes[0]) == hash(step)


def test_no_recipe_holds_a_model(teacher):
    step = Distillation(student=teacher)

    with pytest.raises(ncl.RecipeError, match=r"not the model 'dense'.*Student\(width"):
        ncl.to_recipe(step)
    assert step == Distillation(student=teacher)
    assert step != Distillation(student=dense_model(2))
    assert isinstance(hash(step), int)


def test_a_student_in_a_recipe_is_checked():
    with pytest.raises(ncl.RecipeError, match="`width` is the fraction"):
        ncl.from_recipe({"passes": [{"pass": "Distillation", "student": {"width": 2}}]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "`temperature`"),
        ({"student_loss_weight": 1.1}, "`student_loss_weight` is the share"),
        ({"loss": "kl"}, "`loss` must be one of"),
        ({"features": "fitnet"}, "`features` must be None or one of"),
        ({"feature_weight": -1.0}, "`feature_weight` must be at least 0"),
        ({"layers": (("a", "b", "c"),)}, "`layers` holds names, or pairs"),
        ({"epochs": 0}, "`epochs` must be a whole number"),
        ({"optimizer": "newton"}, "`optimizer` must be the name"),
    ],
    ids=lambda one: str(one)[:30],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Distillation(**settings)
