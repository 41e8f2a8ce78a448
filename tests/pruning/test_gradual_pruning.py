"""Pruning during training: the schedule, exact counts, masks that come and go."""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.pruning.arrays.schedules import PruningSchedule, cubic_sparsity
from nncompress_lab.pruning.gradual_callback import GradualPruningCallback
from nncompress_lab.pruning.gradual_pruning import GradualPruning
from nncompress_lab.training.task import jit_compile

pytestmark = pytest.mark.contract


def zeros_by_kernel(model: keras.Model) -> list[np.ndarray]:
    return [a == 0 for layer in kernel_layers(model) for a in layer.arrays()]


class Watch(keras.callbacks.Callback):
    """Notes the sparsity and the zeros after each batch, as a user's callback could."""

    def __init__(self):
        super().__init__()
        self.zeros = []

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.zeros.append(zeros_by_kernel(self.model))

    @property
    def sparsities(self) -> list[float]:
        return [
            sum(int(z.sum()) for z in zeros) / sum(z.size for z in zeros)
            for zeros in self.zeros
        ]


def trained(model, callback, *, epochs=4, compiled=None, **settings):
    """Fit 4 batches an epoch, and watch."""
    data = tiny_models.context().train
    if not model.compiled:
        model.compile(
            compiled or "adam",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=jit_compile(),
        )
    watch = Watch()
    model.fit(
        data.x,
        data.y,
        batch_size=8,
        epochs=epochs,
        callbacks=[callback, watch],
        verbose=0,
        **settings,
    )
    return watch


def test_the_schedule_is_followed_and_pruned_weights_stay_zero():
    model = tiny_models.sequential()
    schedule = PruningSchedule(sparsity=0.8, begin=0.25, end=0.75, updates=4)
    total = sum(layer.size for layer in kernel_layers(model))

    watch = trained(model, GradualPruningCallback(schedule, scope="global"))

    # 16 steps: the updates come after steps 4, 6, 8, 10 and 12.
    expected = [0.0] * 5
    for progress, steps in ((0.25, 2), (0.5, 2), (0.75, 2), (1.0, 5)):
        expected += [cubic_sparsity(progress, sparsity=0.8)] * steps
    counts = [round(value * total) for value in watch.sparsities]
    assert counts == [round(value * total) for value in expected]
    for earlier, later in zip(watch.zeros, watch.zeros[1:], strict=False):
        for before, after in zip(earlier, later, strict=True):
            assert after[before].all()


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("score", "scope"),
    tiny_models.in_turn(
        ["magnitude", "taylor", "movement"], ["output", "layer", "global"], each=2
    ),
)
def test_the_final_sparsity_is_exact_for_every_score_and_scope(score, scope, context):
    model = tiny_models.sequential()
    schedule = PruningSchedule(sparsity=0.7, end=1.0, updates=3)
    callback = GradualPruningCallback(
        schedule, score=score, scope=scope, data=context.train
    )

    trained(model, callback, epochs=1)

    zeros = zeros_by_kernel(model)
    if scope == "global":
        total = sum(mask.size for mask in zeros)
        assert sum(int(mask.sum()) for mask in zeros) == round(0.7 * total)
    for mask in zeros:
        if scope == "layer":
            assert mask.sum() == round(0.7 * mask.size)
        if scope == "output":
            columns = mask.reshape(-1, mask.shape[-1])
            assert (columns.sum(axis=0) == round(0.7 * len(columns))).all()


