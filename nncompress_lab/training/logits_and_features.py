"""What training sees of a teacher or student: its logits and features in one row."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from nncompress_lab.models.rewrite import REMOVE, copy_model, rewrite_layers
from nncompress_lab.training.arrays.features import attention_map
from nncompress_lab.training.output_scale import (
    Scale,
    named_scale,
    output_layer,
    output_scale,
)
from nncompress_lab.training.teacher_losses import Features

Tensors = dict[str, Any]


def logits_model(model: keras.Model) -> keras.Model:
    """An equal model that returns logits where `model` returns probabilities.

    A final softmax or sigmoid is left out; it has no weights, so both models have the
    same. Of probabilities that something else makes, logarithms are taken. What returns
    logits, or logarithms of probabilities, which are logits too, is only copied.

    Args:
        model: A built model. It is not changed.

    Returns:
        A new model that shares nothing with `model`.
    """
    scales = [output_scale(model, index) for index in range(len(model.outputs))]
    if set(scales) == {"logits"}:
        return copy_model(model)
    last = output_layer(model)
    if len(scales) == 1 and named_scale(last):
        if isinstance(last, keras.layers.Softmax | keras.layers.Activation):
            return rewrite_layers(
                model, lambda layer: REMOVE if layer is last else None
            )
        if hasattr(last, "activation"):
            logits = copy_model(model)
            output_layer(logits).activation = keras.activations.linear
            return logits
    # An operation is no layer to leave out, and a layer may have other readers.
    copy = copy_model(model)
    outputs = [_logits(*pair) for pair in zip(copy.outputs, scales, strict=True)]
    return keras.Model(
        _inputs(copy), outputs if len(outputs) > 1 else outputs[0], name=model.name
    )


def _logits(tensor: Any, scale: Scale) -> Any:
    """Logits up to a constant, of which probabilities were made."""
    if scale == "logits":
        return tensor
    least = np.finfo(np.float32).tiny
    probabilities = ops.cast(tensor, "float32")
    logits = ops.log(ops.maximum(probabilities, least))
    if scale == "sigmoid":
        logits -= ops.log(ops.maximum(1 - probabilities, np.finfo(np.float32).eps))
    return logits


def check_classifier(model: keras.Model) -> None:
    """Raise a `ValueError` unless a model tells several classes from each other."""
    shape = model.output_shape
    fits = isinstance(shape, tuple) and len(shape) == 2 and (shape[-1] or 0) > 1
    if not fits or output_scale(model) == "sigmoid":
        raise ValueError(
            "A teacher's logits are those of a model that returns a logit or probability "
            "for each of two classes or more, which exclude each other. Received: "
            f"{model.name!r} with outputs of shape {shape}"
            + (" behind a sigmoid." if fits else ".")
            + " Distillation takes any model."
        )


def tensors_of(model: keras.Model) -> tuple[Any, Tensors, list[Any]]:
    """The inputs of a model, the output of each of its layers by name, and its outputs.

    The layers are called anew, so this is for a model of one's own only. Of a layer that
    is used several times it is the last output.
    """
    found: Tensors = {}

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        found[layer.name] = layer(*args, **kwargs)
        return found[layer.name]

    view = keras.models.clone_model(
        _plain_view(model),
        clone_function=lambda layer: layer,
        call_function=call,
    )
    ends = {id(one) for one in view.outputs}
    inside = {name: tensor for name, tensor in found.items() if id(tensor) not in ends}
    return view.input, inside, list(view.outputs)


def teacher_and_student_views(
    teacher: keras.Model,
    student: keras.Model,
    features: Features | None,
    layers: tuple[tuple[str, str], ...],
) -> tuple[keras.Model, keras.Model]:
    """Models that return their logits and, where some are asked for, their features.

    Features are one more output, flat and side by side. Those of sequences of any length
    cannot be, and are an output each.

    For hints the student's view has a learned linear map (a 1x1 convolution) wherever
    its layer has another number of channels. It belongs to the view only.

    Args:
        teacher: A copy that returns logits.
        student: A copy that returns logits; its view shares the weights with it.
        features: What to compare, None for the logits alone.
        layers: Pairs of names, of the teacher and of the student. Empty takes the last
            layer of each before the logits that has features of this kind.

    Returns:
        The two views.

    Raises:
        ValueError: If a layer does not exist, or two cannot be compared.
    """
    if features is None:
        return _plain_view(teacher), _plain_view(student)
    ends, rows = [], []
    for model in (teacher, student):
        inputs, tensors, logits = tensors_of(model)
        rows.append(tensors)
        ends.append((inputs, logits))
    if not layers:
        layers = (
            (
                _last_fit(teacher, rows[0], features),
                _last_fit(student, rows[1], features),
            ),
        )
    seen: tuple[list[Any], list[Any]] = ([], [])  # of the teacher, of the student
    for names in layers:
        one, other = (
            _tensor(model, tensors, name)
            for model, tensors, name in zip(
                (teacher, student), rows, names, strict=True
            )
        )
        _check_pair(names, one, other, features)
        if features == "hint" and one.shape[-1] != other.shape[-1]:
            other = keras.layers.Dense(one.shape[-1])(other)
        for rows_of, tensor in zip(seen, (one, other), strict=True):
            rows_of.append(_row(tensor, features))
    return (
        _view(teacher, *ends[0], seen[0]),
        _view(student, *ends[1], seen[1]),
    )


def _plain_view(model: keras.Model) -> keras.Model:
    return _view(model, _inputs(model), model.outputs, [])


def _inputs(model: keras.Model) -> Any:
    # A sequential model has no `input` before it is called.
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def _view(
    model: keras.Model, inputs: Any, logits: list[Any], rows: list[Any]
) -> keras.Model:
    flat = [one for one in rows if None not in one.shape[1:]]
    long = [one for one in rows if None in one.shape[1:]]
    outputs = [*logits, *long]
    if flat:
        outputs.append(ops.concatenate(flat, axis=-1) if flat[1:] else flat[0])
    return keras.Model(inputs, outputs if outputs[1:] else outputs[0], name=model.name)


def _row(tensor: Any, features: Features) -> Any:
    if features == "attention":
        return attention_map(tensor, xp=ops)
    if None in tensor.shape[1:]:
        return tensor * 1  # what an operation makes has no mask
    return ops.reshape(tensor, (-1, math.prod(tensor.shape[1:])))


def _has(tensor: Any, features: Features) -> bool:
    shape: tuple[int | None, ...] = getattr(tensor, "shape", ())
    enough = 3 if features == "attention" else 2
    floats = "float" in str(getattr(tensor, "dtype", ""))
    sequence = len(shape) == 3 and shape[-1] is not None and features != "relational"
    return floats and len(shape) >= enough and (sequence or None not in shape[1:])


def _last_fit(model: keras.Model, tensors: Tensors, features: Features) -> str:
    fitting = [name for name, tensor in tensors.items() if _has(tensor, features)]
    if not fitting:
        raise ValueError(
            f"{model.name!r} has no layer before its logits for features={features!r}. "
            "Set features=None, or choose another kind."
        )
    return fitting[-1]


def _tensor(model: keras.Model, tensors: Tensors, name: str) -> Any:
    if name not in tensors:
        raise ValueError(
            f"{model.name!r} has no layer {name!r} before its logits. Choose from: "
            f"{', '.join(tensors)}. A layer inside another one cannot be observed."
        )
    return tensors[name]


def _check_pair(
    names: tuple[str, str], one: Any, other: Any, features: Features
) -> None:
    comparable = _has(one, features) and _has(other, features)
    if features != "relational":
        comparable = comparable and one.shape[1:-1] == other.shape[1:-1]
    if not comparable:
        raise ValueError(
            f"features={features!r} cannot compare the teacher's {names[0]!r} of shape "
            f"{tuple(one.shape)} with the student's {names[1]!r} of shape "
            f"{tuple(other.shape)}: "
            + (
                "attention needs positions, (n, ..., channels), as many in both."
                if features == "attention"
                else "all axes but the last must agree."
            )
            + " Name other layers=."
        )
