"""Options of single layers as passes for the whole model."""

from dataclasses import replace

import numpy as np
import pytest
from plans import context

import nncompress_lab as ncl
from nncompress_lab.planning.applying import applied
from nncompress_lab.planning.recovery import with_recovery
from nncompress_lab.testing import tiny_models

UQ = ncl.UniformQuantization
PRUNE = ncl.MagnitudePruning(sparsity=0.5)
BITS = (UQ(bits=2), UQ(bits=4), UQ(bits=8))


def same(model, other):
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


def one_by_one(model, options, choices):
    """Each option on its layer, by a pass of its own."""
    for unit, option in choices.items():
        for step in () if option is None else ncl.pipeline(options[option]).passes:
            select = replace(step.select, names=(unit,))
            model = replace(step, select=select)(model, context())
    return model


@pytest.mark.parametrize(
    ("options", "choices", "labels"),
    [
        (BITS, {"conv": 1, "hidden": 1, "logits": 1}, ["UniformQuantization(bits=4)"]),
        (
            BITS,
            {"conv": 2, "hidden": 1, "logits": 1},
            ["UniformQuantization(bits=4, per_layer={'conv': {'bits': 8}})"],
        ),
        (
            BITS,
            {"conv": None, "hidden": 0, "logits": None},
            ["UniformQuantization(bits=2, select=Selection(names=('hidden',)))"],
        ),
        (
            (PRUNE, ncl.pipeline(PRUNE, BITS[0]), BITS[1]),
            {"conv": 0, "hidden": 1, "logits": 2},
            [
                "MagnitudePruning(sparsity=0.5, select=Selection(names=('conv', "
                "'hidden'), depthwise=False))",
                "UniformQuantization(bits=2, select=Selection(names=('hidden', "
                "'logits')), per_layer={'logits': {'bits': 4}})",
            ],
        ),
        (
            (BITS[0], UQ(bits=4, granularity="per_tensor")),
            {"conv": 0, "hidden": 1, "logits": None},
            None,
        ),
    ],
)
def test_few_passes_do_what_each_option_does_on_its_layer(options, choices, labels):
    model = tiny_models.sequential()

    passes, result = applied(model, tuple(options), choices, context())

    assert same(result, one_by_one(model, options, choices))
    assert same(result, passes(model, context()))
    if labels is not None:
        assert [step.label for step in passes.passes] == labels


def test_no_choice_is_the_model_as_it_is():
    model = tiny_models.sequential()

    passes, result = applied(model, BITS, {"conv": None}, context())

    assert passes == ncl.pipeline()
    assert same(result, model)


def test_what_follows_a_replaced_layer_treats_the_layers_in_its_place():
    options = (ncl.pipeline(ncl.LowRank(rank=2), BITS[2]), BITS[1])

    passes, result = applied(
        tiny_models.sequential(), options, {"hidden": 0, "logits": 1}, context()
    )

    bits = {
        layer.name: layer.views["kernel"].format.bits
        for layer in result.layers
        if hasattr(layer, "views")
    }
    assert bits == {"hidden_left": 8, "hidden_right": 8, "logits": 4}
    assert len(passes.passes) == 2


def test_groups_of_channels_become_one_pass_with_their_widths():
    options = (ncl.ChannelPruning(sparsity=0.5), ncl.ChannelPruning(sparsity=0.2))

    passes, result = applied(
        tiny_models.sequential(), options, {"conv": 0, "hidden": 1}, context()
    )

    assert passes.passes == (ncl.ChannelPruning(channels=(("conv", 3), ("hidden", 8))),)
    assert result.get_layer("hidden").units == 8


def test_a_pass_that_treats_no_single_layers_comes_once():
    anew = ncl.ReestimateBatchNorm()
    options = (ncl.pipeline(PRUNE, anew),)

    passes, _ = applied(
        tiny_models.residual(), options, {"stem": 0, "conv": 0}, context()
    )

    assert passes.passes[1:] == (anew,)


def test_gptq_stays_joint():
    options = tuple(ncl.GPTQ(bits=bits) for bits in (2, 4))

    passes, _ = applied(
        tiny_models.sequential(),
        options,
        {"conv": 1, "hidden": 0, "logits": 1},
        context(),
    )

    assert passes.passes == (ncl.GPTQ(bits=4, per_layer={"hidden": {"bits": 2}}),)


def test_recovery_trains_to_the_formats_that_the_passes_store():
    per_layer = {"conv": {"bits": 8}}
    select = ncl.Selection(names=("conv", "hidden"))
    stored = ncl.pipeline(PRUNE, UQ(bits=3, select=select, per_layer=per_layer))

    assert with_recovery(stored, epochs=2).passes == (
        PRUNE,
        ncl.QuantizationAwareTraining(
            bits=3,
            step_size="learned",
            select=select,
            per_layer=per_layer,
            teacher="original",
            epochs=2,
        ),
    )


@pytest.mark.parametrize(
    ("passes", "last"),
    [
        ([PRUNE], ncl.FineTune(teacher="original")),
        (
            [ncl.GPTQ(bits=3, symmetric=False)],
            ncl.QuantizationAwareTraining(bits=3, symmetric=False, teacher="original"),
        ),
        (
            [ncl.GPTQ(bits=3, per_layer={"a": {"bits": 2, "clipping": "absmax"}})],
            ncl.QuantizationAwareTraining(
                bits=3,
                step_size="learned",
                per_layer={"a": {"bits": 2}},
                teacher="original",
            ),
        ),
        (
            [ncl.CodebookQuantization(bits=3)],
            ncl.CodebookAwareTraining(bits=3, teacher="original"),
        ),
        (
            [ncl.CodebookQuantization(bits=4, table="normal_float")],
            ncl.FineTune(teacher="original"),
        ),
        ([ncl.FineTune()], ncl.FineTune()),
    ],
)
def test_recovery_ends_with(passes, last):
    assert with_recovery(ncl.pipeline(*passes)).passes[-1] == last


def test_nothing_needs_no_recovery():
    assert with_recovery(ncl.pipeline()) == ncl.pipeline()
