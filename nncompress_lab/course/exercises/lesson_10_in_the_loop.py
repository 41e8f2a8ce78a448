"""Lesson 10: a schedule that meets a goal, what it brought, and all exercises in order."""

from typing import Any

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.exercise import Option, choice, require
from nncompress_lab.course.exercises.lesson_10_rounding import (
    round_straight_through,
    step_gradient,
)
from nncompress_lab.course.exercises.lesson_10_schedules import keep_zeros, sparsity_at
from nncompress_lab.course.exercises.lesson_10_training import prune_while_training
from nncompress_lab.course.wording import in_words
from nncompress_lab.passes import Pass
from nncompress_lab.pruning.gradual_pruning import GradualPruning
from nncompress_lab.trials.goal import Goal

GOAL = Goal(zeros=0.95, accuracy_drop=0.05)
EPOCHS = 4

chosen_schedule = chosen(
    "chosen_schedule",
    example="ncl.GradualPruning(sparsity=0.9, epochs=4)",
    points=2,
    hints=(
        "The goal says how many zeros: with which weights gone does the network still "
        "work when it is pruned at once? Look at the dashed line.",
        'Which layers pay? With `scope="layer"` each loses as much, also conv1, whose 500 '
        "weights are used at every place of the image.",
        'ncl.GradualPruning(sparsity=0.95, scope="adaptive", epochs=4)',
    ),
    reference=GradualPruning(sparsity=0.95, scope="adaptive", epochs=EPOCHS),
    kind=Pass,
)


@chosen_schedule.check
def trains_in_the_loop(answer: Any) -> None:
    """It is the pass that the section is about."""
    require(
        isinstance(answer, GradualPruning),
        "This goal is to be met in the loop: hand over an ncl.GradualPruning(...). "
        f"Received: {in_words(answer)}.",
    )


@chosen_schedule.check
def trains_no_longer_than_allowed(answer: Any) -> None:
    """Its epochs are within the budget."""
    require(
        answer.epochs <= EPOCHS,
        f"At most {EPOCHS} epochs are allowed. Received: epochs={answer.epochs}.",
    )


@chosen_schedule.check
def prunes_enough(answer: Any) -> None:
    """Its schedule ends high enough; known without any training."""
    lacking = GOAL.shortfall("zeros", answer.sparsity)
    require(
        lacking is None,
        f"At a sparsity of {answer.sparsity:g} {lacking}. Where does the schedule end?",
    )


require_goal(
    chosen_schedule,
    GOAL,
    remarks={
        "accuracy_drop": "Three things decide: which weights go, so who competes with whom "
        "(scope); for how long the rest may adapt (epochs); and how many zeros you ask for."
    },
)


what_brought_it_back = choice(
    "what_brought_it_back",
    title="What brought the accuracy back?",
    hints=(
        "Compare two rows that differ in one thing: once in how slowly, once in which "
        "weights go.",
        "How wide are the intervals, and how far are the two pairs apart?",
    ),
    options={
        "a": Option(
            "The slow schedule.",
            "Compare the rows that differ in the schedule alone: their intervals overlap. "
            "The large step is between the two pairs.",
        ),
        "b": Option(
            "The training with the zeros held, and the choice of the weights that go.",
            "Yes. Four epochs bring both pairs back; the one whose layers compete by their "
            "shares ends more than ten points ahead, and in each pair the schedule changes "
            "far less than that. That is this network and this budget: whoever reports the "
            "gain of a schedule should show the rival as well.",
            right=True,
        ),
        "c": Option(
            "The training alone.",
            "All four were trained alike. With one threshold for all layers they end more "
            "than ten points lower than with layers that compete by their shares.",
        ),
        "d": Option(
            "Chance.",
            "Within a pair they overlap, between the pairs they are far apart: more "
            "than ten points, with intervals of a point or two.",
        ),
    },
)

EXERCISES = (
    sparsity_at,
    keep_zeros,
    what_brought_it_back,
    chosen_schedule,
    round_straight_through,
    step_gradient,
    prune_while_training,
)
