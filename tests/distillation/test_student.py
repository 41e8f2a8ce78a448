"""Students: how wide, how deep, with which weights, and what cannot be made smaller."""

import json
import random
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_models
from channel_structures import STRUCTURES
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import Student
from nncompress_lab.models.attention import projections_of
from nncompress_lab.models.channels.groups import follow_channels, groups_of
from nncompress_lab.models.kernels import walk

SHAPES = json.loads(Path(__file__).with_name("student_shapes.json").read_text())


@cache
def zoo_model(name: str) -> keras.Model:
    return getattr(ncl.zoo, name)(pretrained=False)


def shapes_of(model: keras.Model) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in model.weights]


def kernel_shapes(model: keras.Model) -> str:
    return " ".join("x".join(map(str, one)) for one in shapes_of(model) if len(one) > 1)


def predict(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(inputs, training=False))


@pytest.mark.parametrize("name", ncl.zoo.NAMES)
def test_half_as_wide_has_about_a_quarter_of_the_parameters(name):
    teacher = zoo_model(name)

    student = Student(width=0.5)(teacher)

    # Kernels between two narrow layers have a quarter, the first and last ones a half.
    assert 0.24 < student.count_params() / teacher.count_params() < 0.48
    assert student.input_shape == teacher.input_shape
    assert student.output_shape == teacher.output_shape


@pytest.mark.parametrize("case", SHAPES)
def test_the_shapes_of_students_stay_what_they_were(case):
    name, width = case.split()
    known = {build.__name__: build for build in tiny_models.BUILDERS}
    teacher = tiny_models.built(known[name]) if name in known else zoo_model(name)

    assert kernel_shapes(Student(width=float(width))(teacher)) == SHAPES[case]


@pytest.mark.parametrize("build", STRUCTURES, ids=lambda one: one.__name__)
def test_a_student_has_the_shapes_of_the_model_without_as_many_channels(build):
    teacher = build()

    student = Student(width=0.6)(teacher)

    if any(isinstance(one, layers.MultiHeadAttention) for one in teacher.layers):
        assert student.layers[-1].kernel.shape[0] < teacher.layers[-1].kernel.shape[0]
    else:  # of heads, pruning drops some, and a student makes all of them narrower
        pruned = ncl.ChannelPruning(sparsity=0.4)(teacher)
        assert shapes_of(student) == shapes_of(pruned)


def test_what_pruning_cannot_follow_with_its_weights_gets_narrower_with_new_ones():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, activation="softmax", name="softmax")(image)
    x = layers.GroupNormalization(2)(x) / (1.0 + x)
    x = layers.Conv2D(4, 3, name="normalized")(layers.LayerNormalization()(x))
    teacher = keras.Model(image, layers.Dense(4)(layers.Flatten()(x)))

    student = Student(width=0.5)(teacher)

    assert student.get_layer("softmax").filters == 4
    assert student.get_layer("normalized").filters == 2


def test_recurrent_layers_get_fewer_units():
    words = keras.Input((5,), dtype="int32")
    x = layers.Embedding(10, 12, name="words")(words)
    x = layers.LSTM(8, return_sequences=True, name="lstm")(x)
    x = layers.SimpleRNN(4, name="rnn")(layers.GRU(6, return_sequences=True)(x))
    teacher = keras.Model(words, layers.Dense(3)(x))

    student = Student(width=0.5)(teacher)

    assert student.get_layer("words").output_dim == 6
    assert [student.get_layer(name).units for name in ("lstm", "rnn")] == [4, 2]
    assert student.output_shape == (None, 3)


def test_grouped_queries_keep_their_heads_and_become_narrower():
    entry = keras.Input((5, 8))
    x = layers.Dense(16, name="wide")(entry)
    x = layers.GroupQueryAttention(4, 4, 2, name="attention")(x, x)
    teacher = keras.Model(entry, layers.Dense(3)(x))

    student = Student(width=0.5)(teacher)

    attention = student.get_layer("attention")
    assert (attention.head_dim, attention.num_query_heads) == (2, 4)
    assert student.get_layer("wide").units == 8


