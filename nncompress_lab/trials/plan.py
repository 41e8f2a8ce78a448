"""Trying plans out: an option for each unit of a model under a budget, from one scan."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import keras

from nncompress_lab import measure
from nncompress_lab.models.kernels import KernelLayer, Skip
from nncompress_lab.models.stages import BATCH_SIZE
from nncompress_lab.passes import Context, Pass
from nncompress_lab.pipelines import pipeline
from nncompress_lab.planning.applying import applied
from nncompress_lab.planning.chains import Values, assign_values, values_of
from nncompress_lab.planning.changes import (
    Change,
    Costs,
    LayerChanges,
    is_independent,
    only_on,
)
from nncompress_lab.planning.points import macs_of
from nncompress_lab.planning.scan import sensitivity
from nncompress_lab.planning.sensitivity import Sensitivity
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.quantization.uniform_quantization import UniformQuantization
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.model_trial import EXAMPLES, ModelTrial
from nncompress_lab.trials.plan_choices import Choice, PlanChoices
from nncompress_lab.trials.scratch import Layers
from nncompress_lab.trials.trial import Measured

SCANNED: Final = 512  # examples that the outputs are compared on
_ROUNDED: Final = [UniformQuantization(bits=b, clipping="mse") for b in (2, 3, 4, 6, 8)]
OPTIONS: Final[tuple[Pass, ...]] = (
    *_ROUNDED,
    *(pipeline(MagnitudePruning(sparsity=0.7), one) for one in _ROUNDED[:3]),
)


class PlanTrial(ModelTrial[Choice]):
    """One model whose units have an option each, as a plan chooses it for a budget.

    Until there is a scan there are no units, and the choice is `()`: the model as it came.

    Args:
        model: A built classifier. It is not changed.
        data: A data set, whose validation images are used and whose first 512 training
            images calibrate; or a single `Data`, for both.
        options: What may become of a unit: passes that go layer by layer, and pipelines
            of them.
        scan: What `sensitivity` has measured of this model; its options then.
        examples: How many images the accuracy is measured on.

    Raises:
        UnsupportedModelError: If the model cannot be copied.
        TypeError: If `data` is neither a `Dataset` nor a `Data`.
        ValueError: If the images do not fit the model, or the scan is of another one.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Given,
        *,
        options: Sequence[Pass] = OPTIONS,
        scan: Sensitivity | None = None,
        examples: int = EXAMPLES,
    ) -> None:
        super().__init__(model, data, examples=examples, unchanged=())
        if not self.is_classifier:
            raise ValueError(
                "A plan foretells the accuracy of a classifier, which needs class indices "
                f"or one-hot rows as labels. Received: a model that is judged by its "
                f"{self.metric.title}. ncl.plan chooses for any model."
            )
        self.options = tuple(options) if scan is None else scan.options
        self.choices: PlanChoices | None = None
        self._context = Context(
            validation=self.data,
            calibration=self.calibration,
            original=self._original,
            progress=False,
        )
        self._values: dict[tuple[str, int], Values | None] = {}
        self._found: dict[Choice, Pass] = {}
        if scan is not None:
            self._take(scan)

    @property
    def layers(self) -> tuple[str, ...]:
        """The paths of all layers with kernels."""
        return tuple(self._measuring.layers)

    def run_scan(self, heard: Callable[[int, int], object]) -> None:
        """Measure every unit under every option, which takes its time.

        Args:
            heard: Called with how many of how many are done; its errors end the scan.
        """
        context = replace(self._context, original=None)
        self._take(
            sensitivity(
                self._original, self.options, context, examples=SCANNED, progress=heard
            )
        )

    def setting(self, choice: Choice) -> Pass:
        """The passes that do what a choice says, each for the layers that have it."""
        used = sorted({option for option in choice if option is not None})
        if not all(_is_plain(self.options[option]) for option in used):
            return self._joined(choice)
        if len(used) == 1 and self._is_column(choice, used[0]):
            return self.options[used[0]]
        steps = [
            only_on(step, self._layers_with(choice, option))
            for option in used
            for step in pipeline(self.options[option]).passes
        ]
        return steps[0] if len(steps) == 1 else pipeline(*steps)

    def counted(self, choice: Choice) -> Figures:
        """What the scan adds up to: packed bytes, divergence, and MACs."""
        if self.choices is None:
            packed = self._sizes.packed
            return {"predicted_bytes": packed, "divergence": 0.0, **self._macs}
        return self.choices.counted(choice)

    def measured(self, choice: Choice) -> Iterator[Measured]:
        """The accuracy under a choice on ever more of the images."""
        if all(self._swapped(*one) is not None for one in self._changed(choice)):
            return super().measured(choice)
        return self._measured_whole(choice)

    def weighed(self, choice: Choice) -> Figures:
        """Bytes of the real file."""
        changed = any(option is not None for option in choice)
        sizes = measure.file_sizes(self.made(choice)) if changed else self._sizes
        return {"keras_bytes": sizes.keras, "packed_bytes": sizes.packed}

    def made(self, choice: Choice) -> keras.Model:
        """The model that the setting makes."""
        return self.setting(choice)(self._original, self._context)

    def line(self) -> list[tuple[float, float]]:
        """Packed bytes and accuracies that the scan foretells, for all budgets."""
        if self.choices is None:
            return []
        first = self.original["accuracy"]
        return [(size, first + change) for size, change in self.choices.line]

    def foretold(self, choice: Choice) -> tuple[float, float] | None:
        """Packed bytes and accuracy that the scan foretells for a choice."""
        if self.choices is None:
            return None
        size, change = self.choices.foretold(choice)
        return size, self.original["accuracy"] + change

    def _take(self, scan: Sensitivity) -> None:
        known = self._measuring.layers
        if strange := [one for one in scan.units if one not in known]:
            raise ValueError(
                f"The scan is of another model: {self.name!r} has no layer "
                f"{strange[0]!r}. Received: a scan of {scan.model!r}. Scan this one."
            )
        self.choices = PlanChoices(scan)

    def _apply(
        self, layers: Layers, choice: Choice, held: Choice | None
    ) -> Iterable[KernelLayer]:
        before, now = (dict(self._changed(one or ())) for one in (held, choice))
        for unit in before.keys() | now.keys():
            if before.get(unit) != now.get(unit):
                values = self._swapped(unit, now[unit]) if unit in now else None
                assign_values(layers[unit].layer, values or self._first(unit))
                yield layers[unit]

    def _swapped(self, unit: str, option: int) -> Values | None:
        """What a layer would have to hold; None if it would not do the same."""
        if (unit, option) not in self._values:
            alone = is_independent(self.options[option])
            change = self._changes[option].change(unit) if alone else None
            values = change.values if isinstance(change, Change) else None
            self._values[unit, option] = None if values is None else values[unit]
        return self._values[unit, option]

    def _measured_whole(self, choice: Choice) -> Iterator[Measured]:
        model, count = self.made(choice), self.scoring.count()
        for start in range(0, len(self.data), BATCH_SIZE):
            rows = slice(start, min(start + BATCH_SIZE, len(self.data)))
            score = count(rows, model.predict_on_batch(self.data.x[rows]))
            drop = self.scoring.worse(score, self._of_original[rows.stop], rows.stop)
            yield Measured(score, drop, rows.stop)

    def _changed(self, choice: Choice) -> list[tuple[str, int]]:
        """The units that a choice changes, and their options."""
        named = {} if self.choices is None else self.choices.named(choice)
        return [(unit, number) for unit, number in named.items() if number is not None]

    def _is_column(self, choice: Choice, option: int) -> bool:
        """Whether all that an option treats has it, so that no layers need naming."""
        if self.choices is None:
            return False
        scan, named = self.choices.scan, self.choices.named(choice)
        changed = [unit for unit in scan.units if scan.of(unit, option) is not None]
        left = {one.reason for one in scan.notes if one.option == option}
        # A scan shows options without their selections.
        everywhere = str(Skip.NOT_SELECTED) not in left
        return everywhere and all(named[unit] == option for unit in changed)

    def _layers_with(self, choice: Choice, option: int) -> list[str]:
        if self.choices is None:
            return []
        units = [unit for unit, number in self._changed(choice) if number == option]
        rows = [self.choices.scan.of(unit, option) for unit in units]
        return [layer for row in rows if row is not None for layer in row.layers]

    def _joined(self, choice: Choice) -> Pass:
        """The passes, found by applying them, which is slow."""
        if choice not in self._found:
            choices = dict(self._changed(choice))
            self._found[choice], _ = applied(
                self._original, self.options, choices, self._context
            )
        return self._found[choice]

    def _first(self, unit: str) -> Values:
        return values_of(self._costs.layers[unit])

    @cached_property
    def _changes(self) -> list[LayerChanges]:
        return [
            LayerChanges(self._original, one, self._context, self._costs)
            for one in self.options
        ]

    @cached_property
    def _costs(self) -> Costs:
        return Costs(self._original)

    @cached_property
    def _sizes(self) -> Any:
        return measure.file_sizes(self._original)

    @cached_property
    def _macs(self) -> Figures:
        macs = macs_of(self._original)
        return {} if macs is None else {"macs": macs}


def _is_plain(option: Pass) -> bool:
    """Whether it is enough to select its layers, which keep their names in it."""
    *before, _ = pipeline(option).passes
    renamed = any(getattr(step, "replaces", False) for step in before)
    return is_independent(option) and not renamed
