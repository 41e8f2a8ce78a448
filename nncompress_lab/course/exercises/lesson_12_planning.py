"""Lesson 12: a plan that meets a goal, what decides in it, and all exercises in order."""

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.exercise import Option, choice
from nncompress_lab.course.exercises.lesson_12_files import choose_for_file
from nncompress_lab.course.exercises.lesson_12_knapsack import (
    choose_options,
    total_bytes,
)
from nncompress_lab.course.exercises.lesson_12_scans import (
    measure_without,
    scan_layers,
)
from nncompress_lab.models.per_layer import PerLayer
from nncompress_lab.models.selection import Selection
from nncompress_lab.pipelines import pipeline
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.quantization.uniform_quantization import UniformQuantization
from nncompress_lab.trials.goal import Goal

GOAL = Goal(packed_bytes=85_000, accuracy_drop=0.015)

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
            "Because a first layer needs the most bits, whatever the network.",
            "It is a good guess for many networks, and the scan is there so that you need "
            "not guess. Were conv1 as large as dense1, its bits would cost 800 times as "
            "much, and the choice would be another one.",
        ),
        "b": Option(
            "Because a byte gains most there: the outputs suffer much without it, and its "
            "500 weights need few.",
            "Yes: gain for each byte. conv1 is sensitive, because each of its weights is "
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
    title="Smaller than 2 bits, better than 3",
    example="ncl.plan(model, ncl.Budget(packed_bytes=150_000), data)",
    hints=(
        "Move the budget down, from large to small: which layers are given less first, and "
        "where does the accuracy bend?",
        "With bits alone nothing reaches the goal. Which layer holds most bytes, and which "
        "of its cells have a small divergence and few bytes?",
        "The budget of the goal itself, and a scan with zeros in it: ncl.plan(model, "
        "ncl.Budget(packed_bytes=85_000), data, scan=wide)",
    ),
    reference=pipeline(
        MagnitudePruning(sparsity=0.7, select=Selection(names=("dense1",))),
        UniformQuantization(
            bits=2,
            clipping="mse",
            per_layer=PerLayer({"conv*": {"bits": 6}, "logits": {"bits": 6}}),
        ),
    ),
)
require_goal(
    chosen_plan,
    GOAL,
    remarks={
        "packed_bytes": "What does dense1 get, which holds most of the bytes?",
        "accuracy_drop": "Which layer suffers, and what would more bits cost there?",
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