class Shifted(layers.Layer):
    """A layer of one's own."""

    def build(self, shape):
        self.shift = self.add_weight(shape=shape[-1:], name="shift")

    def call(self, inputs):
        return inputs + self.shift


class Own(layers.Dense):
    """A layer of one's own like one of Keras."""


def test_layers_of_ones_own_pass_on_as_many_channels_as_they_get():
    entry = keras.Input((5, 8))
    x = Own(8, name="own")(Shifted()(layers.Dense(16, name="wide")(entry)))
    teacher = keras.Model(entry, layers.Dense(3)(x[:, 0]))

    student = Student(width=0.5)(teacher)

    assert student.get_layer("wide").units == 8
    assert student.get_layer("own").kernel.shape == (8, 4)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: layers.Dot((2, 2))([x, x]),
        layers.RNN(layers.LSTMCell(2)),
        layers.TimeDistributed(keras.Sequential([layers.Dense(16)])),
        lambda x: keras.ops.reshape(x, (-1, 80)),
        lambda x: keras.ops.transpose(x, (0, 2, 1)),
    ],
)
def test_what_cannot_be_followed_keeps_what_it_is_given(mix):
    entry = keras.Input((5, 8))
    x = mix(layers.Dense(16, name="wide")(entry))
    teacher = keras.Model(entry, layers.Dense(3)(x))

    assert Student(width=0.5)(teacher).get_layer("wide").units == 16


def test_units_and_filters_are_those_of_the_teacher_times_the_width():
    student = Student(width=0.25)(ncl.zoo.lenet5(pretrained=False))

    assert student.get_layer("conv1").filters == 5
    assert student.get_layer("conv2").filters == 12
    assert student.get_layer("dense1").units == 125
    assert student.get_layer("logits").units == 10


def test_attention_keeps_its_heads_and_makes_them_narrower():
    student = Student(width=0.5)(ncl.zoo.vit_tiny(pretrained=False))

    attention = student.get_layer("block0_attention")
    assert (attention.num_heads, attention.key_dim) == (4, 8)
    assert student.get_layer("tokens").target_shape == (-1, 32)


def test_what_is_added_to_the_image_stays_as_wide_as_the_image():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(12, 3, padding="same", name="free")(image)
    x = layers.Conv2D(3, 3, padding="same", name="bound")(x)
    teacher = keras.Model(image, layers.Flatten()(layers.Add()([image, x])))

    student = Student(width=0.5)(teacher)

    assert student.get_layer("free").filters == 6
    assert student.get_layer("bound").filters == 3


def test_groups_still_divide_the_filters():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(12, 3, name="before")(image)
    x = layers.Conv2D(12, 3, groups=4, name="grouped")(x)
    x = layers.GroupNormalization(4)(x)
    teacher = keras.Model(image, layers.Dense(4)(layers.Flatten()(x)))

    student = Student(width=0.4)(teacher)

    assert student.get_layer("before").filters == 4
    assert student.get_layer("grouped").filters == 4


