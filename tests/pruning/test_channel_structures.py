"""Channels are followed through each structure, and through the models that people use."""

import keras
import numpy as np
import pytest
import tiny_models
from channel_structures import KEPT, STRUCTURES
from keras import layers
from masked_models import assert_equals_masked, outputs

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.channels.flow import Flow
from nncompress_lab.models.channels.groups import follow_channels

HALF = ncl.ChannelPruning(sparsity=0.5)
UNEVEN = ncl.ChannelPruning(sparsity=0.4, scope="global", criterion="l2")


def images_for(model: keras.Model, *, scale: float = 1.0) -> np.ndarray:
    shape = (2, *model.input_shape[1:])
    return (scale * np.random.default_rng(1).random(shape)).astype(np.float32)


def application(name: str, size: int = 32) -> keras.Model:
    """A model of keras.applications with random weights and statistics."""
    build = getattr(keras.applications, name)
    model = build(
        weights=None,
        input_shape=(size, size, 3),
        classes=10,
        classifier_activation=None,
    )
    return tiny_models.randomize_statistics(model)


@pytest.mark.parametrize("build", STRUCTURES, ids=lambda one: one.__name__)
def test_each_structure_is_cut_and_equals_the_masked_model(build):
    model = tiny_models.randomize_statistics(build())

    narrow = assert_equals_masked(model, UNEVEN, images_for(model))

    left = {path for path, reason in HALF.explain(model).items() if reason}
    assert left == {"logits", *KEPT.get(build.__name__, ())}
    # The costs that budgets add up are those that are measured, before and after.
    flow = follow_channels(narrow)
    everything = np.ones(len(flow.units), dtype=np.bool_)
    assert sum(one.of(everything) for one in flow.macs) == measure.macs(narrow)


@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV2",
        pytest.param("EfficientNetB0", marks=pytest.mark.slow),
        pytest.param("DenseNet121", marks=pytest.mark.slow),
        pytest.param("ResNet50", marks=pytest.mark.slow),
    ],
)
def test_the_models_that_people_use_lose_half_of_every_group(name, tmp_path):
    model = application(name)
    scale = 255.0 if name == "EfficientNetB0" else 1.0

    narrow = assert_equals_masked(model, HALF, images_for(model, scale=scale))

    reasons = HALF.explain(model)
    left = {
        one.name
        for one in model.layers
        if reasons.get(one.path) and not isinstance(one, layers.Normalization)
    }
    assert left == {"predictions"}
    assert measure.macs(narrow) < 0.3 * measure.macs(model)
    narrow.save(tmp_path / "narrow.keras")
    loaded = keras.saving.load_model(tmp_path / "narrow.keras")
    x = images_for(model, scale=scale)
    np.testing.assert_array_equal(outputs(loaded, x), outputs(narrow, x))


def test_what_is_not_zero_where_it_is_read_would_be_noticed(monkeypatch):
    image = keras.Input(tiny_models.IMAGE)
    x = layers.Conv2D(6, 3, activation="sigmoid", name="conv")(image)
    model = keras.Model(image, layers.Conv2D(4, 3, name="last")(x))
    assert "through 'conv' (Conv2D)" in HALF.explain(model)["conv"]
    monkeypatch.setattr(Flow, "read", Flow.follow)  # does not ask for zeros

    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_equals_masked(model, HALF, images_for(model))


@pytest.mark.parametrize(
    ("join", "reason"),
    [
        (lambda x: x[..., ::-1], "channels cannot be followed"),
        (lambda x: keras.ops.flip(x, axis=-1), "channels cannot be followed"),
        (lambda x: x * np.arange(1.0, 7.0, dtype=np.float32), "array as the other"),
        (layers.Lambda(lambda x: x), "(Lambda)"),
        (layers.Softmax(), "(Softmax)"),
        (layers.Reshape((8, 8, 2, 3)), "over several axes"),
        (lambda x: layers.Dense(8)(layers.Permute((3, 1, 2))(x)), "another axis"),
        (layers.GroupNormalization(groups=2), "several channels together"),
    ],
)
def test_what_is_not_understood_keeps_the_channels_and_says_why(join, reason):
    image = keras.Input((8, 8, 3))
    x = join(layers.Conv2D(6, 3, padding="same", name="conv")(image))
    model = keras.Model(image, layers.Dense(4, name="logits")(layers.Flatten()(x)))

    assert reason in HALF.explain(model)["conv"]
    assert HALF.kept_outputs(model)["conv"].all()


def test_a_subclass_may_compute_something_else():
    class Turned(layers.Dense):
        def call(self, inputs):
            return super().call(inputs)[..., ::-1]

    image = keras.Input((6,))
    x = Turned(8, name="turned")(layers.Dense(6, name="before")(image))
    model = keras.Model(image, layers.Dense(4, name="logits")(x))

    why = HALF.explain(model)

    assert why["turned"] == ncl.Skip.NOT_SUPPORTED
    assert "'turned' (Turned)" in why["before"]


def test_a_mask_of_attention_is_kept():
    image = keras.Input((5, 6))
    x = layers.Dense(6, name="x")(image)
    mask = layers.Dense(5, name="mask")(image)
    y = layers.MultiHeadAttention(2, 3, name="attention")(x, x, attention_mask=mask)
    model = keras.Model(image, layers.Dense(4, name="logits")(y))

    why = HALF.explain(model)

    assert "a mask of 'attention'" in why["mask"]
    assert why["x"] is None


def test_an_intermediate_output_of_the_model_is_kept():
    image = keras.Input((6,))
    x = layers.Dense(8, name="features")(image)
    model = keras.Model(image, [x, layers.Dense(4, name="logits")(x)])

    assert HALF.explain(model)["features"] == "its outputs are the model's outputs"


def test_sizes_that_are_not_fixed_are_no_obstacle():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 3, name="conv")(image)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(4, name="logits")(x))

    assert HALF(model).get_layer("conv").filters == 4
    with pytest.raises(ValueError, match="a size of None"):
        ncl.ChannelPruning(macs=0.5)(model)


def test_channels_may_come_first():
    model = keras.Sequential(
        [
            keras.Input((3, 8, 8)),
            layers.Conv2D(6, 3, data_format="channels_first", name="conv"),
            layers.BatchNormalization(axis=1, name="norm"),
            layers.MaxPooling2D(data_format="channels_first"),
            layers.Flatten(data_format="channels_first"),
            layers.Dense(4, name="logits"),
        ]
    )

    assert HALF.explain(model)["conv"] is None
    assert HALF(model).get_layer("logits").kernel.shape == (27, 4)
