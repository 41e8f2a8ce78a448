"""Fine-tuning: the order of the data, the choice of the epoch, the mask."""

import random
from dataclasses import replace

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.training.batches import Batches
from nncompress_lab.training.known_task import named_loss, task_of
from nncompress_lab.training.loop import fit
from nncompress_lab.training.output_scale import output_scale
from nncompress_lab.training.task import Task
from nncompress_lab.training.while_training import forgetting_statistics, keeping_zeros


def separable_data(count: int, seed: int = 0) -> ncl.Data:
    """Points in two classes that a line divides."""
    x = np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32)
    return ncl.Data(x, (x[:, 0] > x[:, 1]).astype(np.int32))


def line_model(activation: str | None = None) -> keras.Model:
    return keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, activation=activation, name="dense")]
    )


def knowing_model(activation: str | None = None) -> keras.Model:
    """Has learned where the line is; no two of its weights are as large."""
    model = line_model(activation)
    model.layers[0].set_weights([np.array([[-2, 2.5], [2.75, -1.75]]), np.zeros(2)])
    return model


def line_context(**settings) -> ncl.Context:
    return ncl.Context(
        train=separable_data(256),
        validation=separable_data(64, seed=1),
        progress=False,
        **settings,
    )


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_accuracy_rises_from_logits_and_from_probabilities(activation):
    context = line_context()
    model = line_model(activation)
    model.layers[0].set_weights([np.full((2, 2), 0.01), np.array([1.0, 0.0])])
    before = ncl.measure.accuracy(model, context.validation)

    tuned = ncl.FineTune(epochs=4, batch_size=16, learning_rate=0.05)(model, context)

    assert before < 0.7
    assert ncl.measure.accuracy(tuned, context.validation) > 0.9


def test_the_weights_of_the_best_epoch_are_returned():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((logs["val_loss"], self.model.get_weights()))

    context, model = line_context(), line_model()
    fit(
        model,
        context.train,
        step=ncl.FineTune(epochs=6, batch_size=16, learning_rate=3.0, patience=6),
        validation=context.validation,
        task=Task(task_of(model, context.train).losses),
        context=context,
        callbacks=[Watch()],
    )

    best = min(seen, key=lambda one: one[0])[1]
    assert best is not seen[-1][1]
    for one, other in zip(model.get_weights(), best, strict=True):
        np.testing.assert_array_equal(one, other)


def misled_context(good: ncl.Context) -> ncl.Context:
    """All training labels are wrong, those of the validation are not."""
    wrong = ncl.Data(good.train.x, 1 - good.train.y)
    return replace(good, train=wrong)


@pytest.mark.parametrize(
    "tune",
    [
        ncl.FineTune(epochs=2, batch_size=16, learning_rate=0.1),
        ncl.FineTune(
            epochs=2,
            batch_size=16,
            learning_rate=0.1,
            loss="sparse_categorical_crossentropy",
        ),
    ],
)
def test_a_model_that_every_epoch_made_worse_comes_back_as_it_was(tune):
    context = line_context()
    start = knowing_model("softmax")

    tuned = tune(start, misled_context(context))

    tiny_models.assert_same_weights(tuned, start)


def test_a_loss_that_is_no_number_is_said_and_leaves_the_model_as_it_was():
    good, start = line_context(), line_model()
    context = ncl.Context(
        train=one_hot(good.train), validation=one_hot(good.validation), progress=False
    )

    before = ncl.copy_model(start)
    step = ncl.FineTune(epochs=1, loss="mse", optimizer="sgd", learning_rate=1e30)

    with pytest.raises(ncl.CompressionError, match="diverged"):
        step(start, context)

    tiny_models.assert_same_weights(start, before)


def one_hot(data: ncl.Data) -> ncl.Data:
    return ncl.Data(data.x, np.eye(2, dtype=np.float32)[data.y])


def test_training_stops_when_validation_gets_no_better(monkeypatch):
    seen = []

    original = Batches.start_epoch

    def counting(self, epoch):
        seen.append(epoch)
        original(self, epoch)

    monkeypatch.setattr(Batches, "start_epoch", counting)
    ncl.FineTune(epochs=50, batch_size=64, learning_rate=1e-6, patience=2)(
        knowing_model(), line_context()
    )

    assert max(seen) < 10


def test_the_order_of_the_batches_depends_on_seed_and_epoch_only():
    data = separable_data(100)
    first, second = (
        Batches(data, batch_size=7, seed=3),
        Batches(data, batch_size=7, seed=3),
    )
    second.start_epoch(5)
    second.start_epoch(0)

    assert len(first) == 15
    for index in range(len(first)):
        np.testing.assert_array_equal(first[index][0], second[index][0])