def test_the_weights_that_are_left_go_on_training():
    model = tiny_models.sequential()
    callback = GradualPruningCallback(PruningSchedule(sparsity=0.5, end=0.25))

    class Snapshot(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.kernel = to_numpy(model.get_layer("hidden").kernel)

    snapshot = Snapshot()
    data = tiny_models.context().train
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(data.x, data.y, epochs=4, callbacks=[callback, snapshot], verbose=0)

    after = to_numpy(model.get_layer("hidden").kernel)
    kept = after != 0
    # All but those of units that no example switches on.
    assert (after[kept] != snapshot.kernel[kept]).mean() > 0.5
    assert not after[~kept].any()
    assert not np.signbit(after[~kept]).any()  # -0.0 does not pack


def test_a_constant_curve_prunes_once_at_its_beginning():
    model = tiny_models.sequential()
    schedule = PruningSchedule(sparsity=0.6, curve="constant", begin=0.5)

    watch = trained(model, GradualPruningCallback(schedule, scope="global"))

    assert watch.sparsities[:7] == [0.0] * 7
    assert watch.sparsities[7:] == pytest.approx([0.6] * 9, abs=1e-3)


def test_nothing_is_left_behind_but_the_zeros(tmp_path):
    model = tiny_models.sequential()
    optimizer = keras.optimizers.Adam()
    kernel = model.get_layer("hidden").kernel

    trained(
        model,
        GradualPruningCallback(PruningSchedule(sparsity=0.5)),
        compiled=optimizer,
    )
    state = len(optimizer.variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = tiny_models.images()
    pruned = zeros_by_kernel(model)
    trained(model, keras.callbacks.Callback(), epochs=1)

    assert kernel.constraint is None
    # Iterations, the learning rate and two moments for each of six weights.
    assert state == 2 + 2 * 6
    np.testing.assert_array_equal(
        to_numpy(loaded(x)),
        to_numpy(keras.saving.load_model(tmp_path / "model.keras")(x)),
    )
    # Without masks, all weights train again.
    assert any(
        (~after & before).any()
        for before, after in zip(pruned, zeros_by_kernel(model), strict=True)
    )


def test_a_constraint_of_the_user_holds_meanwhile_and_afterwards():
    layer = keras.layers.Dense(4, kernel_constraint="non_neg", name="dense")
    model = keras.Sequential(
        [keras.Input(tiny_models.IMAGE), keras.layers.Flatten(), layer]
    )

    trained(model, GradualPruningCallback(PruningSchedule(sparsity=0.5)))

    assert (to_numpy(layer.kernel) >= 0).all()
    assert isinstance(layer.kernel.constraint, keras.constraints.NonNeg)


def test_a_training_that_is_resumed_goes_on_with_the_schedule():
    model = tiny_models.sequential()
    schedule = PruningSchedule(sparsity=0.8, end=1.0, updates=16)
    callback = GradualPruningCallback(schedule, scope="global")

    watch = trained(model, callback, epochs=4, initial_epoch=2)

    assert len(watch.sparsities) == 8
    # The ninth step of sixteen comes first.
    assert watch.sparsities[0] == pytest.approx(
        cubic_sparsity(9 / 16, sparsity=0.8), abs=1e-3
    )
    assert watch.sparsities[-1] == pytest.approx(0.8, abs=1e-3)


def test_data_of_unknown_length_need_a_number_of_steps():
    model = tiny_models.sequential()
    data = tiny_models.context().train

    def endless():
        while True:
            yield data.x[:8], data.y[:8]

    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callback = GradualPruningCallback(PruningSchedule(sparsity=0.5))

    with pytest.raises(ValueError, match="steps_per_epoch"):
        model.fit(endless(), shuffle=False, callbacks=[callback], verbose=0)


def test_the_callback_takes_names_of_layers_and_says_which_are_not_there():
    model = tiny_models.sequential()
    schedule = PruningSchedule(sparsity=0.5, end=0.25)

    trained(model, GradualPruningCallback(schedule, select="hidden"))

    assert not np.all(model.get_layer("hidden").get_weights()[0])
    assert np.all(model.get_layer("conv").get_weights()[0])
    with pytest.raises(ValueError, match="Did you mean 'hidden'"):
        trained(model, GradualPruningCallback(schedule, select="hiden"))


def test_scores_from_gradients_need_data():
    with pytest.raises(ValueError, match=r"score='movement' .* needs data=Data"):
        GradualPruningCallback(PruningSchedule(sparsity=0.5), score="movement")


@pytest.mark.parametrize(
    ("build", "score", "scope"),
    [
        (tiny_models.shared, "magnitude", "global"),
        (tiny_models.transformer, "magnitude", "global"),
        (tiny_models.every_layer, "magnitude", "global"),
        (tiny_models.residual, "movement", "adaptive"),
        (tiny_models.depthwise, "movement", "layer"),
    ],
)
def test_the_pass_prunes_every_model_exactly(build, score, scope, context):
    model = build()
    step = GradualPruning(
        sparsity=0.6,
        epochs=1,
        batch_size=8,
        updates=2,
        score=score,
        scope=scope,
        select="*",
    )

    # That the pass can be traced, the scores by gradients show, which need more of it.
    with tiny_models.eagerly() if score == "magnitude" else nullcontext():
        result = step(model, context)

    zeros = zeros_by_kernel(result)
    if scope != "layer":
        total = sum(mask.size for mask in zeros)
        assert sum(int(mask.sum()) for mask in zeros) == round(0.6 * total)
    else:
        assert [int(m.sum()) for m in zeros] == [round(0.6 * m.size) for m in zeros]
    assert not any(mask.any() for mask in zeros_by_kernel(model))


def test_what_was_pruned_before_stays_pruned(context):
    pruned = ncl.MagnitudePruning(sparsity=0.7, scope="layer")(tiny_models.sequential())

    result = GradualPruning(sparsity=0.4, epochs=1, batch_size=8)(pruned, context)

    for before, after in zip(
        zeros_by_kernel(pruned), zeros_by_kernel(result), strict=True
    ):
        np.testing.assert_array_equal(before, after)


def test_the_epoch_is_chosen_among_those_with_the_final_masks(context):
    # On random labels, validation gets worse with training: the first epoch is the best.
    step = GradualPruning(
        sparsity=0.9,
        scope="layer",
        epochs=5,
        end=0.6,
        batch_size=8,
        learning_rate=0.01,
        patience=1,
    )

    result = step(tiny_models.sequential(), context)

    zeros = zeros_by_kernel(result)
    assert [int(m.sum()) for m in zeros] == [round(0.9 * m.size) for m in zeros]


def test_gradual_pruning_learns_while_it_prunes():
    generator = np.random.default_rng(0)

    def points(count):
        x = generator.normal(size=(count, 20)).astype(np.float32)
        return ncl.Data(x, (x[:, 0] > x[:, 1]).astype(np.int32))

    context = ncl.Context(train=points(512), validation=points(128), progress=False)
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(2, name="dense")])

    result = GradualPruning(sparsity=0.9, epochs=8, batch_size=16, learning_rate=0.05)(
        model, context
    )

    # 4 of 40 weights suffice: those of the two inputs that decide.
    assert set(np.flatnonzero(to_numpy(result.layers[0].kernel).any(axis=1))) == {0, 1}
    assert ncl.measure.accuracy(result, context.validation) > 0.95


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sparsity": 1.0}, "`sparsity`"),
        ({"initial_sparsity": 0.6}, "`initial_sparsity`"),
        ({"curve": "linear"}, "`curve`"),
        ({"begin": 0.8}, "`begin` and `end`"),
        ({"end": 1.1}, "`begin` and `end`"),
        ({"updates": 0}, "`updates`"),
        ({"score": "wanda"}, "`score`"),
        ({"scope": "model"}, "`scope`"),
        ({"epochs": 0}, "`epochs`"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        GradualPruning(**{"sparsity": 0.5, **settings})


def test_a_bfloat16_model_is_pruned_gradually():
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(4, dtype="bfloat16")]
    )
    data = ncl.Data(np.eye(8, dtype="float32"), np.arange(8) % 4)
    context = ncl.Context(train=data, validation=data, progress=False)

    pruned = GradualPruning(sparsity=0.5, epochs=1)(model, context)

    assert np.count_nonzero(to_numpy(pruned.layers[0].kernel)) == 16
