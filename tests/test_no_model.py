"""Whoever passes something else than a model is told so, wherever a model is asked for."""

import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure

CALLS = {
    "a pass": ncl.MagnitudePruning(0.5),
    "a pass with data": lambda it: ncl.FineTune(epochs=1)(it, tiny_models.context()),
    "explain": ncl.UniformQuantization().explain,
    "compress": lambda it: ncl.compress(it, ncl.MagnitudePruning(0.5)),
    "compare": lambda it: ncl.compare(it, tiny_models.sequential(), latency=False),
    "compare with": lambda it: ncl.compare(tiny_models.sequential(), it, latency=False),
    "rounded": ncl.QuantizationAwareTraining(bits=4).rounded,
    "dequantized": ncl.dequantized,
    "copy_model": ncl.copy_model,
    "keeping_zeros": lambda it: ncl.keeping_zeros(it).__enter__(),
    "channel_groups": ncl.channel_groups,
    "pack": lambda it: ncl.pack(it, "m.ncz"),
    "packed_bytes": ncl.packed_bytes,
    "copy_weights": lambda it: ncl.copy_weights(it, tiny_models.sequential()),
    "copy_weights to": lambda it: ncl.copy_weights(tiny_models.sequential(), it),
    "teacher_logits": lambda it: ncl.teacher_logits(it, np.zeros((1, 8, 8, 3))),
    "save": lambda it: ncl.save_model(it, "m.keras"),
    "onnx": lambda it: ncl.export(it, "m.onnx"),
    "accuracy": lambda it: measure.accuracy(it, tiny_models.context().validation),
    "evaluate": lambda it: measure.evaluate(it, tiny_models.context().validation),
    "divergence": lambda it: measure.divergence(
        it, tiny_models.sequential(), tiny_models.context().validation
    ),
    "divergence of": lambda it: measure.divergence(
        tiny_models.sequential(), it, tiny_models.context().validation
    ),
    "bytes": measure.bytes_in_memory,
    "parameters": measure.parameters,
    "nonzeros": measure.nonzeros,
    "sizes": measure.file_sizes,
    "macs": measure.macs,
}
OTHERS = {
    "None": None,
    "a path": "model.keras",
    "a list": [tiny_models.sequential],
    "an array": np.zeros(3),
    "a class": ncl.Data,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("other", OTHERS)
def test_something_else_than_a_model_is_refused_by_name(
    call, other, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ncl.UnsupportedModelError, match=r"Only Keras 3 .* Received: "):
        CALLS[call](OTHERS[other])

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("time", [measure.race, measure.time_on_devices])
@pytest.mark.parametrize("other", [None, "model", [1]], ids=["None", "str", "list"])
def test_what_is_timed_has_names(time, other):
    with pytest.raises(TypeError, match=r"by their names.*Received: .*dict"):
        time(other)
