"""A pass that goes layer by layer: what it treats, and what it says of the rest."""

from dataclasses import dataclass
from typing import ClassVar

import keras
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import Skip


@dataclass(frozen=True)
class Widens(ncl.LayerPass):
    widest: int = 4

    def obstacle(self, layer):
        return "too wide" if layer.kernels()[0].shape[-1] > self.widest else None

    def transform(self, model, context):
        return ncl.copy_model(model)


@dataclass(frozen=True)
class Replaces(Widens):
    replaces: ClassVar[bool] = True


@dataclass(frozen=True)
class Decodes(Widens):
    takes_integers: ClassVar[bool] = True


def paths(step: ncl.LayerPass, model: keras.Model) -> list[str]:
    return [one.path for one in step.treated(model)]


def test_a_layer_is_treated_if_it_is_selected_and_nothing_is_in_its_way():
    model = tiny_models.residual()
    step = Widens(widest=6, select=ncl.Selection(exclude=("stem",)))

    reasons = step.explain(model)

    assert reasons["stem"] is Skip.NOT_SELECTED
    assert reasons["stem_bn"] is Skip.NO_KERNEL
    assert paths(step, model) == [path for path, why in reasons.items() if why is None]
    assert "too wide" in Widens(widest=1).explain(model).values()


def test_what_replaces_layers_leaves_those_that_cannot_be_replaced():
    class OwnTimeDistributed(layers.TimeDistributed):
        pass

    inner = layers.Dense(2, name="inner")
    model = keras.Sequential(
        [keras.Input((3, 4)), OwnTimeDistributed(inner, name="each")]
    )

    assert paths(Widens(), model) == ["each/inner"]
    assert Replaces().explain(model) == {"each/inner": Skip.NOT_REPLACEABLE}


def test_integers_are_left_alone_unless_the_pass_takes_them():
    quantized = ncl.UniformQuantization()(tiny_models.sequential())
    dense = ncl.Selection(types=("Dense",))

    assert set(Widens(widest=9).explain(quantized).values()) == {Skip.NOT_FLOAT}
    assert paths(Decodes(widest=99, select=dense), quantized) == ["hidden", "logits"]


def test_the_main_setting_is_shown_before_the_selection():
    step = Widens(3, select="conv*")

    assert step.label == "Widens(widest=3, select=Selection(names=('conv*',)))"
    assert ncl.from_recipe(ncl.to_recipe(step)) == ncl.pipeline(step)


def test_the_selection_is_a_keyword():
    with pytest.raises(TypeError, match="positional argument"):
        Widens(3, ncl.Selection())
