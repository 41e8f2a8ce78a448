"""What a file declares is looked at before Keras takes memory for it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.errors import ModelFileError
from nncompress_lab.models import building
from nncompress_lab.models.declared import check_config, without_compiling

CONFIG, WEIGHTS = "config.json", "model.weights.h5"


@pytest.fixture
def good(tmp_path) -> Path:
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4, name="out")])
    model.compile("adam", "mse", metrics=[keras.metrics.AUC(num_thresholds=50)])
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def changed(path: Path, *, config: Any = None, weights: Any = None) -> Path:
    """The file with another configuration or other weights, deflated."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if config is not None:
        described = json.loads(members[CONFIG])
        config(described)
        members[CONFIG] = json.dumps(described).encode()
    if weights is not None:
        inside = path.with_name(WEIGHTS)
        inside.write_bytes(members[WEIGHTS])
        with h5py.File(inside, "a") as file:
            weights(file)
        members[WEIGHTS] = inside.read_bytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def wide(config: dict[str, Any]) -> None:
    config["config"]["layers"][1]["config"]["units"] = 2**30


def long_strings(config: dict[str, Any]) -> None:
    array = {"value": ["a"], "dtype": "S2000000000"}
    described = {"class_name": "__numpy__", "config": array}
    config["config"]["layers"][1]["config"]["bias_initializer"] = described


def many_thresholds(config: dict[str, Any]) -> None:
    metric = {"class_name": "AUC", "config": {"num_thresholds": 30_000_000}}
    config["compile_config"]["metrics"] = [metric]


def many_layers(config: dict[str, Any]) -> None:
    config["config"]["layers"] += config["config"]["layers"][1:] * 2000


def long_list(config: dict[str, Any]) -> None:
    vocabulary = {"num_oov_indices": 10**9, "vocabulary": [1]}
    lookup = {"module": "keras.layers", "class_name": "IntegerLookup"}
    config["config"]["layers"][1] = {**lookup, "config": vocabulary}


def computed_at_once(config: dict[str, Any], **settings: float) -> None:
    described = {"class_name": "Normalization", "config": settings}
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**11]
    config["config"]["layers"][1] = {"module": "keras.layers", **described}


def repeated_at_once(config: dict[str, Any]) -> None:
    computed_at_once(config, mean=0.0, variance=1.0)


def nested(config: dict[str, Any]) -> None:
    inside: Any = []
    for _ in range(300):
        inside = {"a": [inside]}
    config["config"]["layers"][1]["config"]["units"] = inside


def long_text(config: dict[str, Any]) -> None:
    config["more"] = " " * 5 * 2**20


def huge_array(file: h5py.File) -> None:
    file.create_dataset("more", (2**40,), "f4", chunks=(2**20,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": wide}, "build a model of"),
        ({"config": long_strings}, "array in it would take 2000000000"),
        ({"config": many_thresholds}, "num_thresholds"),
        ({"config": many_layers}, "more than 4... layers"),
        ({"config": long_list}, "num_oov_indices"),
        ({"config": computed_at_once}, "build a model of"),
        ({"config": repeated_at_once}, "build a model of"),
        ({"config": nested}, "nested too deeply"),
        ({"config": long_text}, "describe itself in"),
        ({"weights": huge_array}, "hold arrays of"),
    ],
    ids=lambda one: (
        getattr(next(iter(one.values())), "__name__", "")
        if isinstance(one, dict)
        else ""
    ),
)
def test_more_than_a_file_can_hold_is_refused_before_keras(change, said, good):
    with pytest.raises(ModelFileError, match=said):
        ncl.load_model(changed(good, **change))


def test_what_unpacks_to_more_than_its_length_allows_is_refused(good, monkeypatch):
    monkeypatch.setattr(
        "nncompress_lab.models.files.most_bytes", lambda size, _: 9 * size
    )

    def zeros(file):
        file.create_dataset("more", data=np.zeros(2**20, np.float32))

    with pytest.raises(ModelFileError, match="unpack to"):
        ncl.load_model(changed(good, weights=zeros))


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_a_good_file_loads_with_what_it_was_compiled_with(good):
    model = ncl.load_model(changed(good))

    assert model.compiled
    assert model.get_layer("out").units == 4


def doubled(x):
    return 2 * x


class Mine(layers.Layer):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (layers.Dense(2, activation=doubled), "function 'doubled'"),
        (Mine(), "class 'Mine'"),
        (layers.Lambda(lambda x: x), "Lambda"),
    ],
    ids=["function", "class", "lambda"],
)
def test_the_reason_of_keras_is_told(layer, said, tmp_path):
    model = keras.Sequential([keras.Input((8,)), layer])
    model.save(tmp_path / "model.keras")

    with pytest.raises(ModelFileError, match=said) as caught:
        ncl.load_model(tmp_path / "model.keras")

    assert "\n" not in str(caught.value)


def test_many_layers_are_read_one_after_the_other(good, monkeypatch):
    """Keras builds a Sequential again with each layer that it reads."""
    built = []
    build = keras.Sequential.build

    def counted(model, shape=None):
        built.append(model)
        return build(model, shape)

    def deeper(config):
        dense = config["config"]["layers"].pop()
        for number in range(20):
            inner = {**dense["config"], "name": f"layer_{number}"}
            config["config"]["layers"].append({**dense, "config": inner})

    monkeypatch.setattr(keras.Sequential, "build", counted)
    with pytest.raises(ModelFileError):  # it has no weights for them
        ncl.load_model(changed(good, config=deeper))

    assert len(built) <= 4
    assert keras.Sequential.from_config == building._AS_KERAS_DOES


def test_inner_models_are_not_compiled_either():
    inner = {"class_name": "Sequential", "config": {"layers": [{"compile_config": 1}]}}
    config = {**inner, "compile_config": {}, "config": {"layers": [inner]}}
    config["config"]["layers"][0]["compile_config"] = {"metrics": []}

    bare = without_compiling(config)

    assert "compile_config" not in bare
    assert "compile_config" not in bare["config"]["layers"][0]


def test_numbers_of_layers_are_no_numbers_of_metrics():
    check_config({"class_name": "Embedding", "num_words": 10**9}, most=100)


@pytest.mark.parametrize("described", [None, {"dtype": "no type", "value": []}, {}])
def test_an_array_that_is_none_is_refused(described, good):
    def change(config):
        array = {"class_name": "__numpy__", "config": described}
        config["config"]["layers"][1]["config"]["bias_initializer"] = array

    with pytest.raises(ModelFileError):
        ncl.load_model(changed(good, config=change))
