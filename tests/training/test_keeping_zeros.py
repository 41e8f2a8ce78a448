"""Zeros in a training of the user's own: kept in the block, whoever writes weights."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.training.task import jit_compile

pytestmark = pytest.mark.contract
DATA = tiny_models.context().train
SPARSITY = 0.8


def compiled(model, optimizer="adam", **settings):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        optimizer, loss, metrics=["accuracy"], jit_compile=jit_compile(), **settings
    )
    return model


def fitted(model, *, epochs=1, **settings):
    model.fit(DATA.x, DATA.y, batch_size=8, epochs=epochs, verbose=0, **settings)
    return model


def fewest_zeros(model):
    return min(np.mean(a == 0) for one in kernel_layers(model) for a in one.arrays())


def pruned():
    return ncl.MagnitudePruning(sparsity=SPARSITY, scope="layer")(
        tiny_models.sequential()
    )


def averaging(**settings):
    return keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5, **settings)


def test_zeros_stay_though_the_model_was_fitted_before():
    model = fitted(compiled(tiny_models.sequential()))
    model.set_weights(pruned().get_weights())

    with ncl.keeping_zeros(model):
        fitted(model)

    assert fewest_zeros(model) > SPARSITY - 0.05


def test_zeros_stay_where_batches_are_trained_one_by_one():
    model = compiled(pruned())
    model.train_on_batch(DATA.x[:8], DATA.y[:8])
    model.set_weights(pruned().get_weights())

    with ncl.keeping_zeros(model):
        model.train_on_batch(DATA.x[:8], DATA.y[:8])

    assert fewest_zeros(model) > SPARSITY - 0.05


@pytest.mark.parametrize("compile_inside", [False, True])
def test_after_the_block_zeros_train_again(compile_inside):
    model = pruned() if compile_inside else compiled(pruned())

    with ncl.keeping_zeros(model):
        fitted(compiled(model) if compile_inside else model)
    kept = fewest_zeros(model)
    fitted(model, epochs=2)

    assert kept > SPARSITY - 0.05
    assert fewest_zeros(model) < kept


@pytest.mark.parametrize(
    "optimizer", [averaging(), averaging(ema_overwrite_frequency=3)]
)
def test_a_moving_average_leaves_zeros_after_the_block(optimizer):
    model = compiled(
        pruned(), keras.optimizers.Adam.from_config(optimizer.get_config())
    )

    with ncl.keeping_zeros(model):
        fitted(model, epochs=2)

    assert fewest_zeros(model) > SPARSITY - 0.05


def test_a_block_that_raises_leaves_no_mask():
    model = compiled(pruned())
    kernels = [kernel for one in kernel_layers(model) for kernel in one.kernels()]

    with pytest.raises(KeyError), ncl.keeping_zeros(model):
        raise KeyError

    assert not any(kernel.constraint for kernel in kernels)


SCHEDULE = ncl.PruningSchedule(sparsity=SPARSITY, begin=0.25, end=0.75, updates=2)


@pytest.mark.parametrize(
    "optimizer", [averaging(), averaging(ema_overwrite_frequency=3)]
)
def test_gradual_pruning_bears_a_moving_average(optimizer):
    model = compiled(
        tiny_models.sequential(),
        keras.optimizers.Adam.from_config(optimizer.get_config()),
    )

    fitted(model, epochs=4, callbacks=[ncl.GradualPruningCallback(SCHEDULE)])

    assert fewest_zeros(model) > SPARSITY - 0.05


class Dense(keras.callbacks.Callback):
    """Puts weights without zeros in place at the end, as restoring the best ones does."""

    def on_train_begin(self, logs=None):
        self.weights = self.model.get_weights()

    def on_train_end(self, logs=None):
        self.model.set_weights(self.weights)


class Last(keras.callbacks.Callback):
    """Notes the weights of the last epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.weights = self.model.get_weights()


def test_weights_of_an_epoch_with_fewer_zeros_are_not_left_behind():
    model, last = compiled(tiny_models.sequential()), Last()

    fitted(
        model,
        epochs=4,
        callbacks=[Dense(), last, ncl.GradualPruningCallback(SCHEDULE)],
    )

    assert fewest_zeros(model) > SPARSITY - 0.05
    assert all(map(np.array_equal, model.get_weights(), last.weights))


def test_the_best_epoch_with_the_final_zeros_is_left_as_it_is():
    model = compiled(tiny_models.sequential())
    best = keras.callbacks.EarlyStopping(
        "accuracy", mode="min", restore_best_weights=True, start_from_epoch=3
    )

    fitted(model, epochs=5, callbacks=[best, ncl.GradualPruningCallback(SCHEDULE)])

    assert fewest_zeros(model) > SPARSITY - 0.05
    assert all(map(np.array_equal, model.get_weights(), best.best_weights))


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="torch takes one step an execution"
)
def test_several_steps_in_one_execution_follow_the_schedule():
    model = compiled(tiny_models.sequential(), steps_per_execution=4)

    fitted(model, epochs=4, callbacks=[ncl.GradualPruningCallback(SCHEDULE)])

    assert fewest_zeros(model) > SPARSITY - 0.05
