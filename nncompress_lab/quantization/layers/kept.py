"""Kernels that are decoded once, and again when what they are decoded from has changed.

What is kept is no weight: it is in no file, no list of variables and no count. It belongs
to one layer, and follows whatever gives the stored variables other values: `assign`,
`set_weights`, a file, a checkpoint, the training of a table.

With TensorFlow it is a variable that a compiled graph reads, and writes if it trains a
table. With torch, and with JAX outside of `jit`, it is an array that is compared with what
it was decoded from. In a graph of JAX there is no such place: what is no argument of a
compiled function would stay what it was when it was compiled. There, and while a table
trains, a kernel is decoded at each call.
"""

from collections.abc import Callable
from threading import RLock
from typing import Any

import keras
from keras.src.backend.common.stateless_scope import in_stateless_scope

Decode = Callable[[], Any]
WRITES = ("assign", "assign_add", "assign_sub")
WRITES_OF_ROWS = ("scatter_update", "scatter_add", "scatter_sub")
_keeps = True


def keep_decoded(keep: bool) -> None:
    """Whether quantized layers keep their decoded kernels; they do unless told otherwise.

    A layer that keeps them computes about as fast as one of floats, and takes the memory
    of the float32 kernel beside that of its integers or codes: 4 bytes more a weight,
    from its first use. A layer that does not holds what its file holds, and decodes it at
    each call. Files, sizes and what a model predicts are the same.

    Compiled functions of JAX, such as `predict`, decode at each call in any case, and so
    does a layer whose table trains. Where that takes too long, `ncl.dequantized(model)` is
    the same model with ordinary layers.

    Args:
        keep: For all layers, from their next use, and in what is compiled from now on.

    Example:
        >>> keep_decoded(False)  # as little memory as possible
        >>> keep_decoded(True)
    """
    global _keeps  # noqa: PLW0603 - one setting for a process, as in `keras.config`
    _keeps = keep


class StoredPart(keras.Variable):
    """A variable that tells when it has got another value."""

    changed: Decode | None = None

    def _initialize(self, value: Any) -> None:
        super()._initialize(value)
        if keras.backend.backend() == "tensorflow":
            for name in WRITES + WRITES_OF_ROWS:  # which Keras's optimizers call
                setattr(self._value, name, self._telling(getattr(self._value, name)))

    def _telling(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def write_and_tell(*args: Any, **kwargs: Any) -> Any:
            written = write(*args, **kwargs)
            self._tell()
            return written

        return write_and_tell

    def _restore_from_tensors(self, tensors: Any) -> Any:
        """As in Keras: what a checkpoint of TensorFlow calls."""
        restored = super()._restore_from_tensors(tensors)
        self._tell()
        return restored

    def _tell(self) -> None:
        if self.changed is not None and not in_stateless_scope():
            self.changed()


class KeptKernel:
    """A kernel and the variables that it is decoded from.

    Args:
        parts: The variables, by part.
        decode: Returns the kernel that they stand for now.
    """

    def __init__(self, parts: dict[str, StoredPart], decode: Decode) -> None:
        self.parts, self.decode = parts, decode

    def read(self) -> Any:
        """The kernel, decoded now if that cannot be left out."""
        trains = any(part.trainable for part in self.parts.values())
        # In a stateless scope a variable has the value that the caller gives it.
        if not _keeps or trains or in_stateless_scope():
            return self.decode()
        return self._kept()

    def _kept(self) -> Any:
        return self.decode()


class KeptVariable(KeptKernel):
    """Kept in a variable of TensorFlow, which graphs read."""

    def __init__(self, parts: dict[str, StoredPart], decode: Decode) -> None:
        super().__init__(parts, decode)
        self._lock = RLock()
        self._held: Any = None
        self._is_missed = False  # by a graph that trains the table
        for part in parts.values():
            part.changed = self._refresh

    def _kept(self) -> Any:
        import tensorflow as tf

        held = self._held if self._held is not None else self._made()
        if held is None or self._is_missed:
            return self.decode()
        return tf.convert_to_tensor(held)

    def _made(self) -> Any:
        import tensorflow as tf

        with self._lock, tf.init_scope():
            alone = tf.executing_eagerly() and not tf.distribute.has_strategy()
            if alone and self._held is None:
                self._held = tf.Variable(self.decode(), trainable=False, name="kept")
        return self._held

    def _refresh(self) -> None:
        import tensorflow as tf

        with self._lock:  # or another thread could just now hold what was before
            if not tf.executing_eagerly() and _keeps:
                self._made()  # a graph knows only what there was when it was made
            if self._held is not None:
                self._held.assign(self.decode())
            elif not tf.executing_eagerly():
                self._is_missed = True


class KeptArray(KeptKernel):
    """Kept with what tells whether a variable of JAX or torch has another value."""

    _held: tuple[list[Any], Any] | None = None

    def _kept(self) -> Any:
        held, now = self._held, [_version(part.value) for part in self.parts.values()]
        if held is not None and all(map(_same, held[0], now)):
            return held[1]
        kernel = self.decode()
        if _outlives_the_call(kernel):
            self._held = now, kernel
        return kernel


def _version(value: Any) -> tuple[Any, ...]:
    """An array of JAX never changes; one of torch counts its changes in place."""
    if keras.backend.backend() == "jax":
        return (value,)
    return (value, value._version, value.data_ptr())


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return one[0] is other[0] and one[1:] == other[1:]


def _outlives_the_call(array: Any) -> bool:
    """Not what belongs to a graph that is being traced, or to inference alone."""
    if keras.backend.backend() == "jax":
        import jax

        return not isinstance(array, jax.core.Tracer)
    import torch

    return not (array.is_inference() or torch.compiler.is_compiling())


KINDS = {"tensorflow": KeptVariable, "jax": KeptArray, "torch": KeptArray}


def kept_kernel(parts: dict[str, StoredPart], decode: Decode) -> KeptKernel:
    """A kernel that is kept as this backend can, or at all."""
    return KINDS.get(keras.backend.backend(), KeptKernel)(parts, decode)
