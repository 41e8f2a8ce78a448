"""Which layers are chosen, what they are called, and what counts as a kernel."""

import keras
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.kernels import (
    channel_axes,
    kernel_layers,
    kernel_names,
    own_variables,
    walk,
)


def paths(model: keras.Model, **criteria) -> list[str]:
    return [layer.path for layer in ncl.select(model, **criteria)]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, ["conv", "hidden", "logits"]),
        ({"names": ("conv*",)}, ["conv"]),
        ({"names": ("[hl]*",)}, ["hidden", "logits"]),
        ({"exclude": ("hidden",)}, ["conv", "logits"]),
        ({"types": ("Dense",)}, ["hidden", "logits"]),
        ({"types": ("Dense",), "skip_last": 1}, ["hidden"]),
        ({"skip_first": 1}, ["hidden", "logits"]),
        ({"skip_first": 9}, []),
        ({"min_size": 100}, ["conv", "hidden"]),
        ({"names": ["logits"]}, ["logits"]),
    ],
)
def test_criteria_choose_layers_in_the_order_of_the_model(criteria, expected):
    assert paths(tiny_models.sequential(), **criteria) == expected


def test_layers_of_inner_models_and_attention_have_the_path_to_them():
    assert paths(tiny_models.nested()) == ["features/conv", "head/logits"]
    assert paths(tiny_models.transformer(), names=("attention/*",)) == [
        "attention/query",
        "attention/key",
        "attention/value",
        "attention/attention_output",
    ]


def test_a_shared_layer_comes_once():
    assert paths(tiny_models.shared()) == ["twice", "logits"]


def test_the_reasons_are_given_for_every_layer_with_weights():
    selection = ncl.Selection(types=("Conv2D",), min_size=162, skip_last=1)

    assert selection.explain(tiny_models.residual()) == {
        "stem": None,
        "stem_bn": ncl.Skip.NO_KERNEL,
        "conv": None,
        "conv_bn": ncl.Skip.NO_KERNEL,
        "logits": ncl.Skip.NOT_SELECTED,
    }


def test_a_small_layer_is_called_small():
    selection = ncl.Selection(min_size=50)

    assert selection.explain(tiny_models.sequential())["logits"] is ncl.Skip.TOO_SMALL


def test_only_what_differs_from_the_default_is_shown():
    assert repr(ncl.Selection()) == "Selection()"
    assert repr(ncl.Selection(skip_first=1)) == "Selection(skip_first=1)"


@pytest.mark.parametrize("field", ["names", "exclude", "types"])
def test_a_bare_string_is_refused(field):
    with pytest.raises(TypeError, match=rf"Write {field}=\('conv',\)"):
        ncl.Selection(**{field: "conv"})


@pytest.mark.parametrize("field", ["min_size", "skip_first", "skip_last"])
def test_a_negative_number_is_refused(field):
    with pytest.raises(ValueError, match=f"`{field}` must be at least 0"):
        ncl.Selection(**{field: -1})


def test_an_unknown_criterion_is_refused():
    with pytest.raises(TypeError, match="name"):
        ncl.select(tiny_models.sequential(), name="conv")


def test_a_subclass_counts_as_the_layer_it_is_derived_from():
    class OwnDense(keras.layers.Dense):
        pass

    assert kernel_names(OwnDense(3)) == ("kernel",)


def test_a_layer_that_is_merely_called_dense_has_no_kernel():
    other = type("Dense", (keras.layers.Layer,), {})

    assert kernel_names(other()) == ()


@pytest.mark.parametrize(
    ("path", "ndim", "axes"),
    [
        ("conv2d", 4, (3,)),
        ("transpose2d", 4, (2,)),
        ("transpose1d", 3, (1,)),
        ("transpose3d", 5, (3,)),
        ("depthwise1d", 3, (1, 2)),
        ("embedding", 2, (0,)),
        ("logits", 2, (1,)),
    ],
)
def test_the_axes_of_the_outputs(path, ndim, axes):
    layer = tiny_models.every_layer().get_layer(path)

    assert channel_axes(layer, "kernel", ndim) == axes


def test_the_axes_of_einsum_kernels_follow_the_equation():
    projections = {
        layer.path: layer for layer in kernel_layers(tiny_models.transformer())
    }

    def axes(path: str) -> tuple[int, ...]:
        return channel_axes(projections[path].layer, "kernel", 3)

    assert axes("attention/query") == (1, 2)  # width, heads, head size
    assert axes("attention/attention_output") == (2,)  # heads, head size, width


def test_a_layer_owns_its_weights_but_not_those_inside_it():
    model = tiny_models.transformer()
    owned = {path: len(own_variables(layer)) for path, layer in walk(model)}

    assert owned["attention"] == 0
    assert owned["attention/query"] == 2
    assert sum(owned.values()) == len(model.weights)
