"""The metrics of a task as columns: their titles, their direction, and changes in words."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import keras

# Metrics from 0 to 1, shown as percentages; their changes are points.
FRACTIONS = (
    keras.metrics.Accuracy,
    keras.metrics.AUC,
    keras.metrics.BinaryAccuracy,
    keras.metrics.CategoricalAccuracy,
    keras.metrics.FBetaScore,
    keras.metrics.IoU,
    keras.metrics.MeanIoU,
    keras.metrics.Precision,
    keras.metrics.PrecisionAtRecall,
    keras.metrics.Recall,
    keras.metrics.RecallAtPrecision,
    keras.metrics.SensitivityAtSpecificity,
    keras.metrics.SparseCategoricalAccuracy,
    keras.metrics.SparseTopKCategoricalAccuracy,
    keras.metrics.SpecificityAtSensitivity,
    keras.metrics.TopKCategoricalAccuracy,
)
TITLES = {
    "mean_absolute_error": "MAE",
    "mae": "MAE",
    "mean_squared_error": "MSE",
    "mse": "MSE",
    "root_mean_squared_error": "RMSE",
    "mean_io_u": "mean IoU",
    "mean_iou": "mean IoU",
    "binary_io_u": "IoU",
    "io_u": "IoU",
    "auc": "AUC",
    "acc": "accuracy",
    "f1_score": "F1",
    "r2_score": "R2",
}
SAME = 0.0005  # of a figure: less is no change


@dataclass(frozen=True)
class Metric:
    """A metric of a task, as a report shows it.

    Args:
        name: As Keras logs it.
        title: As it is written.
        mode: Whether less (`"min"`) or more (`"max"`) is better; None where nobody knows.
        is_fraction: Whether it goes from 0 to 1, and changes by points.
    """

    name: str
    title: str
    mode: Literal["min", "max"] | None
    is_fraction: bool = False

    @classmethod
    def of(cls, name: str, metric: Any = None, *, mode: Any = None) -> "Metric":
        """The column of one of Keras's metrics; of the loss without one."""
        direction = {"up": "max", "down": "min"}.get(
            str(getattr(metric, "_direction", None)), mode
        )
        if metric is None:
            direction = "min"
        fraction = isinstance(metric, FRACTIONS) or name == "accuracy"
        return cls(name, title_of(name), direction, fraction)

    def shown(self, value: float | None) -> str:
        """The figure; a dash for None."""
        if value is None:
            return "-"
        return f"{100 * value:.2f} %" if self.is_fraction else f"{value:.4g}"

    def change(self, before: float | None, after: float | None) -> str:
        """The change in words, such as `"-0.40 points"` or `"3.0 % worse"`.

        Example:
            >>> Metric.of("mae").change(2.0, 2.06)
            '3.0 % worse'
        """
        if before is None or after is None:
            return ""
        if self.is_fraction:
            points = round(100 * (after - before), 2) or 0.0  # no -0.00
            return f"{points:+.2f} points"
        if abs(after - before) <= SAME * abs(before):
            return "same"
        more = after > before
        word = "more" if more else "less"
        if self.mode is not None:
            word = "better" if more == (self.mode == "max") else "worse"
        if before <= 0 or after <= 0:  # no ratio says how much that is
            return f"{after - before:+.4g}, {word}"
        ratio = max(after, before) / min(after, before)
        if ratio >= 2:
            return f"{ratio:.1f}x {word}"
        return f"{100 * abs(after / before - 1):.1f} % {word}"


def title_of(name: str) -> str:
    """A metric's name as it is written; behind that of an output, if there is one.

    Example:
        >>> title_of("mean_iou"), title_of("age_mae"), title_of("top_3")
        ('mean IoU', 'age MAE', 'top 3')
    """
    for known in sorted(TITLES, key=len, reverse=True):
        if match := re.fullmatch(rf"(?:(.+)_)?{known}", name):
            output = f"{match[1]} " if match[1] else ""
            return f"{output}{TITLES[known]}"
    return name.replace("_", " ")


ACCURACY = Metric("accuracy", "accuracy", "max", is_fraction=True)
