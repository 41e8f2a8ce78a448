"""What a waterfall of passes shows: a column for each card that is applied."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nncompress_lab.report.formats import size
from nncompress_lab.trials.figures import score_in_words
from nncompress_lab.trials.knobs import Card
from nncompress_lab.trials.studio import Stage, Steps, StudioTrial, trains
from nncompress_widgets.card_words import name_of, setting_of
from nncompress_widgets.studio_picture import Column, Fact


class Work(NamedTuple):
    """A pass that is under way.

    Args:
        steps: The passes up to it.
        done: The part of it that is done.
    """

    steps: Steps
    done: float


class StudioColumns:
    """The columns of a studio, which keep what they showed until there is something new.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: StudioTrial) -> None:
        self._trial = trial
        self._latest: dict[int, Stage] = {}  # by the place of the card

    def forget(self) -> None:
        """The cards have other places: what was shown belongs to none of them."""
        self._latest.clear()

    def of(
        self, cards: Sequence[Card], selected: int, work: Work | None
    ) -> list[Column]:
        """The original, and the model after each card that is applied.

        Args:
            cards: All of them.
            selected: The place of the card that the inputs move.
            work: What is being done.
        """
        original = self._trial.original
        columns = [
            Column(
                "Original",
                "",
                Fact(original["packed_bytes"], current=True),
                Fact(original[self._trial.metric.name], current=True),
            )
        ]
        choice = steps_of(cards)
        places = [place for place, (_, applied) in enumerate(cards) if applied]
        stages = self._trial.stages(choice)[1:]
        for count, (place, stage) in enumerate(zip(places, stages, strict=True), 1):
            latest = self._latest.get(place, Stage())
            busy = work is not None and work.steps == choice[:count]
            columns.append(
                Column(
                    name_of(choice[count - 1]),
                    setting_of(choice[count - 1]),
                    _fact(_size(stage), _size(latest)),
                    self._score(stage, latest),
                    selected=place == selected,
                    done=work.done if work and busy else None,
                )
            )
            self._latest[place] = replace(
                latest,
                measured=stage.measured or latest.measured,
                weighed=stage.weighed or latest.weighed,
            )
        return columns

    def _score(self, stage: Stage, latest: Stage) -> Fact:
        measured = stage.measured or latest.measured
        if measured is None:
            return Fact()
        part = measured.examples < self._trial.examples
        return Fact(measured.score, measured is stage.measured, about=part)


def steps_of(cards: Sequence[Card]) -> Steps:
    """The passes that are applied, in their order."""
    return tuple(step for step, applied in cards if applied)


def card_in_words(trial: StudioTrial, cards: Sequence[Card], selected: int) -> str:
    """What a card is, what it did to the file, and what it left alone."""
    step, applied = cards[selected]
    words = f"Card {selected + 1} of {len(cards)}: {step.label}."
    if not applied:
        return f"{words} It is not applied."
    place = sum(on for _, on in cards[:selected])
    before, after = trial.stages(steps_of(cards))[place : place + 2]
    old, new = _size(before), _size(after)
    if old is not None and new is not None:
        words += f" {_compared(old, new)}"
    if before.measured and after.measured:
        metric = trial.metric
        each = (one.measured.score for one in (before, after) if one.measured)
        scores = " to ".join(score_in_words(metric, score) for score in each)
        words += f" {metric.title.capitalize()}: {scores}."
    if trains(step):
        words += " Another number of cores adds in another order: last digits differ."
    if after.left:
        words += f" It treats {' '.join(after.left.split())}."
    return words


def _compared(before: float, after: float) -> str:
    ratio = max(before, after) / min(before, after)
    if ratio < 1.005:
        return f"The packed file stays at {size(round(after))}."
    amount = f"{ratio:.1f}x" if ratio >= 1.1 else f"{100 * (ratio - 1):.0f} %"
    side = "smaller" if after < before else "larger"
    return f"It makes the packed file {amount} {side}, {size(round(after))}."


def _fact(now: float | None, before: float | None) -> Fact:
    return Fact(before) if now is None else Fact(now, current=True)


def _size(stage: Stage) -> float | None:
    return stage.weighed.get("packed_bytes")
