"""Lesson 05: activations of few bits, and one network in two runtimes."""

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.exercise import (
    Option,
    choice,
)
from nncompress_lab.course.exercises.lesson_05_arithmetic import (
    fake_quantize,
    fixed_point,
    integer_dense,
)
from nncompress_lab.course.exercises.lesson_05_ranges import (
    calibrated_range,
    fold_batch_norm,
)
from nncompress_lab.quantization.activation_quantization import ActivationQuantization
from nncompress_lab.trials.goal import Goal

GOAL = Goal(activation_bits=4, accuracy_drop=0.01)


chosen_calibration = chosen(
    "chosen_calibration",
    points=2,
    example="ncl.ActivationQuantization(bits=8)",
    hints=(
        "Move the slider of the activations to 4 bits. What does the list beside it change "
        "in the picture?",
        "The largest activation of 512 images decides a range that covers all of them. A "
        "range with the least squared error leaves it outside.",
        'ncl.ActivationQuantization(bits=4, calibration="mse")',
    ),
    reference=ActivationQuantization(bits=4, calibration="mse"),
)


require_goal(
    chosen_calibration,
    GOAL,
    remarks={
        "activation_bits": "The inputs of all layers with a kernel are to be rounded.",
        "accuracy_drop": "How is the range chosen?",
    },
)


why_slower = choice(
    "why_slower",
    title="One network, two runtimes",
    hints=(
        "Are the multiplications different ones in the two files? Is what executes them?",
        "Compare each runtime's integers with its own floats. What would you need to know "
        "about the two programs to explain the ratio?",
    ),
    options={
        "a": Option(
            "One of the two files is larger, and reading it takes longer.",
            "Both int8 files have nearly the same number of bytes, and the file is read "
            "once, before the clock starts.",
        ),
        "b": Option(
            "Integers of 8 bits are slower on this processor than floats.",
            "The other runtime shows on this very processor what integers can do.",
        ),
        "c": Option(
            "How good a runtime's integer kernels are for these layers and this "
            "processor, beside its float ones, decides; int8 alone decides nothing.",
            "Yes. So a speedup is a property of model, file, runtime and machine "
            "together, and whoever wants it measures it there.",
            right=True,
        ),
        "d": Option(
            "The int8 file has more multiplications.",
            "The MACs are those of the float network. Only quantizing and dequantizing "
            "in between is added, where the runtime does not stay in integers.",
        ),
    },
)

EXERCISES = (
    fake_quantize,
    calibrated_range,
    integer_dense,
    fold_batch_norm,
    chosen_calibration,
    why_slower,
    fixed_point,
)
