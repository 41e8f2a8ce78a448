"""Lesson 03, third part: a whole model within a budget, and the statistics behind it."""

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.exercise import Option, choice
from nncompress_lab.course.exercises.lesson_03_layers import filter_norms, narrow
from nncompress_lab.course.exercises.lesson_03_networks import macs_left, tied_layers
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.trials.goal import Goal

GOAL = Goal(macs=1_150_000, accuracy_drop=0.05)

chosen_channels = chosen(
    "chosen_channels",
    hints=(
        "Half of the MACs must go. Choose the whole model and a budget of 50 %, then look "
        "at the accuracy.",
        "Which channels go matters more than how many. A norm looks at the weights alone; "
        "which criterion looks at the loss?",
        'ncl.ChannelPruning(macs=0.5, criterion="taylor")',
    ),
    example="ncl.ChannelPruning(macs=0.5)",
    reference=ChannelPruning(macs=0.5, criterion="taylor"),
)
require_goal(
    chosen_channels,
    GOAL,
    remarks={
        "macs": "Zeros cost as many MACs as other weights.",
        "accuracy_drop": "Does it matter by what the channels are chosen?",
    },
)

why_statistics = choice(
    "why_statistics",
    title="What did 512 images without labels repair?",
    hints=(
        "Which four vectors does a BatchNormalization hold, and which of them were "
        "measured on data rather than trained?",
        "A layer behind a cut adds up fewer channels. What happens to the mean and the "
        "variance of its outputs?",
    ),
    options={
        "a": Option(
            "They trained the kernels that are left.",
            "No weight was trained: compare the kernels before and after, as the cell "
            "above does. Training needs labels and a loss, and there was neither.",
        ),
        "b": Option(
            "They told which channels were removed by mistake, and these came back.",
            "The model is as narrow as before: count its MACs. What is gone stays gone.",
        ),
        "c": Option(
            "Sums of fewer channels have another mean and variance; the stored ones were "
            "those of the original model.",
            "Yes. Each normalization subtracted and divided by numbers of sums that do not "
            "exist any more, and the error grew from layer to layer.",
            right=True,
        ),
        "d": Option(
            "The images came from the validation set, so the accuracy is not honest.",
            "It would be a fair suspicion: but they are training images, and without their "
            "labels at that.",
        ),
    },
)

EXERCISES = (
    filter_norms,
    narrow,
    macs_left,
    chosen_channels,
    why_statistics,
    tied_layers,
)
