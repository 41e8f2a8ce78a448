"""LiteRT, the runtime of phones and boards: export of a Keras model, and running it."""

import importlib.util
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import keras

from nncompress_lab.atomic import scratch_folder
from nncompress_lab.data.datasets import Data
from nncompress_lab.errors import (
    CompressionError,
    UnsupportedModelError,
    check_choice,
)
from nncompress_lab.measure.latency import ROUNDS, Race, race
from nncompress_lab.models.inputs import (
    STRING,
    input_arrays,
    input_names,
    structured,
    with_free_batch,
)
from nncompress_lab.models.kernels import keras_classes, walk
from nncompress_lab.models.random_inputs import random_inputs
from nncompress_lab.models.rewrite import REMOVE, rewrite_layers
from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize
from nncompress_lab.quantization.layers.replace import dequantized
from nncompress_lab.quiet import quiet_logger, quiet_stderr
from nncompress_lab.runtimes.litert_file import LiteRT
from nncompress_lab.runtimes.runtime import Inputs
from nncompress_lab.runtimes.unrolled import unrolled

Quantize = Literal["dynamic", "int8"]
SELECT_OP = re.compile(rb"Flex(\w+)")


def is_available() -> bool:
    """Whether models can be exported and run here: TensorFlow backend and LiteRT."""
    installed = importlib.util.find_spec("ai_edge_litert") is not None
    return installed and keras.backend.backend() == "tensorflow"


def to_litert(
    model: keras.Model,
    *,
    quantize: Quantize | None = None,
    calibration: Inputs | Data | None = None,
) -> bytes:
    """The content of a `.tflite` file for a model.

    Args:
        model: A built functional or sequential model. Kernels stored as integers are
            written as the floats they stand for.
        quantize: None keeps floats; `"dynamic"` stores kernels as int8 and rounds
            activations as they come; `"int8"` computes with int8 throughout, between
            float inputs and outputs.
        calibration: For `"int8"`: inputs that the ranges of activations are taken from.

    Raises:
        ValueError: If `"int8"` has no calibration inputs.
        UnsupportedModelError: If the model needs operators of TensorFlow that LiteRT
            lacks, as strings and loops of recurrent layers do. These are unrolled where
            the number of steps is fixed.
        CompressionError: If the backend is not TensorFlow, LiteRT is not installed, or
            the converter cannot take the model.
    """
    if not is_available():
        raise CompressionError(
            "LiteRT export needs the TensorFlow backend and the package ai-edge-litert. "
            f"Received: backend {keras.backend.backend()!r}. Install both with "
            'pip install "nncompress-lab[lab]" and set KERAS_BACKEND=tensorflow.'
        )
    if unsupported := _string_layers(model):
        raise _refusal(model, unsupported, "they compute with strings")
    model = with_free_batch(model)
    settings = _converter_settings(model, quantize, calibration)
    content = _converted(model, quantize, settings)
    if SELECT_OP.search(content):  # or a layer that is called so
        _check_runs(model, content)
    return content


def _check_runs(model: keras.Model, content: bytes) -> None:
    try:
        LiteRT(content)
    except RuntimeError as error:
        names = sorted({one.decode() for one in SELECT_OP.findall(content)})
        why = f"they need {', '.join(names)}"
        raise _refusal(model, _not_builtin(model), why) from error


