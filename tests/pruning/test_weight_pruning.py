"""Weight pruning leaves depthwise kernels alone, unless a selection takes them in."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import Skip, kernel_layers

PASSES = (
    ncl.MagnitudePruning(sparsity=0.5),
    ncl.MagnitudePruning(sparsity=0.5, scope="global"),
    ncl.MagnitudePruning(sparsity=0.5, scope="layer"),
    ncl.MagnitudePruning(threshold=0.1),
    ncl.ScorePruning(sparsity=0.5),
    ncl.ScorePruning(sparsity=0.5, score="taylor", scope="adaptive"),
    ncl.OptimalBrainPruning(sparsity=0.5),
    ncl.GradualPruning(sparsity=0.5, curve="constant", epochs=1, batch_size=16),
)
every_pass = pytest.mark.parametrize("step", PASSES, ids=lambda one: one.label)


def with_zeros(model: keras.Model) -> set[tuple[str, str]]:
    """The kernels of a model that hold a zero, by path and name."""
    return {
        (one.path, name)
        for one in kernel_layers(model)
        for name, array in zip(one.kernel_names, one.arrays(), strict=True)
        if not array.all()
    }


@every_pass
def test_depthwise_kernels_stay_and_the_report_says_why(step, context):
    model = tiny_models.depthwise()

    assert with_zeros(step(model, context)) == {
        ("separable", "pointwise_kernel"),
        ("grouped", "kernel"),
        ("logits", "kernel"),
    }
    assert step.explain(model)["depthwise"] == Skip.DEPTHWISE


@pytest.mark.parametrize(
    ("select", "pruned"),
    [
        ("depthwise", {("depthwise", "kernel")}),
        (
            ncl.Selection(types=("SeparableConv2D",)),
            {("separable", "depthwise_kernel"), ("separable", "pointwise_kernel")},
        ),
        (
            ncl.Selection(skip_last=2),
            {
                ("depthwise", "kernel"),
                ("separable", "depthwise_kernel"),
                ("separable", "pointwise_kernel"),
            },
        ),
        (
            ncl.Selection(skip_last=2, depthwise=False),
            {("separable", "pointwise_kernel")},
        ),
    ],
    ids=["name", "type", "last", "last, none of them"],
)
def test_a_selection_takes_them_in_unless_it_says_otherwise(select, pruned):
    step = ncl.MagnitudePruning(sparsity=0.5, scope="layer", select=select)

    assert with_zeros(step(tiny_models.depthwise())) == pruned
    assert ncl.from_recipe(ncl.to_recipe(step)) == ncl.pipeline(step)


def test_every_kernel_can_be_asked_for():
    step = ncl.MagnitudePruning(sparsity=0.5, select="*")

    assert len(with_zeros(step(tiny_models.depthwise()))) == 5
    assert ncl.from_recipe(ncl.to_recipe(step)) == ncl.pipeline(step)


@pytest.mark.parametrize(("groups", "left"), [(4, True), (2, False), (1, False)])
def test_a_convolution_with_a_group_for_each_channel_is_depthwise(groups, left):
    image = keras.Input((8, 8, 4))
    model = keras.Model(image, layers.Conv2D(8, 3, groups=groups)(image))

    pruned = ncl.MagnitudePruning(sparsity=0.5)(model)

    assert bool(pruned.layers[1].get_weights()[0].all()) == left


def test_a_convolution_of_one_channel_is_not_depthwise():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(8, 3)])

    pruned = ncl.MagnitudePruning(sparsity=0.5)(model)

    assert np.mean(pruned.layers[0].get_weights()[0] == 0) == 0.5


def test_a_sparsity_is_of_the_weights_that_may_be_pruned():
    model = tiny_models.depthwise()

    pruned = ncl.MagnitudePruning(sparsity=0.8)(model)

    layer = {one.path: one.layer for one in kernel_layers(pruned)}
    kernels = [
        layer["separable"].pointwise_kernel,
        layer["grouped"].kernel,
        layer["logits"].kernel,
    ]
    arrays = [keras.ops.convert_to_numpy(one) for one in kernels]
    total = sum(one.size for one in arrays)
    assert sum(int((one == 0).sum()) for one in arrays) == round(0.8 * total)


def test_the_callback_leaves_them_alone_too():
    model = tiny_models.depthwise()
    model.compile("sgd", "mse")
    images = tiny_models.images()
    schedule = ncl.PruningSchedule(sparsity=0.5, end=0.5)

    model.fit(
        images,
        np.zeros((len(images), model.output_shape[-1])),
        callbacks=[ncl.GradualPruningCallback(schedule)],
        verbose=0,
    )

    assert {path for path, _ in with_zeros(model)} == {"separable", "grouped", "logits"}
    assert model.get_layer("separable").get_weights()[0].all()
