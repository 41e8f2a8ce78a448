"""What a lesson's notebook talks to: checks, hints, solutions, predictions, the score."""

import re
from collections.abc import Callable
from typing import Any

from nncompress_lab.course import catalogue, progress
from nncompress_lab.course.cards import (
    Card,
    missing_card,
    outcome_card,
    score_card,
    stopped_card,
    unquoted_card,
)
from nncompress_lab.course.exercise import Exercise
from nncompress_lab.course.grade import Outcome, grade, told
from nncompress_lab.course.kernel import (
    cells_run,
    defines,
    keep_what_is_imported,
    show,
    show_when_stopped,
)
from nncompress_lab.course.progress import PASS, UNATTEMPTED, Record, better
from nncompress_lab.course.reference import Reference, is_reference
from nncompress_lab.course.solutions import names_made, solution_cell
from nncompress_lab.course.waiting import working
from nncompress_lab.quiet import quiet_retracing

NOTHING = "nothing yet"
NOT_GRADED = (
    "Nothing new was checked: this is the reference answer, which is never graded."
)
UNCHANGED = "This is the answer that was checked before."
UNSAVED = "Your points and predictions are kept until the notebook's kernel stops."


class Lesson:
    """One lesson, as its notebook uses it.

    `with lesson.working("Measuring", seconds=20):` shows a line that counts the seconds
    of a cell that takes long.

    Args:
        lesson_id: Two digits, for example `"02"`.

    Raises:
        LookupError: If there is no such lesson.
    """

    working = staticmethod(working)

    def __init__(self, lesson_id: str) -> None:
        from nncompress_lab.course.results_table import ResultsTable

        with working("Starting Keras", seconds=8):
            from nncompress_lab.course.exercises import exercises_of

            self._exercises = exercises_of(lesson_id)
        keep_what_is_imported()
        quiet_retracing()
        self.id = lesson_id
        self.table = ResultsTable(lesson_id)
        self._outcomes: dict[str, Record] = {}
        self._predictions: dict[str, str] = {}
        self._checked_after: dict[str, int] = {}
        self._warned = False
        show_when_stopped(self._stopped)

    def __repr__(self) -> str:
        points = sum(exercise.points for exercise in self._exercises.values())
        count = len(self._exercises)
        return f"Lesson {self.id}: {count} exercises, {points} points."

    def check(self, name: str, answer: Any, *, seed: int | None = None) -> Card:
        """Grade an answer and keep the outcome, unless a better one is kept.

        Args:
            name: Of the exercise.
            answer: The learner's function or value.
            seed: From a card, to draw the inputs of that check again.

        Returns:
            A card that shows the outcome.

        Raises:
            LookupError: If the lesson has no such exercise.
        """
        exercise = self._exercise(name)
        if is_reference(exercise, answer):
            best = self._best(name)
            outcome = Outcome(exercise, best.status, best.message, best.mistake)
            return outcome_card(outcome, notes=(f"{NOT_GRADED} {_used(name)}",))
        return self._graded(exercise, answer, seed)[1]

    def accept(self, name: str, answer: Any, *, seed: int | None = None) -> Any:
        """Grade an answer, show the outcome, and return something to go on with.

        Args:
            name: Of the exercise.
            answer: The learner's function.
            seed: From a card, to draw the inputs of that check again.

        Returns:
            The answer if it passes, else the reference answer, marked as such, so that
            a wrong answer never stops the lesson.

        Raises:
            LookupError: If the lesson has no such exercise.
        """
        exercise = self._exercise(name)
        if is_reference(exercise, answer):
            show(self.check(name, answer))
            return Reference(exercise)
        outcome, card = self._graded(exercise, answer, seed, otherwise=_used(name))
        show(card)
        return answer if outcome.status == PASS else Reference(exercise)

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
        return Source(solution_cell(self.id, name))

    def predict(self, guesses: dict[str, Any]) -> Card:
        """Keep predictions; they are never marked.

        Args:
            guesses: By question; `...` is no guess and leaves an earlier one as it is.

        Returns:
            A card that repeats them.
        """
        made = {
            what: _shown(guess) for what, guess in guesses.items() if guess is not ...
        }
        self._predictions.update(made)
        trouble = self._try(lambda: progress.save_predictions(self.id, made))
        kept = self._all_predictions()
        lines = tuple(f"{what}: {kept.get(what, NOTHING)}" for what in guesses)
        if not kept.keys() >= guesses.keys():
            lines += ("Write your guess in place of each `...`: it helps to remember.",)
        return Card("You predict", (*lines, *trouble))

    def compare_predictions(self, measured: dict[str, Any]) -> Card:
        """Put predictions beside what came out.

        Args:
            measured: By the same questions as in `predict`.
        """
        kept = self._all_predictions()
        lines = tuple(
            f"{what}: you said {kept.get(what, NOTHING)}, measured {_shown(value)}"
            for what, value in measured.items()
        )
        return Card("Predicted and measured", lines)

    def score(self) -> Card:
        """The points of all exercises of this lesson: of the best answer to each."""
        records = {name: self._best(name) for name in self._exercises}
        return score_card(
            self.id, self._exercises.values(), records, _what_follows(self.id)
        )

    def _stopped(self, stop: BaseException) -> Card | None:
        """In place of a traceback, for what happens to who does nothing wrong."""
        if isinstance(stop, KeyboardInterrupt):
            return stopped_card(told(stop))
        name = getattr(stop, "name", None)
        if name is None:  # of a local variable
            return None
        running = "\n".join(cells_run()[-1:])
        for each in self._exercises.values():
            answered = re.search(rf"\b{each.name}\s*=\s*{name}\b", running)
            if isinstance(each.reference, str) and answered:
                return unquoted_card(each.name, name)
        return missing_card(name) if name in names_made(self.id) else None

    def _graded(
        self, exercise: Exercise, answer: Any, seed: int | None, otherwise: str = ""
    ) -> tuple[Outcome, Card]:
        outcome = grade(exercise, answer, seed=seed)
        passed = outcome.status == PASS
        kept = self._best(exercise.name).passed and not passed
        record = better(self._outcomes.get(exercise.name), outcome.record)
        self._outcomes[exercise.name] = record
        notes = (*self._unchanged(exercise.name), otherwise)
        said = () if passed else tuple(note for note in notes if note)
        self._checked_after[exercise.name] = len(cells_run())
        trouble = self._try(lambda: progress.save(self.id, exercise.name, record))
        return outcome, outcome_card(outcome, kept=kept, notes=(*said, *trouble))

    def _unchanged(self, name: str) -> tuple[str, ...]:
        """Told where an answer comes to its check again without having been run."""
        before, cells = self._checked_after.get(name), cells_run()
        if not before or defines(name, cells[before:]):
            return ()
        return (f"{UNCHANGED} If you changed the cell of `{name}`, run it first.",)

    def _best(self, name: str) -> Record:
        """The best outcome, of this kernel and of all before it."""
        kept = progress.load().get(f"{self.id}/{name}")
        return better(kept, self._outcomes.get(name, Record(UNATTEMPTED)))

    def _all_predictions(self) -> dict[str, str]:
        return {**progress.predictions(self.id), **self._predictions}

    def _try(self, save: Callable[[], None]) -> tuple[str, ...]:
        """Save; what hinders it is said once and stops nothing."""
        try:
            save()
        except OSError as error:
            if not self._warned:
                self._warned = True
                reason = error.strerror or str(error)
                return (f"{progress.path()} cannot be written ({reason}). {UNSAVED}",)
        return ()

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


def _what_follows(lesson_id: str) -> str:
    later = [lesson for lesson in catalogue.lessons() if lesson.id > lesson_id]
    if not later:
        return "This is the last lesson of the course so far."
    return (
        f"Next: lesson {later[0].id}, {later[0].title}. The course panel at the left "
        "opens it."
    )


def _used(name: str) -> str:
    return f"Below, `{name}` is the reference answer; to try yours, run its cell again."


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
