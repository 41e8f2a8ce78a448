"""What a report says of the passes: layers left alone, and normalizations made wrong."""

import json

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl

DATA = ncl.Data(tiny_models.images(), [0] * len(tiny_models.images()))
CONTEXT = ncl.Context(train=DATA, validation=DATA, calibration=DATA, progress=False)
PRUNE = ncl.MagnitudePruning(sparsity=0.5)
AGAIN, FOLD = ncl.ReestimateBatchNorm(), ncl.FoldBatchNorm()
STALE = "still use the means and variances of before"


def remarks(model: keras.Model, *passes: ncl.Pass) -> str:
    return "\n".join(ncl.compress(model, *passes, context=CONTEXT).remarks)


@keras.saving.register_keras_serializable(package="tests_of_remarks")
class Own(layers.Layer):
    """A layer whose weights no pass knows."""

    def build(self, input_shape):
        self.table = self.add_weight((4032,))

    def call(self, x):
        return x * keras.ops.mean(self.table)


def mostly_own() -> keras.Model:
    return keras.Sequential(
        [keras.Input((32,)), Own(name="own"), layers.Dense(5, name="out")]
    )


def test_every_form_names_what_was_left_with_its_share_and_the_reason():
    images = np.zeros((len(DATA), 32))
    context = ncl.Context(calibration=images, progress=False)
    result = ncl.compress(
        mostly_own(), PRUNE, ncl.UniformQuantization(), context=context
    )

    report = result.measured(latency=False)

    for text in (str(report), report._repr_html_(), report.to_markdown()):
        assert "MagnitudePruning and UniformQuantization treat 3.8 %" in text
        assert (
            "own (Own), 96 % of the weights: this layer type is not supported" in text
        )
    assert json.loads(report.to_json())["remarks"] == list(result.remarks)
    assert r"% MagnitudePruning and" in report.to_latex()


def test_nothing_is_said_where_all_kernels_are_treated():
    assert remarks(tiny_models.sequential(), PRUNE, FOLD) == ""


def test_passes_that_leave_different_layers_are_named_apart():
    head = ncl.Selection(skip_last=1)
    said = remarks(
        tiny_models.sequential(),
        ncl.MagnitudePruning(sparsity=0.5, select=head),
        ncl.UniformQuantization(select="logits"),
    )

    first, second = said.split("\nUniformQuantization treats")
    assert "logits (Dense)" in first
    assert "conv, hidden (Conv2D, Dense)" in second


def test_many_layers_are_counted():
    inputs = keras.Input((8,))
    x = inputs
    for _ in range(6):
        x = layers.Dense(8)(x)
    model = keras.Model(inputs, layers.Dense(4, name="logits")(x))

    said = remarks(model, ncl.MagnitudePruning(sparsity=0.5, select="logits"))

    assert "and 3 more (Dense), 92 % of the weights: left out by" in said


def test_a_large_share_of_normalizations_is_not_hidden():
    model = keras.Sequential(
        [keras.Input((30,)), layers.BatchNormalization(), layers.Dense(2)]
    )

    assert "(BatchNormalization), 66 % of the weights: no kernel" in remarks(
        model, PRUNE
    )


@pytest.mark.parametrize(
    "step",
    [
        PRUNE,
        ncl.UniformQuantization(bits=3),
        ncl.ChannelPruning(sparsity=0.5),
        ncl.LowRank(rank=1),
        ncl.pipeline(AGAIN, PRUNE),
    ],
    ids=lambda one: one.label,
)
def test_statistics_of_before_a_pass_are_to_be_measured_again(step):
    said = remarks(tiny_models.residual(), step)

    name = type(ncl.pipeline(step).passes[-1]).__name__
    assert f"{STALE} {name}: ReestimateBatchNorm()" in said


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "step",
    [
        ncl.pipeline(PRUNE, AGAIN),
        ncl.GradualPruning(sparsity=0.5, curve="constant", epochs=1, batch_size=16),
        ncl.pipeline(PRUNE, AGAIN, FOLD),
        ncl.UniformQuantization(bits=8),
        FOLD,
        ncl.pipeline(),
    ],
    ids=lambda one: one.label,
)
def test_statistics_that_are_right_are_not_mentioned(step):
    assert STALE not in remarks(tiny_models.residual(), step)


def test_folding_some_normalizations_makes_the_others_no_worse():
    image = keras.Input(tiny_models.images().shape[1:])
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(image))
    x = layers.Dense(4)(layers.BatchNormalization()(layers.ReLU()(x)))
    model = tiny_models.randomize_statistics(keras.Model(image, x))

    assert STALE not in remarks(model, FOLD, ncl.EqualizeRanges())


def test_folding_before_measuring_is_told():
    said = remarks(tiny_models.residual(), FOLD, PRUNE, AGAIN)

    assert "put ReestimateBatchNorm() before FoldBatchNorm()" in said
    assert "before FoldBatchNorm()" not in remarks(tiny_models.residual(), AGAIN, FOLD)
    assert "before FoldBatchNorm()" not in remarks(
        tiny_models.sequential(), FOLD, AGAIN
    )


def test_a_student_as_large_as_its_teacher_is_told(eagerly):
    step = ncl.Distillation(epochs=1)
    one_layer = keras.Sequential([keras.Input(tiny_models.IMAGE), layers.Flatten()])
    one_layer.add(layers.Dense(3, name="logits"))

    assert "taught a student as large as its teacher" in remarks(one_layer, step)
    assert "as large as" not in remarks(tiny_models.sequential(), step)
