"""Large variables, read and written without being held once more: the same numbers."""

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.models import large_variables
from nncompress_lab.models.kernels import kernel_layers, to_numpy

pytestmark = pytest.mark.contract


def some(*shape: int, dtype: str = "float32") -> np.ndarray:
    return (10 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)


@pytest.fixture
def in_pieces(monkeypatch):
    """As if everything were large."""
    monkeypatch.setattr(large_variables, "LARGE", 0)
    monkeypatch.setattr(large_variables, "_PIECE", 100)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("shape", [(50,), (7, 5), (3, 3, 4, 6)], ids=str)
@pytest.mark.usefixtures("in_pieces")
def test_all_pieces_arrive(shape, dtype):
    variable = keras.Variable(np.zeros(shape, dtype), dtype=dtype)
    other = keras.Variable(variable)

    large_variables.assign(variable, some(*shape, dtype=dtype))

    np.testing.assert_array_equal(to_numpy(variable), some(*shape, dtype=dtype))
    assert not to_numpy(other).any()


def model_of(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((9,)), keras.layers.Dense(8, name="dense")])


@pytest.mark.usefixtures("in_pieces")
def test_a_copy_and_its_model_change_alone():
    model = model_of(0)
    before = model.get_weights()[0]
    copied = ncl.copy_model(model)
    [layer], [copied_layer] = kernel_layers(model), kernel_layers(copied)
    [seen] = copied_layer.arrays(shared=True)
    np.testing.assert_array_equal(seen, before)
    del seen  # it is what the kernel is, as long as that is nothing else

    copied_layer.assign([2 * before])
    np.testing.assert_array_equal(layer.arrays()[0], before)

    layer.assign([3 * before])
    np.testing.assert_array_equal(copied_layer.arrays()[0], 2 * before)


@pytest.mark.parametrize(
    "step", [ncl.pipeline(), ncl.CodebookQuantization(bits=4)], ids=["floats", "codes"]
)
@pytest.mark.usefixtures("in_pieces")
def test_what_is_loaded_in_pieces_is_what_was_packed(step, tmp_path):
    model = step(model_of(0))
    x = some(4, 9)
    ncl.pack(model, tmp_path / "model.ncz")

    restored = ncl.unpack(tmp_path / "model.ncz")

    for one, other in zip(model.get_weights(), restored.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(to_numpy(model(x)), to_numpy(restored(x)))
