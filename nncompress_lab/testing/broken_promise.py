"""The error that names a pass, a model, and the promise that the pass breaks on it."""

import keras

from nncompress_lab.passes import Pass


class BrokenPromiseError(AssertionError):
    """A pass does not do what every pass promises.

    Args:
        step: The pass.
        promise: What every pass promises.
        found: What this one does.
        remedy: What to do about it.
        model: Where, if it is about a model.
    """

    def __init__(
        self,
        step: Pass,
        promise: str,
        found: str,
        remedy: str,
        model: keras.Model | None = None,
    ) -> None:
        where = "" if model is None else f" on the model {model.name!r}"
        super().__init__(
            f"{step.label}{where} breaks a promise of every pass: {promise}. {found}. "
            f"{remedy}"
        )


def told(error: Exception) -> str:
    """An exception as part of a sentence."""
    return f"It raised {type(error).__name__}: {error}".rstrip(".")
