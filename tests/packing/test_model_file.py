"""Every model that the library makes comes back from its packed file as it was."""

import io
import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_models
import zstandard
from keras import layers
from packed_files import rewritten

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.kernels import to_numpy, weighted_layers
from nncompress_lab.packing import container
from nncompress_lab.packing.model_file import (
    layer_bytes,
    opened_contents,
    packed,
    saved_without_optimizer,
)
from nncompress_lab.packing.tensors import encode

SEEDS = "seed_generator_state"  # Keras does not save them


PRUNE = ncl.MagnitudePruning(sparsity=0.9, scope="global")
PASSES = {
    "plain": ncl.pipeline(),
    "pruned codes": ncl.pipeline(PRUNE, ncl.CodebookQuantization(bits=4)),
    "integers": ncl.UniformQuantization(
        bits=3, granularity="per_group", group_size=16, symmetric=False
    ),
}
OTHERS = {
    tiny_models.residual: (
        ncl.pipeline(PRUNE, ncl.UniformQuantization(bits=8)),
        ncl.Factorization("tucker2", energy=0.8),
        ncl.ChannelPruning(sparsity=0.5),
    ),
    tiny_models.transformer: (
        ncl.LowRank(energy=0.8),
        ncl.ActivationQuantization(),
    ),
}


def weights_of(model: keras.Model) -> list[tuple[str, bytes]]:
    """Type and bits of each weight, in the order of the model."""
    return [
        (str(variable.dtype), to_numpy(variable).tobytes())
        for variable in model.variables
        if SEEDS not in variable.path
    ]


def assert_same(restored: keras.Model, model: keras.Model) -> None:
    assert weights_of(restored) == weights_of(model)
    x = tiny_models.images()
    np.testing.assert_array_equal(to_numpy(restored(x)), to_numpy(model(x)))


@pytest.mark.contract
@pytest.mark.parametrize(
    ("build", "name"),
    tiny_models.in_turn(tiny_models.BUILDERS, list(PASSES), each=2),
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_model_comes_back_bit_for_bit(build, name, tmp_path):
    model = PASSES[name](tiny_models.built(build))
    path = tmp_path / "model.ncz"

    size = ncl.pack(model, path)

    assert_same(ncl.unpack(path), model)
    assert size == path.stat().st_size


@pytest.mark.parametrize(
    ("build", "step"),
    [(build, step) for build, steps in OTHERS.items() for step in steps],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)
def test_what_any_technique_makes_comes_back(build, step, tmp_path):
    model = step(tiny_models.built(build), tiny_models.context())

    ncl.pack(model, tmp_path / "model.ncz")

    assert_same(ncl.unpack(tmp_path / "model.ncz"), model)


def under_zstd(model):
    with saved_without_optimizer(model) as path:
        content = path.read_bytes()
    return len(zstandard.ZstdCompressor(level=12).compress(content))


@pytest.mark.parametrize("step", PASSES.values(), ids=PASSES)
def test_a_packed_file_is_smaller_than_a_keras_file_under_zstd(step):
    model = step(tiny_models.sequential())

    assert ncl.packed_bytes(model) < under_zstd(model)


@pytest.mark.parametrize("policy", ["bfloat16", "float16", "mixed_float16", "float64"])
def test_weights_of_every_precision_come_back(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        model = tiny_models.sequential()
    finally:
        keras.config.set_dtype_policy("float32")

    ncl.pack(model, tmp_path / "model.ncz")

    assert weights_of(ncl.unpack(tmp_path / "model.ncz")) == weights_of(model)


def test_numbers_that_are_unlike_others_come_back(tmp_path):
    model = tiny_models.sequential()
    model.layers[0].bias.assign([-0.0, 0.0, np.nan, np.inf, -np.inf, 1e-45])

    ncl.pack(model, tmp_path / "model.ncz")

    assert weights_of(ncl.unpack(tmp_path / "model.ncz")) == weights_of(model)


def test_a_vocabulary_comes_back(tmp_path):
    words = layers.StringLookup(vocabulary=["ä", "b", "c"])
    model = keras.Sequential([keras.Input((2,), dtype="string"), words])

    ncl.pack(model, tmp_path / "model.ncz")

    restored = ncl.unpack(tmp_path / "model.ncz")
    assert restored.layers[0].get_vocabulary() == words.get_vocabulary()


def test_a_compiled_model_is_packed_without_its_optimizer(tmp_path):
    model = tiny_models.sequential()
    bare = ncl.packed_bytes(model)
    model.compile("adam", "mse")
    model.fit(tiny_models.images(), np.zeros((4, tiny_models.CLASSES)), verbose=0)

    size = ncl.pack(model, tmp_path / "model.ncz")

    assert size < 1.1 * bare
    restored = ncl.unpack(tmp_path / "model.ncz")
    assert not restored.compiled
    assert_same(restored, model)
    assert model.compiled


def test_a_model_is_packed_twice_into_the_same_bytes():
    model = tiny_models.transformer()

    assert packed(model) == packed(model)
    assert ncl.packed_bytes(model) == len(packed(model))


def test_pruning_and_codes_show_in_the_bytes_of_the_file():
    sparsity = 0.9
    model = ncl.MagnitudePruning(sparsity=sparsity, scope="global")(
        ncl.zoo.lenet_300_100()
    )
    coded = ncl.CodebookQuantization(bits=4)(model)

    size = ncl.packed_bytes(coded)

    assert size < under_zstd(coded)
    # The entropy of where 10 % are, plus four bits for each: what is more than that, the
    # biases and the configuration, is less than what unequal layers and codes save.
    where = -sparsity * math.log2(sparsity) - (1 - sparsity) * math.log2(1 - sparsity)
    assert size < measure.parameters(model) * (where + (1 - sparsity) * 4) / 8


def renamed(name: str):
    def change(index):
        index["tensors"][0][0] = name

    return change


def reshaped(index):
    index["tensors"][2][0] = index["tensors"][2][0][::-1]


def without_configuration(index):
    del index["about"]["config"]


def with_code(index):
    for layer in index["about"]["config"]["config"]["layers"]:
        if layer["class_name"] == "Dropout":
            code = {"class_name": "__lambda__", "config": {"value": "4wAAAAAA"}}
            layer["class_name"] = "Lambda"
            layer["config"] = {"name": "code", "function": code}


def of_unknown_layers(index):
    layer = index["about"]["config"]["config"]["layers"][1]
    layer |= {"class_name": "Unheard", "module": "elsewhere", "registered_name": "a>B"}


def of_no_model(index):
    index["about"]["config"] = index["about"]["config"]["config"]["layers"][1]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (without_configuration, ncl.CorruptFileError, "describes no model"),
        (with_code, ncl.ModelFileError, "Keras does not accept.*[Ll]ambda"),
        (of_unknown_layers, ncl.ModelFileError, "does not accept.*layers of your own"),
        (of_no_model, ncl.ModelFileError, "no model but a Conv2D"),
        (reshaped, ncl.ModelFileError, "does not accept"),
        (renamed("layers/unheard/vars/0"), ncl.ModelFileError, "does not accept"),
        (renamed("layers"), ncl.CorruptFileError, "cannot be the name"),
        (
            renamed("../outside"),
            ncl.CorruptFileError,
            "'../outside' cannot be the name",
        ),
        (renamed("assets/../../outside"), ncl.CorruptFileError, "cannot be the name"),
        (renamed("/outside"), ncl.CorruptFileError, "cannot be the name"),
        (renamed(""), ncl.CorruptFileError, "cannot be the name"),
        (renamed("a\0b"), ncl.CorruptFileError, "cannot be the name"),
        (renamed("assets/\ud800"), ncl.CorruptFileError, "cannot be the name"),
        (renamed("assets/" + 70_000 * "a"), ncl.CorruptFileError, "cannot be the name"),
    ],
)
def test_a_file_that_misleads_is_refused(change, error, message, tmp_path):
    path = tmp_path / "model.ncz"
    path.write_bytes(rewritten(packed(tiny_models.sequential()), change))

    with pytest.raises(error, match=message) as caught:
        ncl.unpack(path)

    assert str(path) in str(caught.value)


