"""Models whose class says how they learn: they do so, or the library says why not."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers, ops

import nncompress_lab as ncl
from nncompress_lab.training.by_keras import by_keras

pytestmark = pytest.mark.usefixtures("eagerly")

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
IMAGES = ncl.Context(train=(X, X), validation=(X, X), test=(X, X), progress=False)
STEPS = {"epochs": 2, "learning_rate": 0.01}


class Autoencoder(keras.Model):
    """A loss of its own, of what no label tells."""

    def compute_loss(self, x=None, y=None, y_pred=None, *_args, **_settings):
        image, code = y_pred
        return ops.mean(ops.square(x - image)) + 0.1 * ops.mean(ops.abs(code))


class Subclassed(keras.Model):
    """A step of its own, and trackers of its own; its layers are no graph."""

    def __init__(self):
        super().__init__()
        self.outer, self.inner = layers.Dense(6), layers.Dense(4, activation="relu")
        self.mean = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.mean]

    def call(self, inputs):
        return self.outer(self.inner(inputs))

    def compute_loss(self, x=None, y=None, y_pred=None, *_args, **_settings):
        return ops.mean(ops.abs(x - y_pred))

    def test_step(self, data):
        self.mean.update_state(self.compute_loss(data[0], None, self(data[0])))
        return {"loss": self.mean.result()}


class Silent(Autoencoder):
    """Tells no loss when it is judged."""

    def test_step(self, *_data):
        return {"kl": 0.0}


class OwnCompile(Autoencoder):
    def compile(self, optimizer, strength=1.0, **settings):
        super().compile(optimizer, **settings)
        self.strength = strength


def functional(kind):
    image = keras.Input((6,))
    code = layers.Dense(4, activation="relu", name="code")(image)
    return kind(image, [layers.Dense(6, name="image")(code), code], name="own")


def built(model):
    model(X)
    return model


def loss_of(model):
    model.compile("sgd")
    return model.evaluate(X, X, verbose=0, return_dict=True)["loss"]


@pytest.mark.contract
@pytest.mark.parametrize(
    "step",
    [
        ncl.FineTune(**STEPS),
        ncl.GradualPruning(0.5, curve="constant", **STEPS),
        ncl.QuantizationAwareTraining(bits=8, **STEPS),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_model_with_a_loss_of_its_own_learns_by_it(step):
    model = functional(Autoencoder)
    model.compile("adam")

    trained = step(model, IMAGES)

    assert type(trained) is Autoencoder
    assert not trained.compiled
    assert model.compiled
    start = model if "Pruning" not in step.label else ncl.MagnitudePruning(0.5)(model)
    assert loss_of(trained) < loss_of(start)


def test_a_subclassed_model_learns_by_its_own_step():
    model = built(Subclassed())
    model.compile("adam")

    result = ncl.compress(
        model,
        ncl.GradualPruning(0.5, curve="constant", select="inner", **STEPS),
        context=IMAGES,
    )

    kernel = ops.convert_to_numpy(result.model.inner.kernel)
    assert (kernel == 0).sum() == kernel.size // 2
    first, last = result.measured(latency=False).stages
    assert list(first.metrics) == ["loss"]
    assert first.metrics["loss"] != last.metrics["loss"]


@pytest.mark.parametrize("model", [functional(Silent), functional(OwnCompile)])
def test_what_cannot_be_trained_so_is_refused_before_any_training(model):
    model.compile("adam")

    with pytest.raises(
        ValueError, match=r"(test_step|compile\(\) of its own).*Objective"
    ):
        ncl.FineTune(epochs=1)(model, IMAGES)


@pytest.mark.parametrize(
    "step",
    [
        ncl.ScorePruning(0.5, score="taylor"),
        ncl.FineTune(epochs=1, teacher="context"),
        ncl.Distillation(epochs=1),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_asks_for_a_loss_of_labels_and_outputs_says_so(step):
    model = functional(Autoencoder)
    model.compile("adam")

    with pytest.raises(ValueError, match="Autoencoder learns by a loss of its own"):
        step(model, replace(IMAGES, teacher=functional(keras.Model)))


@pytest.mark.parametrize("make", [lambda: functional(Autoencoder), Subclassed])
def test_an_objective_goes_before_a_step_of_ones_own(make):
    model = built(make())
    model.compile("adam")
    several = len(keras.tree.flatten(model(X))) > 1
    y = [X, np.zeros((32, 4), np.float32)] if several else X
    context = ncl.Context(
        train=(X, y),
        validation=(X, y),
        objective=ncl.Objective("mse", metrics=[] if several else ["mae"]),
        progress=False,
    )

    tuned = ncl.FineTune(**STEPS)(model, context)

    assert type(tuned) is type(model)
    before, after = (
        ncl.measure.evaluate(one, context.validation, context.objective)
        for one in (model, tuned)
    )
    assert after["loss"] < before["loss"]
    assert ("mean_absolute_error" in after or "mae" in after) != several


def test_by_keras_is_for_a_while():
    model = built(Subclassed())

    with by_keras(model):
        assert type(model).compute_loss is keras.Model.compute_loss
        assert isinstance(model, Subclassed)

    assert type(model) is Subclassed
