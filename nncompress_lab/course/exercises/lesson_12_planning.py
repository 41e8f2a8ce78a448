"""Lesson 12: a plan that meets a goal, what decides in it, and all exercises in order."""

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.exercise import Option, choice
from nncompress_lab.course.exercises.lesson_12_knapsack import (
    choose_for_file,
    choose_options,
    total_bytes,
)
from nncompress_lab.course.exercises.lesson_12_scans import (
    measure_without,
    scan_layers,
)
from nncompress_lab.quantization.uniform_quantization import UniformQuantization
from nncompress_lab.trials.goal import Goal

GOAL = Goal(packed_bytes=95_000, accuracy_drop=0.015)

what_decides = choice(
    "what_decides",
    title="Why does the smallest layer get most bits?",
    hints=(
        "Look at the row of conv1: what is gained from one setting to the next, and what "
        "does it cost?",
        "Divide: gained divergence for each byte, for conv1 and for dense1.",
    ),
    options={
        "a": Option(
            "Because the first layer of a network always needs the most bits.",
            "It is a good guess for many networks, and the scan is there so that you need "
            "not guess. Were conv1 as large as dense1, its bits would cost 800 times as "
            "much, and the choice would be another one.",
        ),
        "b": Option(
            "Because a byte gains most there: the outputs suffer much without it, and its "
            "500 weights need few.",
            "Yes: gain *for each byte*. conv1 is sensitive, because each of its weights is "
            "used at all 576 places of the image and everything behind it computes with "
            "the errors; and it is cheap. It takes both.",
            right=True,
        ),
        "c": Option(
            "Because dense1 is not sensitive and needs no bits.",
            "At 2 bits dense1 does change the outputs. But to change that takes 50,000 "
            "bytes, and they would gain less there than a few hundred do elsewhere.",
        ),
        "d": Option(
            "Because conv1 has the largest weights, so that its rounding errors are the "
            "largest.",
            "The step of the grid follows the weights, in every layer. How far an error of "
            "the weights moves the outputs is not to be seen in the weights: that is what "
            "the scan measures.",
        ),
    },
)


chosen_plan = chosen(
    "chosen_plan",
    example="ncl.plan(model, ncl.Budget(packed_bytes=150_000), data).passes",
    hints=(
        "Move the budget: which layers lose bits first, and where does the accuracy bend? "
        "The goal is between two settings that you can mark for all layers.",
        "With one setting for all layers 3 bits are too large and 2 bits too bad. What "
        "does the plan choose for a budget that lies between their sizes?",
        "Write the budget of the goal itself: the plan fills it.",
    ),
    reference=UniformQuantization(bits=3, clipping="mse"),
)
require_goal(
    chosen_plan,
    GOAL,
    remarks={
        "packed_bytes": "Where is dense1, which holds most of the bytes?",
        "accuracy_drop": "Which layer suffers, and what would a bit cost there?",
    },
)

EXERCISES = (
    total_bytes,
    scan_layers,
    measure_without,
    choose_options,
    what_decides,
    chosen_plan,
    choose_for_file,
)