@pytest.mark.contract
def test_a_model_that_would_fill_the_memory_is_not_built(tmp_path):
    def grow(index):
        text = json.dumps(index["about"]["config"])
        text = text.replace('"units": 10,', '"units": 100000000000,')
        text = text.replace("[null, 10]", "[null, 100000000000]")
        index["about"]["config"] = json.loads(text)

    path = tmp_path / "model.ncz"
    path.write_bytes(rewritten(packed(tiny_models.sequential()), grow))

    # 54 inputs of float32 for each of 1e11 units are too much: the rest is not counted.
    with pytest.raises(
        ncl.CorruptFileError, match=r"would take 21600000000\d{3} bytes or more"
    ):
        ncl.unpack(path)

    assert layers.Dense(2)(np.ones((1, 3))).shape == (1, 2)  # nothing is left behind


def test_what_is_allowed_can_be_said(tmp_path):
    ncl.pack(tiny_models.sequential(), tmp_path / "model.ncz")

    with pytest.raises(ncl.CorruptFileError, match="999 are allowed"):
        ncl.unpack(tmp_path / "model.ncz", max_bytes=999)
    assert ncl.unpack(tmp_path / "model.ncz", max_bytes=9999).name == "sequential"


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ncl.ModelFileError, match=r"no file.*missing\.ncz"):
        ncl.unpack(tmp_path / "missing.ncz")


def test_a_keras_file_is_refused(tmp_path):
    tiny_models.sequential().save(tmp_path / "model.keras")

    with pytest.raises(ncl.CorruptFileError, match=r"model\.keras.*no packed file"):
        ncl.unpack(tmp_path / "model.keras")


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.ncz.*model\.zip"):
        ncl.pack(tiny_models.sequential(), tmp_path / "model.zip")


def test_a_model_that_cannot_be_packed_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.ncz"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        ncl.pack(tiny_models.sequential(), path)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", PASSES)
def test_the_bytes_of_the_layers_are_those_of_the_tensors_of_the_file(name):
    model = PASSES[name](tiny_models.transformer())
    with (
        saved_without_optimizer(model) as path,
        opened_contents(model, path) as (about, opened),
    ):
        tensors = list(opened)
    file = io.BytesIO()
    container.write(file, about, tensors)
    coded = [encode(one.array, one.dtype, one.layout) for one in tensors]

    weighed = sum(layer_bytes(layer) for _, layer in weighted_layers(model))

    assert weighed == sum(map(len, coded)) < len(file.getvalue())