def test_every_example_comes_once_an_epoch_and_epochs_differ():
    data = ncl.Data(np.arange(50), np.arange(50))
    batches = Batches(data, batch_size=8, seed=0)

    epochs = []
    for epoch in range(2):
        batches.start_epoch(epoch)
        epochs.append(np.concatenate([batches[i][0] for i in range(len(batches))]))

    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(50))
    assert (epochs[0] != epochs[1]).any()


def test_the_callers_random_state_is_not_reseeded():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 (the state that a user may rely on)
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002

    Batches(separable_data(10), batch_size=2, seed=0)[0]

    assert np.random.random() == expected  # noqa: NPY002


def test_the_mask_is_a_constraint_that_is_gone_afterwards():
    model = tiny_models.sequential()
    pruned = ncl.MagnitudePruning(sparsity=0.5)(model)
    kernel = pruned.get_layer("hidden").kernel

    with keeping_zeros(pruned):
        during = kernel.constraint

    assert during is not None
    assert kernel.constraint is None


def test_a_constraint_of_the_user_still_holds_within_the_mask():
    layer = keras.layers.Dense(3, kernel_constraint="non_neg", name="dense")
    model = keras.Sequential([keras.Input((2,)), layer])
    layer.kernel.assign([[1.0, 0.0, 2.0], [0.0, 3.0, 4.0]])

    with keeping_zeros(model):
        constrained = layer.kernel.constraint(keras.ops.full((2, 3), -1.0))
        kept = layer.kernel.constraint(keras.ops.full((2, 3), 5.0))

    assert keras.ops.convert_to_numpy(constrained).tolist() == [[0.0] * 3] * 2
    assert keras.ops.convert_to_numpy(kept).tolist() == [[5, 0, 5], [0, 5, 5]]
    assert isinstance(layer.kernel.constraint, keras.constraints.NonNeg)


def test_a_kernel_without_zeros_gets_no_mask():
    model = line_model()

    with keeping_zeros(model):
        assert model.layers[0].kernel.constraint is None


def test_the_constraint_is_not_in_the_saved_configuration(context):
    pruned = ncl.MagnitudePruning(sparsity=0.5)(tiny_models.sequential())

    tuned = ncl.FineTune(epochs=1, batch_size=16)(pruned, context)

    assert tuned.get_layer("hidden").get_config()["kernel_constraint"] is None


def test_softmax_is_found_as_an_activation_as_a_layer_and_in_an_inner_model():
    as_layer = keras.Sequential([line_model(), keras.layers.Softmax()])
    inner = keras.Sequential([keras.Input((2,)), line_model("softmax")])

    assert output_scale(line_model("softmax")) == "softmax"
    assert output_scale(as_layer) == "softmax"
    assert output_scale(inner) == "softmax"
    assert output_scale(line_model()) == "logits"


def test_a_regression_is_trained_with_the_loss_that_is_named():
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    data = ncl.Data(x, 3 * x + 1)
    context = ncl.Context(train=data, validation=data, progress=False)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    tuned = ncl.FineTune(
        epochs=30, batch_size=8, learning_rate=0.2, loss="mse", patience=30
    )(model, context)

    kernel, bias = tuned.layers[0].get_weights()
    # The exact line is reached up to what the last, small steps leave.
    np.testing.assert_allclose([kernel[0, 0], bias[0]], [3, 1], atol=0.02)


@pytest.mark.parametrize(
    "settings",
    [{"epochs": 0}, {"batch_size": 0}, {"patience": 0}],
)
def test_counts_below_one_are_refused(settings):
    (name,) = settings

    with pytest.raises(
        ValueError, match=f"`{name}` must be a whole number, at least 1"
    ):
        ncl.FineTune(**settings)


@pytest.mark.parametrize("rate", [0.0, -1e-3, float("nan"), float("inf")])
def test_a_learning_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(ValueError, match="`learning_rate` must be above 0"):
        ncl.FineTune(learning_rate=rate)


def test_labels_that_are_no_classes_are_refused():
    context = line_context()
    wrong = ncl.Data(context.train.x, context.train.y + 5)

    with pytest.raises(ValueError, match=r"class indices in 0\.\.1.*from 5 to 6"):
        ncl.FineTune()(
            line_model(),
            ncl.Context(train=wrong, validation=context.validation, progress=False),
        )


ROWS, INDICES = np.eye(2)[[0, 1, 1, 0]], np.array([0, 1, 1, 0])


