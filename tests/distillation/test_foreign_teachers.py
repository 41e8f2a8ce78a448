"""Students of teachers that others wrote: shapes that fit, narrower where they can be."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import nncompress_lab as ncl
from nncompress_lab.distillation.student import Student

IMAGE, STEPS, TOKENS = (16, 16, 3), (4, 8), (6,)


def hidden(image, filters=2):
    return layers.ReLU()(layers.Conv2D(filters, 1)(image))


def pooled(tensor):
    return layers.GlobalAveragePooling2D()(tensor)


def embedded(ids):
    return layers.Embedding(20, 8, mask_zero=True)(ids)


def film(steps):
    frames = layers.Reshape((4, 2, 4, 1))(steps)
    x = layers.TimeDistributed(layers.Conv2D(16, 1, activation="relu"))(frames)
    x = layers.TimeDistributed(layers.BatchNormalization())(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    return layers.TimeDistributed(layers.Dense(16, activation=lambda one: 2 * one))(x)


def translated(steps):
    _, *state = layers.LSTM(8, return_state=True)(steps)
    return layers.LSTM(8, return_sequences=True)(steps, initial_state=state)


def gated(steps):
    value, gate = ops.split(layers.Dense(32)(steps), 2, axis=-1)
    return value * ops.sigmoid(gate)


# What is made of an image, steps or tokens, and whether a student of it is smaller.
TEACHERS = {
    "constant": (IMAGE, lambda x: ops.reshape(hidden(x), (-1, 512)), False),
    "constant inside": (
        IMAGE,
        lambda x: layers.Lambda(lambda one: ops.reshape(one, (-1, 512)))(hidden(x)),
        False,
    ),
    "places": (IMAGE, lambda x: pooled(ops.take(hidden(x), [0, 1], axis=-1)), False),
    "cut": (IMAGE, lambda x: ops.split(pooled(hidden(x, 30)), [10], axis=-1)[1], False),
    "equal sizes": (IMAGE, lambda x: ops.mean(hidden(x, 16), axis=3)[:, :, 0], False),
    "split": (STEPS, gated, True),
    "film": (STEPS, film, True),
    "mask": (TOKENS, lambda x: layers.LSTM(8)(embedded(x)), True),
    "mask given": (
        TOKENS,
        lambda x: layers.GRU(8)(layers.Embedding(20, 8)(x), mask=ops.not_equal(x, 0)),
        True,
    ),
    "states": (STEPS, translated, True),
    "both directions": (STEPS, layers.Bidirectional(layers.LSTM(8)), True),
    "sum of both": (
        STEPS,
        layers.Bidirectional(layers.GRU(8), merge_mode="sum"),
        True,
    ),
    "lambda": (
        IMAGE,
        lambda x: pooled(layers.Lambda(lambda one: one * 2)(hidden(x))),
        True,
    ),
}


@pytest.mark.parametrize("name", TEACHERS)
def test_students_have_the_outputs_of_their_teachers(name):
    shape, build, smaller = TEACHERS[name]
    inputs = keras.Input(shape, dtype="int32" if shape is TOKENS else "float32")
    teacher = keras.Model(inputs, layers.Dense(3)(build(inputs)))

    student = Student(width=0.5)(teacher)

    x = np.ones((6, *shape))
    assert student(x).shape == teacher(x).shape
    assert (student.count_params() < teacher.count_params()) is smaller


class Classifier(keras.Model):
    """Holds its backbone twice: in its graph, and as an attribute."""

    def __init__(self, backbone, *, flat):
        outputs = backbone.output if flat else backbone(backbone.input)
        super().__init__(backbone.input, layers.Dense(3, name="top")(outputs))
        self.backbone = backbone

    def get_config(self):
        return {"backbone": keras.saving.serialize_keras_object(self.backbone)}


@pytest.mark.parametrize("flat", [True, False])
def test_a_backbone_that_is_an_attribute_gets_narrower(flat):
    inputs = keras.Input((8,))
    backbone = keras.Model(
        inputs, layers.Dense(16, name="deep")(inputs), name="backbone"
    )

    student = Student(width=0.5)(Classifier(backbone, flat=flat))

    inside = student if flat else student.get_layer("backbone")
    assert inside.get_layer("deep").units == 8
    assert student(np.ones((2, 8))).shape == (2, 3)


def test_classes_of_the_same_name_are_not_mistaken_for_each_other():
    def scaled_by(factor):
        class Scaled(layers.Layer):
            def call(self, inputs):
                return factor * inputs

        return Scaled()

    inputs = keras.Input((8,))
    teacher = keras.Model(inputs, scaled_by(3)(scaled_by(2)(inputs)))

    np.testing.assert_array_equal(
        Student(width=0.5)(teacher)(np.ones((1, 8))), [[6] * 8]
    )


def test_what_is_given_by_an_initializer_is_drawn_anew():
    table = keras.initializers.Constant(np.ones((8, 16)))
    teacher = keras.Sequential(
        [keras.Input((8,)), layers.Dense(16, kernel_initializer=table), layers.Dense(3)]
    )

    student = Student(width=0.5, initialise="random")(teacher)

    assert student.layers[0].units == 8
    assert np.std(np.asarray(student.layers[0].kernel)) > 0


def test_a_vocabulary_is_taken_over():
    words = layers.StringLookup()
    words.adapt(np.array(["a", "b"]))
    inputs = keras.Input((2,), dtype="string")
    outputs = layers.Dense(3)(layers.Flatten()(layers.Embedding(9, 8)(words(inputs))))
    teacher = keras.Model(inputs, outputs)

    student = Student(width=0.5)(teacher)

    assert student.layers[1].get_vocabulary() == words.get_vocabulary()


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="mine")
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


@pytest.mark.parametrize(
    "step",
    [
        ncl.FineTune(epochs=1, teacher="context"),
        ncl.GradualPruning(sparsity=0.5, epochs=1, teacher="context"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_subclassed_teacher_is_refused_by_name(step):
    x, teacher = np.ones((4, 8), np.float32), Subclassed()
    teacher(x)
    data = (x, np.zeros(4, int))
    context = ncl.Context(train=data, validation=data, teacher=teacher)
    student = keras.Sequential([keras.Input((8,)), layers.Dense(3)])

    with pytest.raises(ncl.UnsupportedModelError, match="'mine' is a subclassed model"):
        step(student, context)
