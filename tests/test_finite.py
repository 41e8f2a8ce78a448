"""Not-a-number is never silent: in data, in trainings, in what passes return."""

import dataclasses

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.errors import CompressionError
from nncompress_lab.finite import are_finite
from nncompress_lab.training import loop

CONTEXT = tiny_models.context()


def spoiled(data, value=np.nan):
    x = data.x.copy()
    x[3, 1, 2, 0] = value
    return ncl.Data(x, data.y)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_number_of_the_calibration_data_is_found_and_named(value):
    context = dataclasses.replace(
        CONTEXT, calibration=spoiled(CONTEXT.calibration, value)
    )
    with pytest.raises(
        ValueError, match=r"`calibration` must be finite.* 1 of .*example 3"
    ):
        ncl.GPTQ(bits=4)(tiny_models.sequential(), context)


def test_both_infinities_do_not_hide_each_other():
    x = CONTEXT.train.x.copy()
    x[0, 0, 0, 0], x[1, 0, 0, 0] = np.inf, -np.inf
    context = dataclasses.replace(CONTEXT, train=ncl.Data(x, CONTEXT.train.y))
    with pytest.raises(ValueError, match="2 of"):
        ncl.FineTune(epochs=1)(tiny_models.sequential(), context)


def test_real_labels_are_looked_at_and_data_that_no_pass_needs_are_not():
    y = np.full(len(CONTEXT.train), np.nan)
    context = dataclasses.replace(CONTEXT, train=ncl.Data(CONTEXT.train.x, y))
    with pytest.raises(ValueError, match="labels of `train`"):
        ncl.FineTune(epochs=1, loss="mse")(tiny_models.sequential(), context)

    assert ncl.MagnitudePruning(0.5)(tiny_models.sequential(), context)


def test_a_pass_that_leaves_such_weights_is_named_with_the_layer():
    model = tiny_models.sequential()
    kernel = model.get_layer("hidden").kernel
    kernel.assign(np.full(kernel.shape, np.nan))

    @dataclasses.dataclass(frozen=True)
    class LeavesThemAlone(ncl.Pass):
        def transform(self, model, context):
            return ncl.copy_model(model)

    with pytest.raises(CompressionError, match=r"LeavesThemAlone left .*hidden/kernel"):
        LeavesThemAlone()(model)


@pytest.mark.parametrize(
    "step",
    [
        ncl.FineTune(epochs=2, learning_rate=1e38, optimizer="sgd"),
        ncl.Distillation(epochs=2, learning_rate=1e38, optimizer="sgd"),
        ncl.GradualPruning(0.5, epochs=4, learning_rate=1e38, optimizer="sgd"),
        ncl.QuantizationAwareTraining(epochs=2, learning_rate=1e38, optimizer="sgd"),
    ],
    ids=lambda step: type(step).__name__,
)
def test_a_training_that_diverges_at_once_says_so(step, eagerly):
    with pytest.raises(CompressionError, match=r"diverged.*learning_rate=1e\+38"):
        step(tiny_models.sequential(), CONTEXT)


def test_epochs_before_it_diverges_are_kept(monkeypatch):
    losses = iter([0.5, float("nan"), 0.1])
    judge = loop._BestEpoch.on_epoch_end

    def told(self, epoch, logs=None):
        return judge(self, epoch, {**(logs or {}), "val_loss": next(losses)})

    monkeypatch.setattr(loop._BestEpoch, "on_epoch_end", told)
    tuned = ncl.FineTune(epochs=3)(tiny_models.sequential(), CONTEXT)

    assert are_finite(tuned.get_weights())
    assert next(losses) == 0.1  # the third epoch was not run


def test_accuracy_refuses_labels_that_are_no_classes():
    model, data = tiny_models.sequential(), CONTEXT.validation
    with pytest.raises(ValueError, match=r"class indices in 0\.\.3"):
        ncl.measure.accuracy(model, ncl.Data(data.x, data.y + 1))


def test_a_weight_that_is_infinite_is_not_exported(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="last")])
    model.layers[-1].bias.assign([0.0, np.inf, 0.0])

    with pytest.raises(CompressionError, match=r"Weights of 'last'.* NaN or infinite"):
        ncl.export(model, tmp_path / "model.onnx")

    assert not list(tmp_path.iterdir())


def test_a_model_whose_outputs_are_all_infinite_is_not_exported(tmp_path):
    large = keras.initializers.Constant(1e30)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, kernel_initializer=large),
            keras.layers.Dense(3, kernel_initializer=large),
        ]
    )

    with pytest.raises(CompressionError, match="nothing that is finite"):
        ncl.export(model, tmp_path / "model.onnx")