@pytest.mark.parametrize(
    ("said", "loss", "labels", "problem"),
    [
        ("compile", "sparse_categorical_crossentropy", ROWS, "one-hot rows.*argmax"),
        ("pass", "sparse_categorical_crossentropy", ROWS, "one-hot rows.*argmax"),
        ("compile", "categorical_crossentropy", INDICES, "2 numbers.*to_categorical"),
        (
            "objective",
            "sparse_categorical_crossentropy",
            INDICES + 1,
            r"in 0\.\.1.*1 to 2",
        ),
        (
            "compile",
            "sparse_categorical_crossentropy",
            INDICES - 1,
            r"in 0\.\.1.*-1 to 0",
        ),
    ],
)
def test_labels_that_a_loss_somebody_named_cannot_take_are_refused_at_once(
    said, loss, labels, problem
):
    model, data = line_model(), (np.zeros((4, 2), "float32"), labels)
    step, objective = ncl.FineTune(), None
    if said == "pass":
        step = ncl.FineTune(loss=loss)
    elif said == "compile":
        model.compile("adam", loss)
    else:
        objective = ncl.Objective(loss)

    with pytest.raises(ValueError, match=f"{problem}") as caught:
        step(
            model,
            ncl.Context(
                train=data, validation=data, objective=objective, progress=False
            ),
        )

    assert "Received" in str(caught.value)


@pytest.mark.parametrize("weight", [None, [1, 1, 1, 0]])
def test_labels_that_a_loss_leaves_out_may_be_of_no_class(weight):
    labels = np.array([0, 1, 1, 5 if weight else -1])
    loss = keras.losses.SparseCategoricalCrossentropy(
        ignore_class=None if weight else -1
    )

    task_of(
        line_model(),
        ncl.Data(np.zeros((4, 2)), labels, weight),
        context=ncl.Context(objective=loss),
    )


@pytest.mark.parametrize(
    "step", [ncl.FineTune(epochs=1), ncl.Distillation(student=0.5, epochs=1)]
)
def test_a_frozen_model_is_refused_where_it_would_learn_nothing(step):
    model = line_model()
    model.trainable = False

    with pytest.raises(
        ncl.UnsupportedModelError, match=r"nothing to train in 'seq.*True"
    ):
        step(model, line_context())


def test_equal_runs_give_equal_weights():
    step, start = ncl.FineTune(epochs=2, batch_size=16), line_model()

    once, again = step(start, line_context()), step(start, line_context())
    other = step(start, line_context(seed=1))

    # Sums of 16 float32 numbers; batches in another order would be at 1e-3.
    for one, two in zip(*map(tiny_models.weights_of, (once, again)), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
    assert np.abs(once.get_weights()[0] - other.get_weights()[0]).max() > 1e-5


# With a teacher


def test_a_pruned_model_recovers_by_the_original_and_keeps_its_zeros():
    context, model = line_context(), knowing_model()
    shuffled = np.random.default_rng(0).permutation(context.train.y)
    misled = ncl.Context(
        train=ncl.Data(context.train.x, shuffled),
        validation=context.validation,
        progress=False,
    )
    prune = ncl.MagnitudePruning(sparsity=0.25)
    settings = {"epochs": 8, "batch_size": 16, "learning_rate": 0.1, "patience": 8}

    tuned = ncl.pipeline(
        prune,
        ncl.FineTune(teacher="original", student_loss_weight=0.0, **settings),
    )(model, misled)

    zero = prune(model).layers[0].kernel.numpy() == 0
    kernel = tuned.layers[0].kernel.numpy()
    assert zero.sum() == 1
    assert (kernel[zero] == 0).all()
    assert not np.signbit(kernel[zero]).any()
    # The labels say nothing; what it knows, it has from the original.
    assert ncl.measure.accuracy(tuned, context.validation) > 0.9


def test_the_teacher_of_the_context_teaches():
    context = line_context()
    teacher = knowing_model("softmax")
    before = tiny_models.weights_of(teacher)

    tuned = ncl.FineTune(
        epochs=6,
        batch_size=16,
        learning_rate=0.1,
        teacher="context",
        temperature=2.0,
        student_loss_weight=0.0,
    )(line_model(), line_context(teacher=teacher))

    assert ncl.measure.accuracy(tuned, context.validation) > 0.9
    for one, other in zip(before, tiny_models.weights_of(teacher), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_teacher_that_is_not_there_is_missed_before_any_work():
    with pytest.raises(ncl.MissingContextError, match="FineTune needs original"):
        ncl.FineTune(teacher="original")(line_model(), line_context())
    with pytest.raises(ncl.MissingContextError, match="needs teacher"):
        ncl.pipeline(ncl.FineTune(teacher="context"))(line_model(), line_context())


def test_a_teacher_teaches_beside_a_named_loss_of_the_labels():
    parts = line_context()
    x, y = parts.train.x, parts.train.y
    teacher = knowing_model("softmax")
    settings = {"epochs": 6, "batch_size": 16, "learning_rate": 0.1, "patience": 6}

    def of(labels, weight):
        step = ncl.FineTune(
            loss="mse", teacher="context", student_loss_weight=weight, **settings
        )
        context = replace(
            parts,
            train=(x, np.eye(2)[labels]),
            validation=(parts.validation.x, np.eye(2)[parts.validation.y]),
            teacher=teacher,
        )
        return ncl.measure.accuracy(
            step(line_model("softmax"), context), parts.validation
        )

    assert of(y, 1.0) > 0.9  # by the labels
    assert of(1 - y, 0.0) > 0.9  # by the teacher


def test_what_trains_with_a_teacher_checks_its_settings():
    with pytest.raises(ValueError, match="`teacher` must be None or one of"):
        ncl.FineTune(teacher="me")
    with pytest.raises(ValueError, match="`optimizer` must be the name"):
        ncl.FineTune(optimizer="newton")


def normalized_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(2, name="dense"),
        ]
    )


