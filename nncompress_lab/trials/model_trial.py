"""What trials of all techniques share: one model, its examples and a scratch copy."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Generic

import keras

from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.rewrite import check_model, copy_model
from nncompress_lab.passes import Context
from nncompress_lab.report.metrics import Metric
from nncompress_lab.trials.examples import Given, context_for, examples_for
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.scoring import TaskScoring, scoring_of
from nncompress_lab.trials.scratch import Choice, Layers, Scratch
from nncompress_lab.trials.trial import Measured

EXAMPLES: Final = 1000


class ModelTrial(Generic[Choice]):
    """One model under any setting of one technique, on the same examples.

    A subclass says what leaves the model as it is, gives a scratch copy the weights of a
    choice in `_apply`, and knows the figures `counted` and `weighed`.

    Args:
        model: A built functional or sequential model of any task. It is not changed.
        data: A data set, whose validation examples are used and never its test examples;
            a `Context` with these and perhaps an objective; or a single `Data`. The first
            512 training examples calibrate; of a single `Data` its own.
        examples: How many of the examples, from the first on.
        unchanged: The choice that leaves the model as it came.

    Raises:
        UnsupportedModelError: If the model cannot be copied.
        TypeError: If `data` is none of these.
        ValueError: If the examples do not fit the model, or nobody says its task.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Given,
        *,
        examples: int,
        unchanged: Choice,
    ) -> None:
        check_model(model)
        self.name: str = model.name
        self.context = context_for(model, data)
        judged_by: Any = self.context.validation
        self.scoring = scoring_of(
            model,
            examples_for(model, judged_by, examples),
            data.objective if isinstance(data, Context) else None,
        )
        self.data = self.scoring.data
        self.calibration: Any = self.context.calibration
        self._unchanged = unchanged
        self._original = copy_model(model)
        self._measuring: Scratch[Choice] = Scratch(
            self._original, self.scoring, self._apply
        )

    @property
    def metric(self) -> Metric:
        """What the score is: the accuracy of a classifier, or of another task its own."""
        return self.scoring.metric

    @property
    def is_classifier(self) -> bool:
        """Whether the score is which fraction of the examples it takes for their class."""
        return not isinstance(self.scoring, TaskScoring)

    @property
    def examples(self) -> int:
        """How many examples the score is measured on."""
        return len(self.data)

    @cached_property
    def original(self) -> Figures:
        """All figures of the model as it came; measured when they are first asked for."""
        *_, last = self.measured(self._unchanged)
        return {
            self.metric.name: last.score,
            **self.counted(self._unchanged),
            **last.more,
            **self.weighed(self._unchanged),
        }

    def counted(self, choice: Choice) -> Figures:
        """What is known at once, without touching a model."""
        raise NotImplementedError

    def measured(self, choice: Choice) -> Iterator[Measured]:
        """The score under a choice on ever more of the examples."""
        return self._measured_on(self._measuring, choice, {})

    def weighed(self, choice: Choice) -> Figures:
        """Figures of the file that a choice leads to."""
        raise NotImplementedError

    def score(self, choice: Choice) -> float:
        """What the model is worth under a choice, on all the examples."""
        *_, last = self.measured(choice)
        return last.score

    def accuracy(self, choice: Choice) -> float:
        """The score of a classifier: which fraction of the examples it gets right."""
        return self.score(choice)

    def _apply(
        self, layers: Layers, choice: Choice, held: Choice | None
    ) -> Iterable[KernelLayer]:
        """Give a copy's layers the weights of a choice; as `Scratch` wants it."""
        raise NotImplementedError

    def _measured_on(
        self, scratch: Scratch[Any], choice: Any, more: Figures
    ) -> Iterator[Measured]:
        for score, examples in scratch.scores(choice):
            drop = self.scoring.worse(score, self._of_original[examples], examples)
            yield Measured(score, drop, examples, more)

    @cached_property
    def _of_original(self) -> Mapping[int, float]:
        """The score of the original on so many of the first examples."""
        found = self._measuring.scores(self._unchanged)
        return {examples: score for score, examples in found}
