"""Pipelines tried out: each pass is applied once, and figures follow every one of them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import keras

from nncompress_lab import measure, progress
from nncompress_lab.decisions import deciding_once
from nncompress_lab.models.stages import BATCH_SIZE
from nncompress_lab.passes import Context, Pass
from nncompress_lab.pipelines import Pipeline, pipeline, remembering
from nncompress_lab.planning.points import macs_of
from nncompress_lab.report.remarks import coverage
from nncompress_lab.training.batches import for_keras
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.model_trial import EXAMPLES, ModelTrial
from nncompress_lab.trials.trial import Measured

KEPT: Final = 16  # models of which the last ones are remembered
Steps = tuple[Pass, ...]
"""Passes in the order in which they are applied."""


class OvertakenError(Exception):
    """Nobody waits any more for what is being done."""


@dataclass(frozen=True)
class Stage:
    """What is known of the model after some passes; what is not known yet is empty.

    Args:
        measured: Its score, on some of the examples or on all of them.
        weighed: Bytes of its files.
        left: What the last pass left alone and why, in the words of a report.
    """

    measured: Measured | None = None
    weighed: Figures = field(default_factory=dict)
    left: str = ""


@dataclass(eq=False)
class _Built:
    """A model that is remembered, and how far it has been judged."""

    model: keras.Model
    context: Context
    scores: Iterator[Measured]
    judging: threading.Lock = field(default_factory=threading.Lock)


class StudioTrial(ModelTrial[Steps]):
    """One model under any pipeline of passes, of which no part is applied twice.

    A choice is the passes that are applied, in their order. The models after the first of
    them are remembered, so that another last pass costs one pass; and every figure that
    was measured once is known for good.

    The trial may be used from several threads at once.

    Args:
        model: As `ModelTrial` takes it.
        data: As `ModelTrial` takes it. Passes that train get all training examples.
        examples: How many of the examples the score is measured on, from the first on.

    Attributes:
        heard: Called while a pass works, with the passes up to this one and the fraction
            of it that is done; an `OvertakenError` ends the work.

    Raises:
        UnsupportedModelError: If the model cannot be copied.
        TypeError: If `data` is none of what `ModelTrial` takes.
        ValueError: If the examples do not fit the model, or nobody says its task.

    Example:
        >>> from nncompress_lab import MagnitudePruning, UniformQuantization, data, zoo
        >>> trial = StudioTrial(zoo.lenet5(), data.fashion_mnist(), examples=100)
        >>> steps = MagnitudePruning(sparsity=0.8), UniformQuantization(bits=4)
        >>> _ = trial.score(steps), trial.weighed(steps)
        >>> sizes = [one.weighed["packed_bytes"] for one in trial.stages(steps)]
        >>> sizes == sorted(sizes, reverse=True)
        True
    """

    def __init__(
        self, model: keras.Model, data: Given, *, examples: int = EXAMPLES
    ) -> None:
        self._known: dict[Steps, Stage] = {}
        self._models: OrderedDict[Steps, _Built] = OrderedDict()
        self._building, self._noting = threading.RLock(), threading.Lock()
        self.heard: Callable[[Steps, float], object] = lambda steps, done: None
        super().__init__(model, data, examples=examples, unchanged=())

    @property
    def can_train(self) -> bool:
        """Whether there are training examples."""
        return self.context.train is not None

    def setting(self, choice: Steps) -> Pipeline:
        """The pipeline of the passes."""
        return pipeline(*choice)

    def stages(self, choice: Steps) -> list[Stage]:
        """What is known of the original and after each of the passes, without any work."""
        return [self._stage(steps) for steps in _beginnings(choice)]

    def counted(self, choice: Steps) -> Figures:
        """Nothing: what passes do is known when they are done."""
        return {}

    def measured(self, choice: Steps) -> Iterator[Measured]:
        """The score of the last model on ever more of the examples.

        The other models are judged meanwhile: `stages` knows all scores when the last one
        of this is out.
        """
        few, everything = min(BATCH_SIZE, self.examples), self.examples
        try:
            for steps in _beginnings(choice)[1:]:
                if trains(steps[-1]) and self._recalled(steps) is None:
                    self._judged(steps[:-1], few)  # there is time to look at it
            first = self._judged(choice, few)
        except OvertakenError:
            raise
        except Exception:  # of a pass: what comes before it is known all the same
            for steps in filter(self._recalled, _beginnings(choice)):
                self._judged(steps, everything)
            raise
        yield first
        for examples in (few, everything):
            for steps in _beginnings(choice)[:-1]:
                self._judged(steps, examples)
                yield self._judged(choice, few)  # who is overtaken stops here
        yield self._judged(choice, everything)

    def weighed(self, choice: Steps) -> Figures:
        """Bytes of the last model's files; those of the others are known with it."""
        *_, last = [self._weighed(steps) for steps in _beginnings(choice)]
        return last

    def made(self, choice: Steps) -> keras.Model:
        """The model that the passes make, which is remembered: do not change it."""
        return self._built(choice).model

    def _built(self, steps: Steps) -> _Built:
        """A model that is remembered at once, whatever else is being made; or made now."""
        found = self._recalled(steps)
        if found is None:
            with self._building:
                found = self._recalled(steps) or self._build(steps)
        return found

    def _recalled(self, steps: Steps) -> _Built | None:
        with self._noting:
            if steps in self._models:
                self._models.move_to_end(steps)
            return self._models.get(steps)

    def _build(self, steps: Steps) -> _Built:
        if not steps:
            context = replace(self.context, original=self._original)
            return self._remember(steps, self._original, context)
        before, step = self._built(steps[:-1]), steps[-1]
        context = remembering(before.model, before.context)
        self.heard(steps, 0.0)
        with (
            progress.heard_by(lambda done: self.heard(steps, done)),
            deciding_once(),
        ):
            left = coverage(before.model, step.explain(before.model))
            model = step(before.model, context)
        self._note(steps, left=left)
        built = self._remember(steps, model, context)
        self.heard(steps, 1.0)  # a training may end before its last epoch
        return built

    def _remember(self, steps: Steps, model: keras.Model, context: Context) -> _Built:
        built = _Built(model, context, self._scores(model))
        with self._noting:
            self._models[steps] = built
            while len(self._models) > KEPT:
                self._models.popitem(last=False)
        return built

    def _judged(self, steps: Steps, examples: int) -> Measured:
        """The score of a model on at least so many examples."""
        measured = self._stage(steps).measured
        if measured is not None and measured.examples >= examples:
            return measured
        built = self._built(steps)
        with built.judging:
            measured = self._stage(steps).measured
            if measured is None or measured.examples < examples:
                measured = next(one for one in built.scores if one.examples >= examples)
                self._note(steps, measured=measured)
        return measured

    def _weighed(self, steps: Steps) -> Figures:
        if not self._stage(steps).weighed:
            sizes = measure.file_sizes(self._built(steps).model)
            weighed = {"keras_bytes": sizes.keras, "packed_bytes": sizes.packed}
            self._note(steps, weighed=weighed)
        return self._stage(steps).weighed

    def _scores(self, model: keras.Model) -> Iterator[Measured]:
        macs = macs_of(model)
        more = {
            **({} if macs is None else {"macs": macs}),
            "parameters": measure.parameters(model),
            "nonzeros": measure.nonzeros(model),
            "memory_bytes": measure.bytes_in_memory(model),
        }
        for score, examples in self._scored(model):
            drop = self.scoring.worse(score, self._of_original[examples], examples)
            yield Measured(score, drop, examples, more)

    def _scored(self, model: keras.Model) -> Iterator[tuple[float, int]]:
        """Run a model without compiling it, which takes longer than it runs here."""
        count = self.scoring.count()
        for start in range(0, self.examples, BATCH_SIZE):
            rows = slice(start, min(start + BATCH_SIZE, self.examples))
            outputs = model(for_keras(self.data.rows(rows)[0]), training=False)
            if self.is_classifier:
                outputs = keras.ops.convert_to_numpy(outputs)
            yield count(rows, outputs), rows.stop

    @cached_property
    def _of_original(self) -> Mapping[int, float]:
        return {examples: score for score, examples in self._scored(self._original)}

    def _stage(self, steps: Steps) -> Stage:
        return self._known.get(steps, Stage())

    def _note(self, steps: Steps, **facts: Any) -> None:
        with self._noting:
            self._known[steps] = replace(self._stage(steps), **facts)


def trains(step: Pass) -> bool:
    """Whether a pass needs training examples, and with them some seconds."""
    return "train" in step.needs


def _beginnings(steps: Steps) -> list[Steps]:
    """No pass, the first one, the first two, and so on to all of them."""
    return [steps[:count] for count in range(len(steps) + 1)]
