"""Kernels decoded once and kept: never older than what they are decoded from."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import to_numpy

pytestmark = pytest.mark.contract

FORMATS = {
    "8 bits": ncl.UniformQuantization(bits=8),
    "groups": ncl.UniformQuantization(
        bits=4, granularity="per_group", group_size=8, symmetric=False
    ),
    "codes": ncl.CodebookQuantization(bits=4),
}
X = np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)


def quantized(step: ncl.Pass, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((16,)), keras.layers.Dense(12, name="dense")]
    return step(keras.Sequential(layers, name="model"))


def by_hand(model: keras.Model) -> np.ndarray:
    """What the stored numbers say now, in NumPy."""
    dense = model.get_layer("dense")
    parts = dense.stored_kernel("kernel").items()
    kernel = dense.views["kernel"].decode({name: to_numpy(one) for name, one in parts})
    return X @ kernel + to_numpy(dense.bias)


def assert_up_to_date(model: keras.Model) -> None:
    """In a call, in a compiled graph and in a kernel that is read."""
    expected = by_hand(model)
    for found in (to_numpy(model(X)), model.predict(X, verbose=0)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        X @ to_numpy(model.get_layer("dense").kernel) + to_numpy(model.layers[0].bias),
        expected,
        rtol=1e-5,
        atol=1e-5,
    )


def set_weights(model, other, folder):
    model.set_weights(other.get_weights())


def load_weights(model, other, folder):
    other.save_weights(folder / "other.weights.h5")
    model.load_weights(folder / "other.weights.h5")


def assign(model, other, folder):
    for variable, source in zip(model.variables, other.variables, strict=True):
        variable.assign(to_numpy(source))


def assign_scales(model, other, folder):
    parts = model.layers[0].stored_kernel("kernel")
    scales = parts.get("scale", parts.get("table"))
    scales.assign(2 * to_numpy(scales))


def assign_codes(model, other, folder):
    codes = model.layers[0].stored_kernel("kernel")["q"]
    codes.assign(to_numpy(codes)[..., ::-1])


def assign_add(model, other, folder):
    for name, variable in model.layers[0].stored_kernel("kernel").items():
        if name in {"scale", "table"}:
            variable.assign_add(np.full(variable.shape, 0.5, np.float32))


CHANGES = [
    set_weights,
    load_weights,
    assign,
    assign_scales,
    assign_codes,
    assign_add,
]


@pytest.mark.parametrize(
    ("change", "kind"),
    tiny_models.in_turn(CHANGES, ["groups", "codes"]),
    ids=lambda one: getattr(one, "__name__", one),
)
def test_new_numbers_count_at_once(kind, change, tmp_path):
    step = FORMATS[kind]
    model = quantized(step)
    assert_up_to_date(model)
    before = by_hand(model)

    change(model, quantized(step, seed=1), tmp_path)

    assert np.abs(by_hand(model) - before).max() > 0.1
    assert_up_to_date(model)


@pytest.mark.parametrize("compiled_before", [False, True])
def test_a_table_that_trains_counts_at_once(compiled_before):
    model = quantized(FORMATS["codes"])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    if compiled_before:
        assert_up_to_date(model)
    table = model.layers[0].stored_kernel("kernel")["table"]
    before = to_numpy(table)

    table.trainable = True
    if not compiled_before:
        model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(X, np.ones((5, 12), np.float32), epochs=2, verbose=0)

    assert np.abs(to_numpy(table) - before).max() > 1e-4
    assert_up_to_date(model)
    table.trainable = False
    assert_up_to_date(model)
    table.trainable = True
    model.fit(X, np.ones((5, 12), np.float32), verbose=0)
    assert_up_to_date(model)


@pytest.mark.parametrize(
    ("kind", "copied"),
    [
        ("8 bits", copy.deepcopy),
        ("groups", lambda model: pickle.loads(pickle.dumps(model))),
        ("codes", ncl.copy_model),
    ],
    ids=["deepcopy", "pickle", "copy_model"],
)
def test_a_copy_keeps_numbers_of_its_own(kind, copied):
    model = quantized(FORMATS[kind])
    assert_up_to_date(model)

    other = copied(model)
    assign_scales(other, None, None)

    assert_up_to_date(model)
    assert_up_to_date(other)
    assert np.abs(by_hand(model) - by_hand(other)).max() > 0.1


def test_what_is_kept_is_no_weight(tmp_path):
    model, used = quantized(FORMATS["codes"]), quantized(FORMATS["codes"])
    for path, one in (("new.keras", model), ("used.keras", used)):
        if one is used:
            assert_up_to_date(one)
        one.save(tmp_path / path)

    assert len(used.variables) == len(model.variables)
    assert used.count_params() == model.count_params()
    sizes = {(tmp_path / path).stat().st_size for path in ("new.keras", "used.keras")}
    assert len(sizes) == 1
    assert_up_to_date(keras.saving.load_model(tmp_path / "used.keras"))


def test_threads_see_old_numbers_or_new_ones():
    step = FORMATS["codes"]
    model, other = quantized(step), quantized(step, seed=1)
    table = model.layers[0].stored_kernel("kernel")["table"]
    tables = [to_numpy(table), 3 * to_numpy(table)]
    expected = []
    for values in tables:
        table.assign(values)
        expected.append(by_hand(model))
    del other

    def predictions(turn: int) -> list[np.ndarray]:
        if turn == 0:
            for place in range(20):
                table.assign(tables[place % 2])
        return [to_numpy(model(X)) for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        found = [one for many in pool.map(predictions, range(4)) for one in many]

    for one in found:
        assert any(np.allclose(one, right, atol=1e-5) for right in expected)
    assert_up_to_date(model)


def test_a_kernel_is_decoded_once(monkeypatch):
    model = quantized(FORMATS["groups"])
    view, decoded = type(model.layers[0].views["kernel"]), []
    decode = view.decode

    def counted(*args, **kwargs):
        decoded.append(1)
        return decode(*args, **kwargs)

    monkeypatch.setattr(view, "decode", counted)
    for _ in range(3):
        model(X)
    assert len(decoded) == 1

    ncl.keep_decoded(False)
    try:
        for _ in range(3):
            model(X)
    finally:
        ncl.keep_decoded(True)
    assert len(decoded) == 4
