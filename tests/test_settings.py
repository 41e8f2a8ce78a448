"""What a field of a pass may hold, said by its type and checked where it is made."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import Selection, Student
from nncompress_lab.models.selection import EVERY_LAYER


class Copies(ncl.Pass):
    def transform(self, model, context):
        return ncl.copy_model(model)


@dataclass(frozen=True)
class Typed(Copies):
    number: float = 0.5
    count: int | None = None
    switch: bool = False
    choice: Literal["a", "b"] | None = None
    pair: tuple[int, int] = (1, 2)
    several: tuple[str, ...] = ()
    where: Selection = EVERY_LAYER
    shape: Student | None = None
    path: str | None = None
    anything: Any = None


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"number": "0.5"}, TypeError, "must be a number.*'0.5'.*without quotes"),
        ({"number": None}, TypeError, "must be a number. Received: number=None"),
        ({"number": True}, TypeError, "must be a number. Received: number=True"),
        ({"number": np.bool_(True)}, TypeError, "must be a number"),
        ({"number": [0.5]}, TypeError, r"must be a number. Received: number=\[0.5\]"),
        ({"count": "3"}, TypeError, "must be None or a whole number.*without quotes"),
        (
            {"count": 1.5},
            ValueError,
            "must be None or a whole number. Received: count=1.5",
        ),
        ({"count": 10**30}, ValueError, "whole number.*No whole number may be beyond"),
        ({"number": -(10**400)}, ValueError, "must be a number.*beyond"),
        ({"count": True}, TypeError, "must be None or a whole number"),
        (
            {"switch": "false"},
            TypeError,
            "must be True or False. Received: switch='false'",
        ),
        ({"switch": 1}, TypeError, "must be True or False"),
        ({"choice": "c"}, ValueError, r"must be None or one of \('a', 'b'\)"),
        ({"choice": ["a"]}, ValueError, "must be None or one of"),
        ({"pair": (1, "2")}, TypeError, "must be a tuple"),
        ({"pair": [1, 2, 3]}, TypeError, "must be a tuple"),
        (
            {"several": "ab"},
            TypeError,
            "must be a tuple of which each element is a string",
        ),
        (
            {"several": [1]},
            TypeError,
            "must be a tuple of which each element is a string",
        ),
        (
            {"where": print},
            TypeError,
            "Layers are selected by a name.*Selection.*print",
        ),
        ({"where": {"name": "a"}}, TypeError, "unexpected keyword argument 'name'"),
        ({"shape": "half"}, TypeError, "A student is a Student.*a width.*'half'"),
        ({"shape": 2}, ValueError, "`width` is the fraction"),
        ({"path": 3}, TypeError, "must be None or a string"),
    ],
    ids=str,
)
def test_a_field_of_another_type_is_refused_when_the_pass_is_made(
    settings, error, message
):
    with pytest.raises(error, match=message):
        Typed(**settings)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"number": 1}, 1),
        ({"number": np.float32(0.25)}, 0.25),
        ({"number": np.int64(2)}, 2),
        ({"count": np.uint8(3)}, 3),
        ({"count": None}, None),
        ({"switch": np.bool_(True)}, True),
        ({"choice": "b"}, "b"),
        ({"pair": [np.int32(3), 4]}, (3, 4)),
        ({"several": ["a", "b"]}, ("a", "b")),
        ({"where": "conv*"}, Selection(names=("conv*",))),
        ({"where": ["a", "b"]}, Selection(names=("a", "b"))),
        ({"where": {"types": ["Dense"]}}, Selection(types=("Dense",))),
        ({"shape": 0.25}, Student(width=0.25)),
        ({"shape": {"width": 0.25}}, Student(width=0.25)),
        ({"path": Path("a") / "b"}, str(Path("a") / "b")),
        ({"anything": {"x": [print]}}, {"x": [print]}),
    ],
    ids=str,
)
def test_what_fits_a_type_becomes_of_it(settings, expected):
    (name,) = settings

    found = getattr(Typed(**settings), name)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ncl.MagnitudePruning(sparsity="0.5"),
            "`sparsity` must be None or a number",
        ),
        (
            lambda: ncl.FineTune(learning_rate="fast"),
            "`learning_rate` must be a number",
        ),
        (
            lambda: ncl.GradualPruning(sparsity=0.5, select=3),
            "`select`: Layers are selected",
        ),
        (
            lambda: ncl.LowRank(rank="3"),
            "`rank` must be None or a number",
        ),
        (
            lambda: ncl.GPTQ(bits=None),
            "`bits` must be a whole number. Received: bits=None",
        ),
        (lambda: ncl.Distillation(student="half"), "`student`: A student is a Student"),
        (lambda: Student(width="0.5"), "`width` must be a number"),
        (lambda: Selection(min_size="10"), "`min_size` must be a whole number"),
    ],
    ids=range(8),
)
def test_passes_refuse_settings_of_another_type(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        ncl.FineTune,
        ncl.FineTuneCodebook,
        partial(ncl.GradualPruning, sparsity=0.5),
        partial(ncl.ScorePruning, sparsity=0.5),
        ncl.NMPruning,
    ],
)
def test_a_loss_that_keras_does_not_have_is_refused_when_the_pass_is_made(make):
    with pytest.raises(
        ValueError, match=r"loss='meen_squared_error'.*'mean_squared_error'"
    ):
        make(loss="meen_squared_error")
    for known in ("auto", "mse", "CategoricalCrossentropy", "huber"):
        assert make(loss=known).loss == known


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience"])
def test_a_part_of_a_count_is_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be a whole number. Received"):
        ncl.FineTune(**{name: 1.5})


def test_a_model_as_a_setting_is_sent_to_the_context():
    with pytest.raises(
        ValueError, match=r"goes into the context.*Context\(teacher=model\)"
    ):
        ncl.FineTune(teacher=tiny_models.sequential())


def test_a_width_is_a_student():
    assert ncl.Distillation(student=0.5) == ncl.Distillation(student=Student(width=0.5))


def test_a_name_selects_a_layer():
    step = ncl.MagnitudePruning(sparsity=0.5, select="hidden")

    pruned = step(tiny_models.sequential())

    assert step.select == Selection(names=("hidden",))
    assert not np.all(pruned.get_layer("hidden").get_weights()[0])
    assert np.all(pruned.get_layer("conv").get_weights()[0])


def test_types_are_checked_before_a_pass_checks_its_numbers():
    @dataclass(frozen=True)
    class Checks(Copies):
        number: float = 0.5

        def __post_init__(self):  # and does not call that of Pass
            if self.number < 0:
                raise ValueError("negative")

    with pytest.raises(TypeError, match="`number` must be a number"):
        Checks("0.5")
    with pytest.raises(ValueError, match="negative"):
        Checks(-1)


def test_a_type_that_is_not_there_at_run_time_is_not_checked():
    @dataclass(frozen=True)
    class Names(Copies):
        number: "OnlyForTypeCheckers" = 0.5  # noqa: F821

    assert Names("0.5").number == "0.5"


# Passes of one's own that are no dataclasses


def test_an_init_of_its_own_would_lose_the_settings_of_a_pass():
    with pytest.raises(TypeError, match=r"Plain .*lose.*@dataclass\(frozen=True\)"):

        class Plain(Copies):
            def __init__(self, number):
                self.number = number


def test_fields_without_the_decorator_are_refused():
    class Undecorated(Copies):
        number: float = 0.5

    with pytest.raises(TypeError, match=r"Undecorated .*@dataclass\(frozen=True\)"):
        Undecorated()


def test_a_pass_without_settings_needs_no_decorator():
    assert Copies().label == "Copies()"


def test_slots_are_no_init_of_its_own():
    @dataclass(frozen=True, slots=True)
    class Slotted(Copies):
        number: float = 0.5

    assert Slotted(0.25).label == "Slotted(number=0.25)"


# Contexts


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": np.zeros((4, 2))}, r"`train`: Data are inputs with their labels"),
        ({"train": {"x": [1]}}, "`train`"),
        ({"validation": ([1], [2], [3], [4])}, "`validation`: Data are inputs"),
        ({"teacher": "original"}, "`teacher` must be None or Model. Received"),
        ({"seed": "1"}, "`seed` must be a whole number"),
        ({"progress": None}, "`progress` must be True or False"),
    ],
    ids=str,
)
def test_a_context_of_other_types_is_refused_at_once(settings, message):
    with pytest.raises(TypeError, match=message):
        ncl.Context(**settings)


@pytest.mark.parametrize("kind", [tuple, list])
def test_a_pair_is_data(kind):
    context = ncl.Context(train=kind(([[1.0], [2.0]], [0, 1])))

    np.testing.assert_array_equal(context.train.x, np.array([[1.0], [2.0]]))
    np.testing.assert_array_equal(context.train.y, np.array([0, 1]))


@pytest.fixture
def dataset() -> ncl.Dataset:
    images = tiny_models.images(8)
    part = ncl.Data(images, np.arange(8) % 4)
    return ncl.Dataset("tiny", part, part, part, class_names=tuple("abcd"))


def test_a_dataset_is_a_context(dataset):
    step, model = ncl.ScorePruning(sparsity=0.5), tiny_models.sequential()
    expected = tiny_models.weights_of(step(model, ncl.Context.of(dataset)))

    for found in (
        step(model, dataset),
        ncl.compress(model, step, context=dataset).model,
    ):
        for one, other in zip(expected, tiny_models.weights_of(found), strict=True):
            np.testing.assert_array_equal(one, other)


def test_channel_pruning_looks_at_a_dataset_as_well(dataset):
    step, model = ncl.ChannelPruning(0.5, criterion="taylor"), tiny_models.sequential()

    assert set(step.kept_outputs(model, dataset)) == {"conv", "hidden", "logits"}


def test_a_context_can_be_made_of_a_context(dataset):
    context = ncl.Context.of(ncl.Context.of(dataset), seed=3)

    assert context.train is dataset.train
    assert context.seed == 3


@pytest.mark.parametrize("wrong", [5, "data", np.zeros(3)], ids=str)
def test_what_is_no_context_is_refused(wrong):
    model = tiny_models.sequential()

    with pytest.raises(TypeError, match="The context is a Context or a Dataset"):
        ncl.FineTune()(model, wrong)
    with pytest.raises(TypeError, match="The context is a Context or a Dataset"):
        ncl.compress(model, context=wrong)


def test_a_dataset_among_the_passes_is_sent_to_the_context(dataset):
    with pytest.raises(TypeError, match="Pass it as context="):
        ncl.compress(tiny_models.sequential(), Copies(), dataset)


def test_no_pass_sees_the_test_data_and_the_report_does(dataset):
    seen = []

    class Peeks(Copies):
        def transform(self, model, context):
            seen.append((context.train, context.test))
            return super().transform(model, context)

    model = tiny_models.sequential()
    Peeks()(model, dataset)
    ncl.pipeline(Peeks(), Peeks())(model, dataset)
    result = ncl.compress(model, Peeks(), context=dataset)

    assert seen == [(dataset.train, None)] * 4
    assert result.test is dataset.test


# Selections that select what is not there


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("hiden", "the name 'hiden'.*Did you mean 'hidden'.*are: conv, hidden, logits"),
        ("CONV", "Did you mean 'conv'"),
        (["conv", "dense*"], r"the name 'dense\*', which"),
        ("flat", "the name 'flat'"),
        (Selection(exclude=("logit",)), "the name 'logit'.*Did you mean 'logits'"),
        (Selection(types=("conv2d",)), "the type 'conv2d'.*Did you mean 'Conv2D'"),
        (Selection(types=("Dense", "Conv1D")), "the type 'Conv1D'"),
    ],
    ids=str,
)
def test_a_selection_of_no_layer_is_refused(select, message):
    step = ncl.MagnitudePruning(sparsity=0.5, select=select)

    with pytest.raises(ValueError, match=message) as caught:
        step(tiny_models.sequential())
    assert "earlier pass" not in str(caught.value)


def test_a_selection_of_what_an_earlier_pass_replaced_says_so():
    model = tiny_models.sequential()
    second = ncl.MagnitudePruning(sparsity=0.5, select="hidden")
    first = ncl.LowRank(rank=1, select="hidden")

    with pytest.raises(
        ValueError, match=r"'hidden_left'.*An earlier pass may have repl"
    ):
        ncl.compress(model, first, second)
    ncl.pipeline(first, ncl.MagnitudePruning(sparsity=0.5, select="hidden*"))(model)


def test_a_layer_without_a_kernel_may_be_excluded():
    ncl.MagnitudePruning(sparsity=0.5, select=Selection(exclude=("*_bn",)))(
        tiny_models.residual()
    )


def test_a_quantized_layer_still_has_the_type_of_its_floats(dataset):
    convolutions = Selection(types=("Conv2D",))
    steps = ncl.pipeline(
        ncl.UniformQuantization(select=convolutions),
        ncl.ActivationQuantization(select=convolutions),
    )

    rounded = steps(tiny_models.sequential(), dataset)

    assert [layer.name for layer in rounded.layers][:2] == [
        "conv_fake_quantize",
        "conv",
    ]


def test_a_long_list_of_names_is_cut_short():
    stack = [keras.Input((2,))] + [keras.layers.Dense(2) for _ in range(30)]

    with pytest.raises(ValueError, match=r" and 10 more\."):
        ncl.UniformQuantization(select="conv")(keras.Sequential(stack))
