"""What a teacher says about each example, computed once and remembered."""

import hashlib
import os
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.atomic import replace_file
from nncompress_lab.data.npz import read_npz
from nncompress_lab.models.graph import check_is_model
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.training.batches import predicted
from nncompress_lab.training.logits_and_features import check_classifier, logits_model
from nncompress_lab.training.task import jit_compile

Outputs = npt.NDArray[np.float32]

DIGEST_BYTES = 16
REMEMBERED_BYTES = 64 << 20  # of a teacher's outputs; features of many images take more
# Of each teacher that is in use, what it said last, and about what.
_last: "WeakKeyDictionary[Any, tuple[bytes, list[Outputs]]]" = WeakKeyDictionary()


def teacher_logits(
    model: keras.Model, x: npt.NDArray[Any], *, batch_size: int = 256
) -> Outputs:
    """What a teacher says about each example, before any softmax.

    Args:
        model: A classifier that returns logits or probabilities. It is not changed, and
            runs as in inference: dropout does nothing, normalization uses its statistics.
        x: Inputs, in the order in which the rows of the result are to be.
        batch_size: Examples a forward pass.

    Returns:
        Logits of shape `(n, classes)`, float32: half as many bits would round away
        differences between classes that the soft targets are made of.

    Raises:
        UnsupportedModelError: If it is no Keras model.
        ValueError: If the model does not return one number for each of several classes.
    """
    check_is_model(model)
    check_classifier(model)
    (logits,) = _outputs(logits_model(model), x, batch_size=batch_size)
    return logits


def outputs_once(
    view: keras.Model,
    inputs: list[Any],
    *,
    teacher: keras.Model,
    file: str | None = None,
) -> list[list[Outputs]]:
    """The outputs for each of the inputs, which are computed only if they are not known.

    They are known if the last call for the teacher, or the one that wrote the file, was
    for the same weights, the same features and the same inputs in order.

    Args:
        view: The teacher with the outputs that are wanted.
        inputs: Arrays of examples, or structures of them.
        teacher: Whose outputs they are. Those of its last call stay in memory while it is
            in use, unless they take more than `REMEMBERED_BYTES`.
        file: An `.npz` file that keeps them for the next run.

    Returns:
        For each of the inputs an array for each output, with a row for each example.
    """
    fingerprint = _fingerprint(view, inputs)
    each = len(view.outputs)
    stored = _read(file, fingerprint, each * len(inputs))
    known, remembered = _last.get(teacher, (b"", []))
    outputs = stored or (remembered if known == fingerprint else [])
    outputs = outputs or [
        one for x in inputs for one in _outputs(view, x, batch_size=256)
    ]
    if sum(one.nbytes for one in outputs) <= REMEMBERED_BYTES:
        _last[teacher] = fingerprint, outputs
    if file and not stored:
        _write(file, fingerprint, outputs)
    return [outputs[start : start + each] for start in range(0, len(outputs), each)]


def _outputs(view: keras.Model, x: Any, *, batch_size: int) -> list[Outputs]:
    view.compile(jit_compile=jit_compile())
    outputs = predicted(view, x, batch_size=batch_size)
    return [np.asarray(one, np.float32) for one in keras.tree.flatten(outputs)]


def _read(file: str | None, fingerprint: bytes, count: int) -> list[Outputs]:
    """The outputs in a file if it holds just these, else nothing."""
    if not file or not Path(file).exists():
        return []
    (found,) = read_npz(Path(file), _names(0))
    if found.tobytes() != fingerprint:
        return []
    return read_npz(Path(file), _names(count)[1:])


def _write(file: str, fingerprint: bytes, outputs: list[Outputs]) -> None:
    arrays: list[Any] = [np.frombuffer(fingerprint, np.uint8), *outputs]
    with replace_file(file) as temporary, temporary.open("wb") as stream:
        named = dict(zip(_names(len(outputs)), arrays, strict=True))
        np.savez(stream, allow_pickle=False, **named)


def _names(count: int) -> tuple[str, ...]:
    return ("fingerprint", *(f"outputs{index}" for index in range(count)))


def _fingerprint(view: keras.Model, inputs: list[Any]) -> bytes:
    """Equal only for the same teacher, the same features and the same inputs in order."""
    digest = hashlib.blake2b(_description(view))
    for array in [*map(to_numpy, view.weights), *keras.tree.flatten(inputs)]:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(array.tobytes())
    return digest.digest()


def _description(view: keras.Model) -> bytes:
    """A model's configuration; of one that Keras cannot write down, like no other's."""
    try:
        return bytes(view.to_json(), "utf-8")
    except Exception:  # of whoever wrote its functions
        return os.urandom(DIGEST_BYTES)