def test_concatenated_channels_are_added_up():
    image = keras.Input((8, 8, 3))
    x = layers.Concatenate()(
        [layers.Conv2D(5, 3)(image), layers.Conv2D(6, 3)(image), image[:, 1:-1, 1:-1]]
    )
    x = layers.Reshape((36, 14))(x)
    teacher = keras.Model(image, layers.Dense(4)(layers.Flatten()(x)))

    student = Student(width=0.5)(teacher)

    assert student.layers[-1].kernel.shape[0] == 36 * (2 + 3 + 3)


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_a_student_is_a_new_model_of_the_same_kind(build):
    teacher = tiny_models.built(build)
    before = tiny_models.weights_of(teacher)

    student = Student(width=0.5)(teacher)

    assert type(student) is type(teacher)
    assert np.isfinite(predict(student, tiny_models.images())).all()
    assert not {id(one) for one in teacher.variables} & {
        id(one) for one in student.variables
    }
    for one, other in zip(before, tiny_models.weights_of(teacher), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_the_seed_fixes_the_weights_and_the_callers_state_stays(build):
    teacher = tiny_models.built(build)
    random.seed(5)
    state = random.getstate()

    student = Student(initialise="random")
    first, again, other = (student(teacher, seed=seed) for seed in (1, 1, 2))

    assert random.getstate() == state
    for one, two in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    assert not np.array_equal(first.weights[0].numpy(), other.weights[0].numpy())


def test_no_two_kernels_of_an_attention_begin_alike():
    student = Student(width=1.0, initialise="random")(tiny_models.transformer(), seed=3)

    attention = student.get_layer("attention")
    query, key = attention.query_dense.kernel, attention.key_dense.kernel
    assert not np.array_equal(query.numpy(), key.numpy())


def test_a_copied_student_predicts_like_its_teacher():
    teacher = tiny_models.randomize_statistics(tiny_models.residual())

    student = Student(width=1.0, initialise="copy")(teacher)

    np.testing.assert_array_equal(
        predict(student, tiny_models.images()), predict(teacher, tiny_models.images())
    )


def test_statistics_that_do_not_train_are_taken_over():
    adapted = layers.Normalization(name="scale")
    teacher = keras.Sequential(
        [keras.Input((3,)), adapted, layers.Dense(8), layers.Dense(4)]
    )
    adapted.adapt(np.array([[0.0, 1.0, 2.0], [2.0, 5.0, 8.0]]))

    student = Student(width=0.5)(teacher)

    inputs = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(
        predict(student.get_layer("scale"), inputs), predict(adapted, inputs)
    )


# What a narrower student takes over


def unread(teacher: keras.Model, width: float) -> keras.Model:
    """The teacher, of which nobody reads the channels that are too many, drawn by lot."""
    rng = np.random.default_rng(1)
    flow = follow_channels(teacher, new_weights=True)
    gone = np.zeros(len(flow.units), dtype=bool)
    for group in groups_of(flow):
        if group.reason is None:
            drop = group.channels - max(1, round(group.channels * width))
            gone[rng.permutation(group.units)[:drop]] = True
    for entry in flow.layers.values():
        for bound in entry.bound.values():
            if bound.is_kernel and not bound.made:
                kernel = np.moveaxis(bound.variable.numpy(), bound.axis, 0).copy()
                kernel[gone[flow.units.roots(bound.units)]] = 0
                bound.variable.assign(np.moveaxis(kernel, 0, bound.axis))
    return teacher


def lstm_and_gru() -> keras.Model:
    entry = keras.Input((5, 6))
    x = layers.LSTM(8, return_sequences=True, name="lstm")(entry)
    x = layers.Bidirectional(layers.GRU(6, return_sequences=True), name="both")(x)
    x = layers.GRU(4, reset_after=False, use_bias=False, name="gru")(x)
    return keras.Model(entry, layers.Dense(3)(layers.Dense(8)(x)))


def embedded_words() -> keras.Model:
    words = keras.Input((5,), dtype="int32")
    x = layers.Embedding(10, 12, name="words")(words)
    x = layers.TimeDistributed(layers.Dense(8, activation="relu"))(x)
    return keras.Model(words, layers.Dense(3)(layers.SimpleRNN(6)(x)))


def scaled_and_shifted() -> keras.Model:
    entry = keras.Input((5, 6))
    x = Shifted(name="shift")(layers.Dense(16, activation="tanh")(entry))
    x = layers.PReLU(shared_axes=[1], name="slope")(x)
    return keras.Model(entry, layers.Dense(3)(layers.Dense(8)(x)))


NOT_EXACT = {"cross_attention", "gated_attention"}  # whose heads get narrower
INHERITED = [
    *(one for one in STRUCTURES if one.__name__ not in NOT_EXACT),
    *(lstm_and_gru, embedded_words, scaled_and_shifted),
    *(tiny_models.sequential, tiny_models.residual, tiny_models.depthwise),
]


@pytest.mark.parametrize("build", INHERITED, ids=lambda one: one.__name__)
def test_a_student_leaves_out_what_nobody_reads_and_predicts_the_same(build):
    teacher = build()
    inputs = np.random.default_rng(2).uniform(size=(4, *teacher.input_shape[1:]))
    for one in teacher.weights:  # biases and statistics that tell channels apart
        if one.ndim == 1:
            one.assign(np.random.default_rng(3).uniform(0.5, 1, one.shape))

    student = Student(width=0.6)(unread(teacher, 0.6))

    assert student.count_params() < teacher.count_params()
    np.testing.assert_allclose(
        predict(student, inputs), predict(teacher, inputs), rtol=1e-4, atol=1e-5
    )


def test_the_weights_that_read_a_channel_say_more_than_those_that_make_it():
    teacher, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist().validation

    read = ncl.measure.accuracy(Student(width=0.5)(teacher), data)
    made = ncl.ChannelPruning(sparsity=0.5, criterion="l2")(teacher)

    assert read == pytest.approx(0.715, abs=0.01)
    assert ncl.measure.accuracy(made, data) == pytest.approx(0.49, abs=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.MultiHeadAttention(2, 4, value_dim=6),
        lambda: layers.MultiHeadAttention(2, 4, use_bias=False, output_shape=10),
        lambda: layers.MultiHeadAttention(2, 4, use_gate=True),
        lambda: layers.GroupQueryAttention(4, 4, 2),
        lambda: layers.GroupQueryAttention(4, 4, 2, use_gate=True, use_bias=False),
    ],
    ids=["values", "no bias", "gate", "grouped", "grouped gate"],
)
def test_narrower_heads_compute_the_same_where_half_of_their_numbers_do_nothing(make):
    entry = keras.Input((5, 8))
    attention = make()
    x = attention(layers.Dense(12)(entry), layers.Dense(12, activation="tanh")(entry))
    teacher = unread(keras.Model(entry, layers.Dense(3)(x)), 0.5)
    parts = projections_of(attention)
    query, output = (parts[name].kernel for name in ("query", "attention_output"))
    query.assign(query.numpy() * [1, 0, 0, 1])
    seen = np.arange(output.shape[1]) % 2
    output.assign(output.numpy() * seen[:, None])
    if parts["query"].bias is not None:
        parts["key"].bias.assign(np.ones(parts["key"].bias.shape))

    student = Student(width=0.5)(teacher)

    inputs = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
    np.testing.assert_allclose(
        predict(student, inputs), predict(teacher, inputs), rtol=1e-4, atol=1e-5
    )