def _converted(
    model: keras.Model, quantize: Quantize | None, settings: dict[str, Any]
) -> bytes:
    with (
        scratch_folder() as folder,
        quiet_stderr(),
        quiet_logger("tensorflow"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        path = folder / "model.tflite"
        try:
            floats = dequantized(model if quantize is None else _unrounded(model))
            ready = _by_name(unrolled(floats))
            ready.export(path, format="litert", verbose=False, **settings)
        except CompressionError:
            raise
        except Exception as error:  # TensorFlow's converter raises many kinds
            if layers := _not_builtin(model):
                why = "the converter has no form for them"
                raise _refusal(model, layers, why) from error
            first_line = str(error).strip().partition("\n")[0]
            raise CompressionError(
                f"LiteRT's converter cannot take {model.name!r}: {first_line}"
            ) from error
        return path.read_bytes()


def _by_name(model: keras.Model) -> keras.Model:
    """The model with its inputs by name and its outputs in a row, if it has several."""
    if len(model.inputs) == len(model.outputs) == 1:
        return model
    names, tensors = input_names(model), keras.tree.flatten(model.inputs)
    entries = [
        keras.Input(batch_shape=one.shape, dtype=one.dtype, name=name)
        for name, one in zip(names, tensors, strict=True)
    ]
    outputs = keras.tree.flatten(model(structured(model, entries)))
    return keras.Model(entries, outputs, name=model.name)


def _string_layers(model: keras.Model) -> list[str]:
    return [
        f"{path!r} ({type(layer).__name__})"
        for path, layer in walk(model)
        if STRING in {str(layer.dtype), str(layer.input_dtype)}
    ]


def _not_builtin(model: keras.Model) -> list[str]:
    """Layers of which the converter makes loops, or sums of few bits."""
    return [
        f"{path!r} ({type(layer).__name__})"
        for path, layer in walk(model)
        if not {"RNN", "Bidirectional"}.isdisjoint(keras_classes(layer))
        or getattr(layer, "quantization_mode", None)
        or "float16" in str(layer.compute_dtype)
    ]


def _refusal(model: keras.Model, layers: list[str], why: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{model.name!r} cannot be written as .tflite: LiteRT alone cannot run "
        f"{', '.join(layers) or 'some of its layers'}, because {why}: operators of "
        "TensorFlow (Select TF ops), which it lacks. Build recurrent layers for a fixed "
        "number of steps or with unroll=True, all layers in float32, quantize with the "
        "passes of this library, keep strings outside of the model, or run it in Keras."
    )


def _converter_settings(
    model: keras.Model,
    quantize: Quantize | None,
    calibration: Inputs | Data | None,
) -> dict[str, Any]:
    """What TensorFlow's converter is told beside the model."""
    if quantize is None:
        return {}
    check_choice("quantize", quantize, Quantize)
    import tensorflow as tf

    settings: dict[str, Any] = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    if quantize == "dynamic":
        return settings
    if calibration is None:
        raise ValueError(
            "quantize='int8' needs `calibration`: a hundred or so inputs, from which the "
            "ranges of activations are taken. Received: None."
        )
    arrays = dict(
        zip(input_names(model), input_arrays(model, calibration), strict=True)
    )

    def one_by_one() -> Iterator[Any]:
        for place in range(len(next(iter(arrays.values())))):
            one = {name: array[place : place + 1] for name, array in arrays.items()}
            yield one if len(one) > 1 else list(one.values())

    integers_only = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]}
    return {
        **settings,
        "representative_dataset": one_by_one,
        "target_spec": integers_only,
    }


def _unrounded(model: keras.Model) -> keras.Model:
    """The model without `FakeQuantize`, which the converter does for itself."""
    return rewrite_layers(
        model, lambda one: REMOVE if isinstance(one, FakeQuantize) else None
    )


def race_models(
    models: dict[str, keras.Model],
    *,
    batch_size: int = 1,
    threads: int = 1,
    rounds: int = ROUNDS,
) -> Race:
    """Time models against each other in LiteRT, on random inputs.

    Args:
        models: By name; the first is the one that the others are compared with.
        batch_size: Examples in one run.
        threads: How many the runtime may use.
        rounds: As `measure.race` takes it.

    Raises:
        ValueError: If a size of an input is not fixed.
        CompressionError: As `to_litert` raises it.
    """
    first = next(iter(models.values()))
    arrays = random_inputs(first, batch_size=batch_size)
    x = dict(zip(input_names(first), arrays, strict=True))
    contents = {name: to_litert(model) for name, model in models.items()}

    def start(content: bytes) -> Callable[[], None]:
        return LiteRT(content, threads=threads).runner(x)

    return race(
        {name: partial(start, content) for name, content in contents.items()},
        rounds=rounds,
        threads=threads,
        batch_size=batch_size,
    )
