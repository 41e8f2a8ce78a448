"""What a lesson's notebook talks to: checks, hints, solutions, predictions, the score."""

import json
import os
from typing import Any

from nncompress_lab.course import catalogue, progress
from nncompress_lab.course.cards import Card, outcome_card, score_card
from nncompress_lab.course.exercise import Exercise
from nncompress_lab.course.grade import Outcome, grade
from nncompress_lab.course.progress import PASS, UNATTEMPTED
from nncompress_lab.quiet import quiet_stderr

REFERENCE_NOTE = "The lesson goes on with the reference answer."


class Lesson:
    """One lesson, as its notebook uses it.

    Args:
        lesson_id: Two digits, for example `"02"`.

    Raises:
        LookupError: If there is no such lesson.
    """

    def __init__(self, lesson_id: str) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with quiet_stderr():
            from nncompress_lab.course.exercises import exercises_of

            self._exercises = exercises_of(lesson_id)
        self.id = lesson_id
        self._outcomes: dict[str, Outcome] = {}
        self._predictions: dict[str, Any] = {}

    def __repr__(self) -> str:
        points = sum(exercise.points for exercise in self._exercises.values())
        count = len(self._exercises)
        return f"Lesson {self.id}: {count} exercises, {points} points."

    def check(self, name: str, answer: Any) -> Card:
        """Grade an answer and record the outcome.

        Args:
            name: Of the exercise.
            answer: The learner's function or value.

        Returns:
            A card that shows the outcome.

        Raises:
            LookupError: If the lesson has no such exercise.
        """
        return outcome_card(self._grade(name, answer))

    def accept(self, name: str, answer: Any) -> Any:
        """Grade an answer, show the outcome, and return something to go on with.

        Args:
            name: Of the exercise.
            answer: The learner's function or value.

        Returns:
            The answer if it passes, else the reference, so that a wrong answer never
            stops the lesson.

        Raises:
            LookupError: If the lesson has no such exercise.
        """
        outcome = self._grade(name, answer)
        passed = outcome.status == PASS
        _show(outcome_card(outcome, note="" if passed else REFERENCE_NOTE))
        return answer if passed else self._exercise(name).reference

    def hint(self, name: str, number: int = 1) -> Card:
        """One hint, from the gentle (1) to the nearly complete.

        Raises:
            LookupError: If the lesson has no such exercise or hint.
        """
        hints = self._exercise(name).hints
        if not 1 <= number <= len(hints):
            raise LookupError(
                f"{name!r} has the hints 1 to {len(hints)}. Received: {number}."
            )
        following = (
            f'The next: `lesson.hint("{name}", {number + 1})`'
            if number < len(hints)
            else f'The answer: `lesson.solution("{name}")`'
        )
        return Card(f"Hint {number} of {len(hints)}", (hints[number - 1], following))

    def solution(self, name: str) -> "Source":
        """The code of a right answer, to read and to copy.

        Raises:
            LookupError: If the lesson has no such exercise.
        """
        self._exercise(name)
        return Source(_solution_cell(self.id, name))

    def predict(self, guesses: dict[str, Any]) -> Card:
        """Keep predictions; they are never marked.

        Args:
            guesses: By question; `...` is no guess.

        Returns:
            A card that repeats them.
        """
        self._predictions.update(guesses)
        lines = tuple(f"{what}: {_shown(guess)}" for what, guess in guesses.items())
        open_ones = sum(guess is ... for guess in guesses.values())
        if open_ones:
            lines += ("Write your guess in place of each `...`: it helps to remember.",)
        return Card("You predict", lines)

    def compare_predictions(self, measured: dict[str, Any]) -> Card:
        """Put predictions beside what came out.

        Args:
            measured: By the same questions as in `predict`.
        """
        lines = tuple(
            f"{what}: you said {_shown(self._predictions.get(what, ...))}, "
            f"measured {_shown(value)}"
            for what, value in measured.items()
        )
        return Card("Predicted and measured", lines)

    def score(self) -> Card:
        """The points of all exercises of this lesson."""
        return score_card(
            self.id,
            [
                self._outcomes.get(name) or Outcome(exercise, UNATTEMPTED, "")
                for name, exercise in self._exercises.items()
            ],
        )

    def _grade(self, name: str, answer: Any) -> Outcome:
        exercise = self._exercise(name)
        earlier = self._outcomes.get(name)
        # A cell that runs twice hands back the reference that it was given.
        if earlier and callable(answer) and answer is exercise.reference:
            return earlier
        outcome = grade(exercise, answer)
        self._outcomes[name] = outcome
        record = progress.Record(outcome.status, outcome.message, outcome.mistake)
        progress.save(self.id, name, record)
        return outcome

    def _exercise(self, name: str) -> Exercise:
        if name not in self._exercises:
            known = ", ".join(self._exercises)
            raise LookupError(
                f"Lesson {self.id} has no exercise {name!r}. It has: {known}."
            )
        return self._exercises[name]


class Source(str):
    """Python code that shows itself as code."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _solution_cell(lesson_id: str, name: str) -> str:
    path = catalogue.folder() / "solutions" / catalogue.find(lesson_id).file
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if f"exercise:{name}" in cell["metadata"].get("tags", ()):
            source = cell["source"]
            return source if isinstance(source, str) else "".join(source)
    raise LookupError(f"{path} has no cell for the exercise {name!r}.")


def _shown(value: Any) -> str:
    if value is ...:
        return "nothing yet"
    return value if isinstance(value, str) else repr(value)


def _show(card: Card) -> None:
    try:
        from IPython.display import display
    except ImportError:  # outside a notebook
        print(card)  # noqa: T201
    else:
        display(card)