def test_projections_that_other_layers_stand_in_for_stay_as_they_are():
    teacher = ncl.LowRank(rank=2, select="attention/*")(tiny_models.transformer())

    student = Student(width=0.5)(teacher)

    inputs = tiny_models.images()
    held = [
        {path: layer.get_weights() for path, layer in walk(model) if "_left" in path}
        for model in (teacher, student)
    ]
    assert len(held[0]) == 4
    for path, weights in held[0].items():
        np.testing.assert_array_equal(weights[0], held[1][path][0])
    assert np.isfinite(predict(student, inputs)).all()


def test_random_students_do_not_look_at_their_teachers_weights():
    teacher = tiny_models.sequential()
    teacher.layers[0].kernel.assign(np.full(teacher.layers[0].kernel.shape, np.nan))

    student = Student(width=0.5, initialise="random")(teacher)

    assert np.isfinite(predict(student, tiny_models.images())).all()
    with pytest.raises(ValueError, match="finite"):
        Student(width=0.5)(teacher)


def test_heads_wider_than_what_they_read_are_drawn_anew():
    entry = keras.Input((5, 2))
    x = layers.MultiHeadAttention(2, 16, use_bias=False, name="wide")(entry, entry)
    teacher = keras.Model(entry, layers.Dense(3)(x))

    student = Student(width=0.5)(teacher)

    kernel = student.get_layer("wide").query_dense.kernel
    assert kernel.shape == (2, 2, 8)
    assert np.isfinite(predict(student, np.ones((1, 5, 2), np.float32))).all()


