"""What a user says of a task: its loss, its metrics, and which of them decides."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import keras

Mode = Literal["min", "max"]


@keras.saving.register_keras_serializable(package="nncompress_lab")
@dataclass(frozen=True, eq=False)
class Objective:
    """What training makes small, and the figures by which a model is judged.

    All that trains, chooses an epoch, scores by gradients or reports takes it from
    `Context(objective=...)`. Without one it is what the model was compiled with, and else
    what labels and outputs tell; the report says so.

    Args:
        loss: As `compile` takes it: a name, a Keras loss, a function of labels and outputs,
            or one for each output in a list or a dict. A cross-entropy by its name is
            taken from logits where the model returns logits. None leaves it to the model
            and the labels.
        metrics: As `compile` takes them. They are the columns of a report; without any,
            the loss is.
        judged_by: Name of the figure that chooses the epoch on the validation data, as
            `fit` logs it: `"loss"`, or that of a metric. None takes the first metric that
            knows its direction, else the loss.
        mode: Whether `"min"` or `"max"` is best; None where Keras knows it of the metric.
        loss_weights: Of the losses of several outputs, as `compile` takes them.
        weighted_metrics: As `compile` takes them: metrics that count each example by its
            sample weight. They are columns behind the others.

    Raises:
        ValueError: If `mode` is another word.
        TypeError: If `loss` is neither of these.

    Example:
        >>> Objective("mse", metrics=["mae"], judged_by="mae").judged_by
        'mae'
    """

    loss: Any = None
    metrics: Any = ()
    judged_by: str | None = None
    mode: Mode | None = None
    loss_weights: Any = None
    weighted_metrics: Any = ()

    def __post_init__(self) -> None:
        if self.mode not in {None, "min", "max"}:
            raise ValueError(
                '`mode` must be "min" or "max", or None where Keras knows it. Received: '
                f"mode={self.mode!r}."
            )
        for one in keras.tree.flatten(self.loss):
            if not (one is None or isinstance(one, str) or callable(one)):
                raise TypeError(
                    "`loss` is a name, a Keras loss or a function of labels and outputs, "
                    f"or one for each output. Received: {one!r}."
                )
        for name in ("metrics", "weighted_metrics"):
            given = getattr(self, name)
            if not isinstance(given, Sequence | dict) or isinstance(given, str):
                # a single one, as nobody would expect `compile` to refuse
                object.__setattr__(self, name, [given])

    @classmethod
    def of(cls, loss: Any) -> "Objective":
        """The objective that a loss alone is, as in `Context(objective="mse")`."""
        return cls(loss)

    def get_config(self) -> dict[str, Any]:
        """The fields as plain values, where they are made of Keras's objects."""
        return {
            one.name: keras.saving.serialize_keras_object(getattr(self, one.name))
            for one in fields(self)
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Objective":
        """The objective of a configuration."""
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )


def compiled_objective(model: keras.Model) -> Objective | None:
    """What a model was compiled with, or None if that was no loss."""
    if not getattr(model, "compiled", False):
        return None
    # `get_compile_config` is this, written down: functions of one's own would be names.
    config = getattr(getattr(model, "_compile_config", None), "config", {})
    if config.get("loss") is None:
        return None
    return Objective(
        config["loss"],
        config.get("metrics") or (),
        loss_weights=config.get("loss_weights"),
        weighted_metrics=config.get("weighted_metrics") or (),
    )
