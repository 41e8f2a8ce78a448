"""What a control needs of any technique: settings in, figures out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from nncompress_lab.passes import Pass
from nncompress_lab.report.metrics import Metric
from nncompress_lab.trials.figures import Figures

Choice_contra = TypeVar("Choice_contra", contravariant=True)
CONFIDENCE = 1.96  # standard errors on either side: 95 of 100 intervals hold the truth


@dataclass(frozen=True)
class Measured:
    """What a model is worth on the first examples.

    Args:
        score: Fraction of the examples that are right; of a task that is not judged by
            that, its own figure.
        drop: How far that is worse than the original model's on the same examples.
        examples: How many they are.
        more: Other figures that are known no sooner.
    """

    score: float
    drop: float
    examples: int
    more: Figures = field(default_factory=dict)

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval that so few right or wrong ones leave open.

        Example:
            >>> round(Measured(score=0.9, drop=0.0, examples=250).margin, 3)
            0.037
        """
        variance = self.score * (1 - self.score) / self.examples
        return CONFIDENCE * float(variance**0.5)

    @property
    def figures(self) -> Figures:
        """What a goal can bound."""
        return {"accuracy_drop": self.drop, **self.more}


class Trial(Protocol[Choice_contra]):
    """One model under any setting of one technique, without a new model for each.

    A choice is what the inputs of a control say, in whatever type suits the technique;
    equal choices compare equal. The trial's weights are those of the pass that `setting`
    returns, to the last bit. All methods may be called from several threads at once, and
    measuring never waits for weighing.
    """

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def metric(self) -> Metric:
        """What the score is: the accuracy of a classifier, or of another task its own."""

    @property
    def examples(self) -> int:
        """How many examples the score is measured on in the end."""

    @property
    def original(self) -> Figures:
        """All figures of the model as it came, the score by the metric's name."""

    def setting(self, choice: Choice_contra) -> Pass:
        """The pass that does what a choice says."""

    def counted(self, choice: Choice_contra) -> Figures:
        """What is known at once, without touching a model."""

    def measured(self, choice: Choice_contra) -> Iterator[Measured]:
        """The score on ever more examples; who has seen enough asks for no more."""

    def weighed(self, choice: Choice_contra) -> Figures:
        """`keras_bytes` and `packed_bytes` of a real file; this takes longest."""
