"""One pass on a device: it computes what predict does, and waits for a GPU."""

import importlib

import keras
import numpy as np
import pytest
import tiny_models

from nncompress_lab import measure
from nncompress_lab.measure.forward_pass import forward_on

BACKEND = keras.backend.backend()
CPU = measure.devices()[0].name
MODELS = [tiny_models.sequential, tiny_models.residual, tiny_models.transformer]


def batch(size: int) -> np.ndarray:
    shape = (size, *tiny_models.IMAGE)
    return np.random.default_rng(0).random(shape).astype("float32")


@pytest.mark.parametrize("build", MODELS)
def test_it_computes_what_predict_does(build):
    model, x = build(), batch(3)
    with keras.device(CPU):
        outputs = keras.ops.convert_to_numpy(forward_on(CPU, model, x)())

    # The same program compiled twice; XLA may order sums differently.
    np.testing.assert_allclose(outputs, model.predict_on_batch(x), rtol=1e-4, atol=1e-5)


def test_several_inputs_run_together():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, keras.layers.Concatenate()([b, a]))
    x = {"a": np.ones((2, 3), "float32"), "b": np.zeros((2, 2), "float32")}
    with keras.device(CPU):
        outputs = keras.ops.convert_to_numpy(forward_on(CPU, model, x)())

    np.testing.assert_array_equal(outputs, [[0, 0, 1, 1, 1]] * 2)


def test_memory_is_told_by_xla_and_holds_weights_batch_and_outputs():
    model, x = tiny_models.sequential(), batch(5)
    with keras.device(CPU):
        peak = forward_on(CPU, model, x).peak_bytes()

    if BACKEND != "jax":
        assert peak is None  # the process's memory is no measure of a model's
        return
    held = sum(weight.value.nbytes for weight in model.weights)
    least = held + x.nbytes + 5 * tiny_models.CLASSES * 4
    # In between there are at most all activations, a few times the batch.
    assert least <= peak < least + 100 * x.nbytes


def test_a_gpu_is_waited_for_after_each_call(monkeypatch):
    if BACKEND == "jax":
        jax = importlib.import_module("jax")
        owner, name = jax, "block_until_ready"
    elif BACKEND == "torch":
        owner, name = importlib.import_module("torch").cuda, "synchronize"
    else:
        tf = importlib.import_module("tensorflow")
        owner, name = tf.test.experimental, "sync_devices"
    waits = []
    monkeypatch.setattr(owner, name, lambda *_outputs: waits.append(1))
    run = forward_on("gpu:0", tiny_models.sequential(), batch(1))

    with keras.device(CPU):
        run()
        run()

    assert len(waits) == 2


class Meter:
    """Counts as a GPU's allocator does: 1000 bytes held, 300 more during a run."""

    def memory_allocated(self) -> int:
        return 1000

    def max_memory_allocated(self) -> int:
        return 1300

    def get_memory_info(self, _device: str) -> dict[str, int]:
        return {"current": 1000, "peak": 1300}

    def reset_peak_memory_stats(self) -> None: ...

    def reset_memory_stats(self, _device: str) -> None: ...


@pytest.mark.skipif(BACKEND == "jax", reason="asks the compiler, not the device")
def test_the_peak_is_what_lies_there_and_what_a_run_adds():
    model, x = tiny_models.sequential(), batch(2)
    with keras.device(CPU):
        run = forward_on(CPU, model, x)
        run._memory = Meter()
        peak = run.peak_bytes()

    held = sum(weight.nbytes for weight in model.get_weights())
    assert peak == held + x.nbytes + 300