def test_an_epoch_is_enough_to_forget_old_statistics():
    context = line_context()  # 256 examples: 16 steps, after which 0.99 keeps 85 %
    model = normalized_model()
    far = 100.0
    model.get_layer("norm").moving_mean.assign([far, far])

    tuned = ncl.FineTune(epochs=1, batch_size=16)(model, context)

    mean = keras.ops.convert_to_numpy(tuned.get_layer("norm").moving_mean)
    np.testing.assert_allclose(mean, context.train.x.mean(0), atol=0.01 * far + 0.3)


def test_the_momentum_is_the_old_one_after_training():
    model = normalized_model()
    norm = model.get_layer("norm")

    with forgetting_statistics(model, within=16):
        during = norm.momentum

    assert during**16 == pytest.approx(0.01)
    assert norm.momentum == 0.99


def test_a_momentum_that_forgets_soon_enough_is_left_alone():
    model = normalized_model()
    model.get_layer("norm").momentum = 0.5

    with forgetting_statistics(model, within=16):
        assert model.get_layer("norm").momentum == 0.5


def contrary_teacher() -> keras.Model:
    """Knows the line, and says the other class on each side of it."""
    model = knowing_model()
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([-kernel, -bias])
    return model


SETTINGS = {
    "epochs": 6,
    "batch_size": 16,
    "learning_rate": 0.1,
    "teacher": "context",
    "student_loss_weight": 0.0,
}


@pytest.mark.parametrize(
    "step",
    [
        ncl.GradualPruning(sparsity=0.25, **SETTINGS),
        ncl.FineTuneCodebook(**SETTINGS),
    ],
    ids=lambda one: type(one).__name__,
)
def test_other_passes_that_train_follow_a_teacher_too(step):
    context = line_context()
    teacher = contrary_teacher()
    start = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(32, activation="relu", name="hidden"),
            keras.layers.Dense(2, name="logits"),
        ]
    )
    if isinstance(step, ncl.FineTuneCodebook):
        start = ncl.CodebookQuantization(bits=3)(start)
    turned = ncl.Data(context.validation.x, 1 - context.validation.y)

    trained = step(
        start,
        ncl.Context(
            train=context.train, validation=turned, teacher=teacher, progress=False
        ),
    )

    assert "teacher" in step.needs
    # Labels say the opposite, and weigh nothing.
    assert ncl.measure.accuracy(trained, turned) > 0.9


def test_other_passes_that_train_refuse_an_unknown_teacher():
    with pytest.raises(ValueError, match="`teacher` must be None or one of"):
        ncl.GradualPruning(sparsity=0.5, teacher="me")
    with pytest.raises(ValueError, match="`teacher` must be None or one of"):
        ncl.FineTuneCodebook(teacher="me")


@pytest.mark.parametrize("loss", ["binary_crossentropy", "BinaryCrossentropy"])
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_a_named_cross_entropy_is_taken_on_the_scale_of_the_outputs(loss, activation):
    layer = keras.layers.Dense(1, activation=activation)
    model = keras.Sequential([keras.Input((2,)), layer])
    layer.set_weights([np.array([[2.0], [-1.0]]), np.array([0.5])])
    x, y = np.eye(2, dtype=np.float32), np.array([[1.0], [0.0]], np.float32)

    measured = named_loss(model, loss)(y, model(x))

    logits = np.array([[2.5], [-0.5]])
    expected = np.mean(np.log1p(np.exp(-logits * (2 * y - 1))))
    np.testing.assert_allclose(np.mean(measured), expected, rtol=1e-5)
