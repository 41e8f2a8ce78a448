"""The reference models: size, form, and the accuracy that their docstrings state."""

import re

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.zoo import NAMES, architectures
from nncompress_lab.zoo.trained import load_weights
from nncompress_lab.zoo.training import TRAININGS, mirror_and_shift

LEAST_ACCURACY = {
    "lenet_300_100": 0.89,
    "lenet5": 0.905,
    "resnet20": 0.92,
    "mobilenet_small": 0.91,
    "vit_tiny": 0.87,
}


def stated(name: str) -> tuple[float, float]:
    """The accuracies in a docstring: on the embedded and on the full test set."""
    text = " ".join(getattr(ncl.zoo, name).__doc__.split())
    found = re.search(
        r"Test accuracy: ([\d.]+) % \(embedded\), ([\d.]+) % \(full\)", text
    )
    assert found, text
    return float(found[1]) / 100, float(found[2]) / 100


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_states_the_measured_accuracy(name):
    model, data = getattr(ncl.zoo, name)(), ncl.data.fashion_mnist()

    accuracy = ncl.measure.accuracy(model, data.test)

    assert accuracy >= LEAST_ACCURACY[name]
    # Two of the 2,000 images may be so close that another processor decides otherwise.
    assert accuracy == pytest.approx(stated(name)[0], abs=0.001 + 0.00005)


@pytest.mark.full_data
@pytest.mark.slow
# The others' figures are stored with their weights by the same training.
@pytest.mark.parametrize("name", ["lenet_300_100", "lenet5", "mobilenet_small"])
def test_the_docstring_states_the_accuracy_on_the_full_test_set(name):
    model = getattr(ncl.zoo, name)()

    accuracy = ncl.measure.accuracy(model, ncl.data.fashion_mnist(full=True).test)

    assert accuracy == pytest.approx(stated(name)[1], abs=0.0005)


@pytest.mark.parametrize("name", NAMES)
def test_the_facts_beside_the_weights_are_those_of_the_docstring(name):
    facts = load_weights(name, getattr(architectures, name)())

    assert (
        round(facts["embedded_test_accuracy"], 4),
        round(facts["full_test_accuracy"], 4),
    ) == pytest.approx(stated(name), abs=0.001)
    assert facts["epochs"] == TRAININGS[name].epochs


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_states_the_number_of_parameters(name):
    function = getattr(ncl.zoo, name)

    parameters = function(pretrained=False).count_params()

    assert f"{parameters:,} parameters" in " ".join(function.__doc__.split())


@pytest.mark.parametrize("name", NAMES)
def test_models_are_functional_and_of_keras_layers_only(name):
    model = getattr(ncl.zoo, name)(pretrained=False)

    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    assert not isinstance(model, keras.Sequential)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)


def test_the_small_models_are_small():
    assert ncl.zoo.mobilenet_small(pretrained=False).count_params() <= 200_000
    assert ncl.zoo.vit_tiny(pretrained=False).count_params() <= 300_000


def test_a_wider_resnet_has_the_widths_in_proportion():
    model = architectures.resnet20(width=64)

    assert model.get_layer("stage2_2_conv2").filters == 256


def test_weights_of_another_model_are_refused():
    with pytest.raises(ValueError, match=r"stored weights of lenet5 do not fit"):
        load_weights("lenet5", architectures.lenet_300_100())


def test_training_an_unknown_model_names_the_known_ones(tmp_path):
    from nncompress_lab.zoo.training import train

    with pytest.raises(ValueError, match=r"no model 'lenet6'.*lenet_300_100, lenet5"):
        train("lenet6", runs=tmp_path)


def test_augmentation_shifts_by_two_pixels_at_most_and_keeps_the_originals():
    images = np.zeros((64, 28, 28, 1), np.float32)
    images[:, 14, 14] = 1.0

    changed = mirror_and_shift(images, np.random.default_rng(0))

    rows, columns = np.nonzero(changed[..., 0])[1:]
    assert changed.shape == images.shape
    assert images[:, 14, 14].all()
    assert set(rows) == {12, 13, 14, 15, 16}
    assert set(columns) == {11, 12, 13, 14, 15, 16}  # mirrored, 14 becomes 13
