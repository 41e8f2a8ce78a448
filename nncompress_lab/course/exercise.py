"""What an exercise is: a question, its named checks, hints and a reference answer.

    mask = Exercise("magnitude_mask", title="Build the mask", points=2, hints=(...),
                    reference=masks.magnitude_mask)

    @mask.check
    def keeps_the_largest(answer):
        kept = call(answer, WEIGHTS, 0.5)
        require(kept[0, 1], "-9 has the largest magnitude and was dropped: use abs().")

A check is named after what holds when it passes; the message names the mistake. Checks run
in order and the first that fails is what the learner reads, so they go from the coarse
(is it a mask at all?) to the fine (ties, extremes).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.course.wording import in_words

CALLED = "when it is called with "
Check = Callable[[Any], None]


class Mistake(Exception):  # noqa: N818 (not an error of the program)
    """A wrong answer; the text tells the learner what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Exercise:
    """One graded exercise.

    Args:
        name: The name that the learner's function or value has in the notebook.
        title: For the list of checks.
        points: What it is worth.
        hints: From the gentle to the nearly complete.
        reference: A right answer, used by the rest of the lesson where the learner's
            does not pass.
        praise: What is said to a right answer.
        beginning: What to do first, said where there is no answer yet.
    """

    name: str
    title: str
    points: int
    hints: tuple[str, ...]
    reference: Any
    praise: str = "Every check passes."
    beginning: str = ""
    checks: list[Check] = field(default_factory=list, repr=False)

    def check(self, function: Check) -> Check:
        """Add a check; checks run in the order in which they are added."""
        self.checks.append(function)
        return function


@dataclass(frozen=True)
class Option:
    """One option of a multiple-choice question, with what to say about it."""

    text: str
    explanation: str
    right: bool = False


def choice(
    name: str,
    *,
    title: str,
    options: dict[str, Option],
    hints: tuple[str, ...],
    points: int = 1,
) -> Exercise:
    """A multiple-choice question; every option has its own explanation.

    Capital letters are taken for small ones.

    Args:
        name: The name of the variable that holds the letter.
        title: For the list of checks.
        options: By small letter; exactly one is right.
        hints: Where to look, from the gentle to the nearly complete.
        points: What it is worth.

    Raises:
        ValueError: If not exactly one option is right, or one has no explanation.
    """
    right = [letter for letter, option in options.items() if option.right]
    if len(right) != 1:
        raise ValueError(f"Exactly one option of {name!r} must be right, not {right}.")
    unexplained = [key for key, option in options.items() if not option.explanation]
    if unexplained:
        raise ValueError(f"Options {unexplained} of {name!r} have no explanation.")
    praise = options[right[0]].explanation
    exercise = Exercise(name, title, points, hints, right[0], praise)

    def is_one_of_the_letters(answer: Any) -> None:
        letters = ", ".join(repr(letter) for letter in options)
        require(
            _letter(answer) in options,
            f"The answer is one of the letters {letters}. Received: {in_words(answer)}.",
        )

    exercise.check(is_one_of_the_letters)
    for letter, option in options.items():
        if not option.right:
            exercise.check(_is_not(letter, option.explanation))
    return exercise


def _letter(answer: Any) -> str:
    return answer.strip(" ().").lower() if isinstance(answer, str) else ""


def _is_not(letter: str, explanation: str) -> Check:
    def check(answer: Any) -> None:
        require(_letter(answer) != letter, explanation)

    check.__name__ = f"is_not_{letter}"
    return check


def require(condition: object, mistake: str) -> None:
    """Raise a `Mistake` with this text unless the condition holds."""
    if not condition:
        raise Mistake(mistake)


def call(function: Any, *arguments: Any, **options: Any) -> Any:
    """Call the learner's function with copies, and refuse it if it changes them.

    An exception of the function is given a note that says how it was called.

    Raises:
        Mistake: If it is not a function, changes an array that it was given, or
            returns nothing.
    """
    require(
        callable(function),
        f"This must be a function, made with `def`. Received: {in_words(function)}.",
    )
    given = [_copied(argument) for argument in arguments]
    try:
        result = function(*given, **options)
    except Exception as error:
        error.add_note(CALLED + " and ".join(map(in_words, arguments)))
        raise
    for before, after in zip(arguments, given, strict=True):
        what = "array it was given; work on a new array"
        if isinstance(before, list):
            what = "list it was given, or an array in it; make new ones"
        if isinstance(before, dict):
            what = "dict it was given; work on a new one"
        require(_same(before, after), f"The function changed the {what}.")
    require(result is not None, "The function returned None: is a `return` missing?")
    return result


def require_array(
    value: Any, *, shape: tuple[int, ...], what: str = "The result", remark: str = ""
) -> npt.NDArray[Any]:
    """The value as an array, if it is one of numbers or truth values of this shape.

    Args:
        value: What a learner's function returned.
        shape: That it must have.
        what: Begins the sentence that refuses it.
        remark: A sentence that helps where the shape is another one.

    Raises:
        Mistake: If it is not an array, or has another shape, or holds other objects.
    """
    value = _as_numpy(value)
    require(
        isinstance(value, np.ndarray),
        f"{what} must be a NumPy array. Received: {in_words(value)}.",
    )
    require(
        value.dtype.kind in "biuf",
        f"{what} must hold numbers. Received: an array of the type {value.dtype}.",
    )
    array: npt.NDArray[Any] = value
    require(
        array.shape == shape,
        f"{what} must have shape {shape}. Received: {array.shape}. {remark}".rstrip(),
    )
    return array


def require_number(value: Any, *, what: str = "The result") -> float:
    """The value as a float, if it is one finite number.

    Raises:
        Mistake: If it is not.
    """
    value = _as_numpy(value)
    number = isinstance(value, int | float | np.number | np.ndarray)
    scalar = number and np.ndim(value) == 0
    require(
        scalar and not isinstance(value, bool) and np.isfinite(value),
        f"{what} must be one number. Received: {in_words(value)}.",
    )
    return float(value)


def require_chosen(answer: Any, kind: type, *, example: str) -> None:
    """Refuse what is not the pass that a learner was to choose with a control.

    Args:
        answer: What was handed over; None is no attempt.
        kind: The class of passes.
        example: One of them, as code.

    Raises:
        NotImplementedError: If nothing is chosen yet.
        Mistake: If it is something else.
    """
    if answer is None:
        raise NotImplementedError(
            "Nothing is chosen yet: press Register in the control and insert your answer, "
            "or write a pass into the cell above. Then run that cell and this one again."
        )
    quoted = " in quotes, which make a text of it: leave them out"
    require(
        isinstance(answer, kind),
        f"Hand over a pass, such as {example}, or what the control inserts. Received: "
        f"{in_words(answer)}{quoted if isinstance(answer, str) else ''}.",
    )


def _as_numpy(value: Any) -> Any:
    """A tensor of Keras as the array that it holds; everything else as it is."""
    import keras  # not before: the course panel starts without it

    return keras.ops.convert_to_numpy(value) if keras.ops.is_tensor(value) else value


def _copied(argument: Any) -> Any:
    if isinstance(argument, np.ndarray):
        return argument.copy()
    if isinstance(argument, list):
        return [_copied(item) for item in argument]
    return dict(argument) if isinstance(argument, dict) else argument


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, np.ndarray):
        return before.shape == after.shape and np.array_equal(
            before, after, equal_nan=before.dtype.kind == "f"
        )
    if isinstance(before, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return not isinstance(before, dict) or bool(before == after)
