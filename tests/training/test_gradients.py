"""Gradients by kernels: formulas where there are any, differences elsewhere."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.training.gradients import gradient_of, kernel_gradients
from nncompress_lab.training.known_task import task_of

pytestmark = pytest.mark.contract


def mean_loss(model: keras.Model, data: ncl.Data) -> float:
    predictions = model(data.x, training=False)
    return float(to_numpy(task_of(model, data).total(model, data.y, predictions)))


def gradients(model: keras.Model, data: ncl.Data, loss: str = "auto", **settings):
    """By all kernels, batch by batch."""
    total = task_of(model, data, loss=loss).total
    return kernel_gradients(model, kernel_layers(model), data, loss=total, **settings)


def linear_model(activation: str | None = None) -> keras.Model:
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, activation=activation, name="dense")]
    )


def test_the_gradient_of_a_linear_model_is_the_formula():
    generator = np.random.default_rng(0)
    x, y = (
        generator.normal(size=(6, 3)).astype(np.float32),
        generator.normal(size=(6, 4)),
    )
    model = linear_model()
    kernel = to_numpy(model.layers[0].kernel)

    (found,) = gradients(model, ncl.Data(x, y.astype(np.float32)), "mse")

    expected = 2 / y.size * x.T @ (x @ kernel - y)
    # float32 sums in another order.
    np.testing.assert_allclose(found["dense"][0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_the_gradient_of_the_cross_entropy_is_the_formula(activation):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(6, 3)).astype(np.float32)
    y = generator.integers(0, 4, 6).astype(np.int32)
    model = linear_model(activation)
    logits = x @ to_numpy(model.layers[0].kernel)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    (found,) = gradients(model, ncl.Data(x, y))

    expected = x.T @ (probabilities - np.eye(4)[y]) / 6
    # float32, and probabilities that Keras clips at 1e-7.
    np.testing.assert_allclose(found["dense"][0], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_a_small_step_along_the_gradient_changes_the_loss_as_it_says(build, context):
    model = build()
    layers = kernel_layers(model)

    (found,) = gradients(model, context.train)

    squares = sum(float((g**2).sum()) for one in found.values() for g in one)
    # A step that changes the loss by 3e-4: large against float32's rounding of the loss,
    # about 1e-7, and so small that few of the ReLUs switch, which bends the line by 5 %.
    step = 3e-4 / squares
    losses = []
    for sign in (1, -2):
        for layer in layers:
            layer.assign(
                [
                    array + np.float32(sign * step) * gradient
                    for array, gradient in zip(
                        layer.arrays(), found[layer.path], strict=True
                    )
                ]
            )
        losses.append(mean_loss(model, context.train))
    assert (losses[0] - losses[1]) / 6e-4 == pytest.approx(1, abs=0.05)


def test_batches_are_in_order_and_the_last_one_is_smaller(context):
    model = linear_model()
    data = ncl.Data(np.eye(3, dtype=np.float32), np.array([0, 1, 2], np.int32))

    batches = list(gradients(model, data, batch_size=2))

    assert len(batches) == 2
    # Only the inputs of a batch have a gradient: the third one is all of the last.
    np.testing.assert_array_equal(batches[1]["dense"][0][:2], 0)
    assert batches[1]["dense"][0][2].all()


def test_frozen_kernels_have_gradients_and_stay_frozen(context):
    model = tiny_models.sequential()
    model.trainable = False
    before = tiny_models.weights_of(model)

    (found,) = gradients(model, context.train)

    assert all(gradient.any() for one in found.values() for gradient in one)
    assert not model.trainable_variables
    for one, other in zip(before, tiny_models.weights_of(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_kernel_that_the_output_does_not_depend_on_has_gradient_zero():
    image = keras.Input((3,))
    dead = keras.layers.Dense(4, kernel_initializer="zeros", name="used")
    model = keras.Model(image, dead(keras.layers.Dense(5, name="before")(image)))
    data = ncl.Data(np.ones((2, 3), np.float32), np.array([0, 1], np.int32))

    (found,) = gradients(model, data)

    np.testing.assert_array_equal(found["before"][0], 0)


def test_no_layers_have_no_gradients(context):
    without = kernel_gradients(
        tiny_models.sequential(), [], context.train, loss=lambda *_: 0.0
    )

    assert list(without) == [{}]


def test_one_hot_labels_give_the_gradients_of_their_indices(context):
    model = tiny_models.sequential()
    one_hot = ncl.Data(context.train.x, np.eye(4)[context.train.y])

    (expected,) = gradients(model, context.train)
    (found,) = gradients(model, one_hot)

    for path, arrays in expected.items():
        for one, other in zip(arrays, found[path], strict=True):
            # Threads may sum in another order.
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", ["a loss", "a function"])
def test_an_example_counts_as_often_as_its_weight_says(loss):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(6, 3)).astype(np.float32)
    y = generator.normal(size=(6, 4)).astype(np.float32)
    weight = np.array([1, 0, 2, 0.5, 0, 3], np.float32)
    model = linear_model()
    kernel = to_numpy(model.layers[0].kernel)
    losses = {"a loss": keras.losses.MeanSquaredError(), "a function": squares}
    context = ncl.Context(objective=ncl.Objective(losses[loss]))
    data = ncl.Data(x, y, weight)

    total = task_of(model, data, context=context).total
    (found,) = kernel_gradients(model, kernel_layers(model), data, loss=total)

    # As `fit` has it: the mean over all examples, whatever they count.
    expected = 2 / y.size * x.T @ (weight[:, None] * (x @ kernel - y))
    np.testing.assert_allclose(found["dense"][0], expected, rtol=1e-4, atol=1e-6)


def squares(labels, outputs):
    return keras.ops.mean(keras.ops.square(labels - outputs), axis=-1)


@pytest.mark.parametrize("alike", [True, False])
def test_weights_of_examples_are_for_all_outputs_or_for_each(alike):
    image = keras.Input((3,))
    ends = [keras.layers.Dense(2, name=name)(image) for name in "ab"]
    model = keras.Model(image, ends)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    y = [np.ones((4, 2), np.float32)] * 2
    weight = np.array([1, 0, 0, 2], np.float32)
    counts = weight if alike else [weight, np.zeros(4, np.float32)]
    total = task_of(model, ncl.Data(x, y), loss="mse").total

    found = float(to_numpy(total(model, y, model(x), counts)))

    gaps = [np.square(to_numpy(one) - 1).mean(-1) @ weight / 4 for one in model(x)]
    assert found == pytest.approx(sum(gaps) if alike else gaps[0], rel=1e-5)


def test_the_gradient_of_a_function_of_an_array():
    ops = keras.ops
    at = [1.5, -3.0]

    squares = gradient_of(lambda x: ops.sum(x * x), at)
    rounded = gradient_of(lambda x: ops.sum(ops.round(x)), at)
    unrelated = gradient_of(lambda x: ops.sum(ops.ones(2)), at)

    assert squares.tolist() == [3.0, -6.0]
    assert rounded.tolist() == unrelated.tolist() == [0.0, 0.0]
    assert gradient_of(lambda x: 2 * x, 0.5) == 2
