"""A distillation trial shows the loss that the pass makes small, and what comes of it."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.training.arrays.soft_targets import log_soft_targets, soft_targets
from nncompress_lab.training.teacher_losses import TaughtOutput
from nncompress_lab.trials.arrays.teaching import entropies, others, terms
from nncompress_lab.trials.distillation import DistillationTrial
from nncompress_lab.trials.student_training import HARD, LABELS, TAUGHT

CLASSES = 3
CHOICES = (
    {"temperature": 4.0},
    {"temperature": 1.0, "student_loss_weight": 0.5},
    {"temperature": 20.0, "student_loss_weight": 0.0},
    {"loss": "mse", "student_loss_weight": 0.3},
    {"student_loss_weight": 1.0},
)


def model_of(units: int, seed: int, activation: str | None = None) -> keras.Model:
    keras.utils.set_random_seed(seed)
    hidden = layers.Dense(units, activation="tanh", name="hidden")
    last = layers.Dense(CLASSES, activation=activation, name="answers")
    return keras.Sequential([keras.Input((4,)), hidden, last], name=f"of_{units}")


def dataset(count: int = 60) -> ncl.Dataset:
    x = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    y = np.argmax(x[:, :CLASSES], axis=1).astype(np.int32)
    part = ncl.Data(x, y)
    return ncl.Dataset("tiny", part, part, part, ("a", "b", "c"))


def trial_of(activation: str | None = None, **settings) -> DistillationTrial:
    pair = model_of(16, 1, activation), model_of(5, 2, activation)
    return DistillationTrial(*pair, dataset(), **settings)


@pytest.mark.parametrize("settings", CHOICES)
def test_the_two_terms_are_the_loss_of_the_pass(settings):
    trial = trial_of()
    choice = trial.choice(**settings)
    output = TaughtOutput(
        CLASSES, choice.loss, choice.temperature, choice.student_loss_weight
    )
    logits = [
        keras.ops.convert_to_numpy(one(trial.data.x, training=False))
        for one in trial.pair
    ]

    taught = output.targets(trial.data.y, logits[0])
    expected = keras.ops.convert_to_numpy(output.total(taught, logits[1]))
    seen = [trial.seen(choice, place).terms for place in range(len(trial.data))]

    found = [float((one.labels + one.teacher)[0]) for one in seen]
    # The pass computes in float32, and then times the square of the temperature.
    atol = 2e-7 * choice.temperature**2
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=atol)


@pytest.mark.parametrize("settings", CHOICES)
def test_gradients_are_those_of_the_terms(settings):
    random = np.random.default_rng(3)
    teacher, student = random.normal(scale=2, size=(2, 1, 5))
    known = {
        "temperature": settings.get("temperature", 4.0),
        "student_loss_weight": settings.get("student_loss_weight", 0.1),
        "squared": settings.get("loss") == "mse",
    }
    labels, step = np.array([2]), 1e-5
    found = terms(teacher, student, labels, **known)

    for place in range(5):
        off = np.eye(5)[place : place + 1] * step
        more, less = (
            terms(teacher, student + one, labels, **known) for one in (off, -off)
        )
        for loss, gradient in (("labels", "of_labels"), ("teacher", "of_teacher")):
            slope = (getattr(more, loss) - getattr(less, loss)) / (2 * step)
            assert getattr(found, gradient)[0, place] == pytest.approx(
                slope[0], abs=1e-6
            )


def yes_or_no() -> ncl.Dataset:
    data = dataset()
    y = (np.asarray(data.train.y) == 0).astype("float32")
    part = ncl.Data(data.train.x, y[:, None])
    return ncl.Dataset("yes or no", part, part, part)


def single(width: int, seed: int, activation: str | None = "sigmoid") -> keras.Model:
    keras.utils.set_random_seed(seed)
    hidden = layers.Dense(width, activation="tanh", name="hidden")
    last = layers.Dense(1, activation=activation, name="answers")
    return keras.Sequential([keras.Input((4,)), hidden, last], name=f"single_{width}")


def test_a_single_unit_is_two_classes_with_the_loss_of_the_pass():
    trial = DistillationTrial(single(16, 1), single(5, 2), yes_or_no())
    labels = np.asarray(trial.data.y)
    teacher, student = (
        np.log(p / (1 - p)).astype("float32")
        for one in trial.pair
        for p in [keras.ops.convert_to_numpy(one(trial.data.x)).astype(float)]
    )

    def on_labels(y, z):
        return keras.ops.binary_crossentropy(y[..., None], z, from_logits=True)[..., 0]

    for settings in CHOICES:
        choice = trial.choice(**settings)
        how = choice.loss, choice.temperature, choice.student_loss_weight
        like = np.zeros(1, "float32")
        output = TaughtOutput(
            1, *how, head="binary", on_labels=on_labels, labels_like=like
        )
        total = output.total(output.targets(labels, teacher), student)
        seen = [trial.seen(choice, place) for place in range(len(labels))]
        found = [float((one.terms.labels + one.terms.teacher)[0]) for one in seen]
        expected = keras.ops.convert_to_numpy(total)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        assert all(one.teacher.shape == (2,) for one in seen)
    right = (teacher[:, 0] > 0) == labels
    assert trial.original["accuracy"] == right.mean()


def test_students_with_a_single_unit_are_trained_in_all_ways():
    trial = DistillationTrial(single(16, 1), single(5, 2), yes_or_no(), epochs=1)
    choice = trial.choice()

    with tiny_models.eagerly():
        found = trial.trained(choice, lambda *_: None)

    assert set(found) == {LABELS, HARD, TAUGHT}
    assert next(trial.measured(choice)).score == found[TAUGHT]


def test_a_single_unit_with_any_number_is_refused():
    with pytest.raises(ValueError, match="as in a regression"):
        DistillationTrial(single(16, 1, None), single(5, 2, None), yes_or_no())


def test_the_factor_is_the_square_of_the_temperature():
    logits = np.random.default_rng(4).normal(size=(2, 7, 4))
    labels = np.zeros(7, int)
    found = terms(*logits, labels, temperature=5.0, student_loss_weight=0.0)
    p, q = (soft_targets(one, temperature=5.0) for one in logits)
    log_p, log_q = (log_soft_targets(one, temperature=5.0) for one in logits)

    assert found.factor == 25.0
    np.testing.assert_allclose(found.teacher / 25, np.sum(p * (log_p - log_q), axis=-1))
    np.testing.assert_allclose(found.of_teacher / 25, (q - p) / 5)


def test_a_sure_teacher_leaves_nothing_to_others():
    assert others(np.eye(3)) == 0.0
    assert entropies(np.eye(3)).tolist() == [0.0] * 3
    assert entropies(np.full((1, 8), 1 / 8)).round(6).tolist() == [3.0]
    logits = np.array([[2.0, 0.0]])
    sure = terms(logits, logits, np.array([0]), temperature=1, student_loss_weight=0)
    assert sure.balance == 0.0


def test_warmer_targets_are_softer_and_the_logits_are_their_limit():
    trial = trial_of()
    warmth = [trial.choice(temperature=one) for one in (1.0, 3.0, 10.0)]
    warmth.append(trial.choice(loss="mse"))

    figures = [trial.counted(one) for one in warmth]

    for name in ("others", "soft_entropy"):
        assert sorted(one[name] for one in figures) == [one[name] for one in figures]
    assert figures[-1]["soft_entropy"] == pytest.approx(np.log2(CLASSES), abs=1e-3)
    student = trial.student
    assert figures[0]["macs"] == measure.macs(student)
    assert figures[0]["parameters"] == student.count_params()


def test_probabilities_and_logits_of_one_model_are_seen_alike():
    of_logits, of_softmax = trial_of(), trial_of("softmax")
    choice = {"temperature": 3.0}
    one, other = (
        each.counted(each.choice(**choice)) for each in (of_logits, of_softmax)
    )

    assert one == pytest.approx(other, abs=1e-4)


def test_images_come_by_how_unsure_the_teacher_is():
    trial = trial_of()
    choice = trial.choice(temperature=1.0)

    bits = [
        entropies(trial.seen(choice, place).teacher) for place in trial.unsure_first
    ]

    assert sorted(bits, reverse=True) == bits
    assert sorted(trial.unsure_first) == list(range(60))


def test_features_are_compared_as_the_pass_begins():
    trial = trial_of()
    without, with_hints = (
        trial.seen(trial.choice(features=one, feature_weight=2.0), 0).features
        for one in (None, "hint")
    )

    assert without == 0.0
    assert with_hints > 0.0


@pytest.mark.usefixtures("eagerly")
def test_three_students_are_trained_and_one_is_that_of_the_pass():
    trial = trial_of(epochs=1)
    choice = trial.choice(temperature=2.0, learning_rate=0.05)
    data, heard = dataset(), []
    start = next(trial.measured(choice)).score

    found = trial.trained(choice, lambda *told: heard.append(told))
    context = ncl.Context(train=data.train, validation=data.validation, progress=False)
    expected = choice(trial.pair[0], context)

    assert start == measure.accuracy(trial.student, data.validation)
    after = next(trial.measured(choice)).score
    assert found[TAUGHT] == after == measure.accuracy(expected, data.validation)
    assert trial.is_trained(choice)
    ways = [way for way, done, _ in heard if done == 1.0]
    assert list(dict.fromkeys(ways)) == [LABELS, HARD, TAUGHT]
    assert [len(curve) for _, _, curve in heard[-1:]] == [1]
    tiny_models.assert_same_weights(trial.student, model_of(5, 2))

    again, warmer = [], trial.choice(temperature=9.0)

    def stop(way, done, curve):
        again.append(way)
        if way == TAUGHT:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        trial.trained(warmer, stop)
    assert again == [LABELS, HARD, TAUGHT]  # the controls are known by now
    assert not trial.is_trained(warmer)


@pytest.mark.parametrize("form", ["indices", "column", "one-hot"])
def test_hard_labels_come_in_the_form_of_the_labels(form):
    data = dataset()
    y = {
        "indices": data.train.y,
        "column": data.train.y[:, None],
        "one-hot": np.eye(CLASSES, dtype=np.float32)[data.train.y],
    }[form]
    part = ncl.Data(data.train.x, y)
    pair = model_of(16, 1), model_of(5, 2)
    trial = DistillationTrial(*pair, ncl.Dataset("tiny", part, part))

    x, hard, _ = trial._training._hard(part.x, part.y, None)

    said = keras.ops.convert_to_numpy(pair[0](x, training=False)).argmax(axis=1)
    assert (hard.shape, hard.dtype) == (y.shape, y.dtype)
    found = hard.argmax(axis=1) if form == "one-hot" else hard.ravel()
    assert found.tolist() == said.tolist()
    assert trial.data.y.tolist() == data.train.y.tolist()


def test_what_does_not_fit_is_refused():
    teacher, data = model_of(16, 1), dataset()
    with pytest.raises(ValueError, match="same input shape"):
        DistillationTrial(teacher, tiny_models.sequential(), data)
    trial = DistillationTrial(teacher, model_of(5, 2), data.validation)
    assert not trial.can_train
    with pytest.raises(ValueError, match="needs training images"):
        trial.trained(trial.choice(), print)