def test_normalizations_of_several_channels_keep_their_scales():
    entry = keras.Input((5, 6))
    x = layers.LayerNormalization(name="layer")(layers.Dense(8, name="wide")(entry))
    x = layers.GroupNormalization(2, name="group")(x)
    teacher = keras.Model(entry, layers.Dense(3, name="logits")(x))
    teacher.get_layer("logits").kernel.assign(
        np.ones((8, 3)) * np.array([1, 5, 2, 6, 7, 3, 8, 9])[:, None]
    )
    for name in ("layer", "group"):
        teacher.get_layer(name).gamma.assign(np.arange(8.0))

    student = Student(width=0.5)(teacher)

    # The same places go in both groups: 0 with 4 and 1 with 5 are read least.
    kept = np.array([2, 3, 6, 7])
    for name in ("layer", "group"):
        assert student.get_layer(name).gamma.numpy().tolist() == kept.tolist()


def test_zeros_of_the_teacher_are_zeros_of_the_student():
    teacher = ncl.MagnitudePruning(sparsity=0.9)(tiny_models.sequential())

    student = Student(width=0.5)(teacher)

    zeros = [np.mean(one.numpy() == 0) for one in student.weights if one.ndim > 1]
    assert min(zeros) > 0.3


# Depth


def test_half_as_deep_leaves_every_second_block_of_a_transformer():
    teacher = ncl.zoo.vit_tiny(pretrained=False)

    student = Student(width=1.0, depth=0.5, initialise="copy")(teacher)

    attentions = [one.name for one in student.layers if "attention" in one.name]
    assert attentions == ["block0_attention", "block2_attention"]
    np.testing.assert_array_equal(
        student.get_layer("block2_mlp1").kernel.numpy(),
        teacher.get_layer("block2_mlp1").kernel.numpy(),
    )


def test_a_block_that_changes_the_shape_stays():
    student = Student(width=1.0, depth=0.1)(ncl.zoo.resnet20(pretrained=False))

    blocks = [one.name for one in student.layers if one.name.endswith("_add")]
    # Stages 1 and 2 begin with a block whose shortcut is a convolution.
    assert [name.partition("_")[0] for name in blocks].count("stage0") == 1
    assert {"stage1_0_add", "stage2_0_add"} < set(blocks)
    assert len(blocks) == 5


def test_without_a_block_the_input_goes_on():
    image = keras.Input((4,))
    x = layers.Dense(4, name="first")(image)
    for block in range(2):
        y = layers.Dense(4, name=f"inner{block}")(x)
        x = x + y
    teacher = keras.Model(image, layers.Dense(2, name="logits")(x))

    student = Student(width=1.0, depth=0.5, initialise="copy")(teacher)

    inputs = np.eye(4, dtype=np.float32)
    first = teacher.get_layer("first")(inputs)
    kept = first + teacher.get_layer("inner0")(first)
    np.testing.assert_allclose(
        predict(student, inputs), predict(teacher.get_layer("logits"), kept), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["lenet5", "mobilenet_small"])
def test_a_model_without_repeated_blocks_cannot_be_shallower(name):
    teacher = getattr(ncl.zoo, name)(pretrained=False)

    with pytest.raises(ncl.UnsupportedModelError, match=r"no residual blocks.*depth=1"):
        Student(width=0.5, depth=0.5)(teacher)


# Refusals


def test_a_quantized_teacher_is_refused():
    teacher = ncl.UniformQuantization(bits=8)(tiny_models.sequential())

    with pytest.raises(ncl.UnsupportedModelError, match="before the quantization"):
        Student()(teacher)


@pytest.mark.parametrize("value", [0.0, 1.5, -1.0, float("nan")])
@pytest.mark.parametrize("name", ["width", "depth"])
def test_a_fraction_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` is the fraction.*{value}"):
        Student(**{name: value})


def test_another_beginning_is_refused():
    with pytest.raises(ValueError, match="`initialise` must be one of"):
        Student(initialise="zeros")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it.layers[0].enable_lora(2), r"LoRA in hidden\. .* layer\.kernel"),
        (lambda it: it.layers[0].quantize("int8"), "stores hidden as integers"),
    ],
    ids=["LoRA", "integers"],
)
def test_a_teacher_of_which_no_student_is_made_is_refused_by_what_it_holds(
    change, message
):
    teacher = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, name="hidden"), layers.Dense(3)]
    )
    change(teacher)

    with pytest.raises(ncl.UnsupportedModelError, match=message):
        Student(width=0.5)(teacher)
