"""Lesson 13: heads within a budget, what a norm does not know, and all exercises."""

from nncompress_lab import zoo
from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.exercise import Option, choice
from nncompress_lab.course.exercises.lesson_13_blocks import attend, block_macs
from nncompress_lab.course.exercises.lesson_13_heads import one_by_one, without_head
from nncompress_lab.course.exercises.lesson_13_scores import narrow_scores
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.trials.goal import Goal

GOAL = Goal(macs=5_000_000, accuracy_drop=0.03)

why_norms = choice(
    "why_norms",
    title="Why did the norms fail?",
    hints=(
        "Which of the four can be looked up in the cells above: in the picture, in the "
        "curves, in the last line that was printed?",
        "What comes behind a head of block 0, and what behind one of block 3? Do the "
        "weights of the head say?",
    ),
    options={
        "a": Option(
            "They are sums of magnitudes; the roots of the sums of squares would have "
            "found the right heads.",
            "The last cell has tried it: again there are heads of block 0 among the first "
            "four, and each of them is missed more than any other. Another norm is "
            "another way to say how large the weights are.",
        ),
        "b": Option(
            "A norm says how large weights are. How far the outputs move depends on all "
            "that comes behind a head, which its weights do not know.",
            "Yes. All later blocks build on what block 0 has brought together, and its "
            "weights are small. Within a layer a norm is a fair guess; across layers, "
            "measure, or take a score that asks the loss, such as `taylor`.",
            right=True,
        ),
        "c": Option(
            "The weights of block 0 are small because that block was not trained well.",
            "Its heads are those that are missed most: whatever they learned, the network "
            "relies on it.",
        ),
        "d": Option(
            "64 images are too few to say which heads are missed.",
            "The curves are of 500 images, and there too the network breaks where the "
            "heads go by their norms. For what is so far apart few images are enough.",
        ),
    },
)

chosen_heads = chosen(
    "chosen_heads",
    example='ncl.ChannelPruning(channels=(("block3_mlp1", 64),))',
    hints=(
        "Which parts could be taken out at a small price? Begin with the hidden units of "
        "the last block, then go to the blocks before it.",
        "Block 0 stays as it is. Three MLPs with few hidden units are a third of all MACs; "
        "heads of block 3 can go as well. Set the criterion to `taylor`.",
        'ncl.ChannelPruning(channels=(("block1_mlp1", 32), ("block2_mlp1", 16), '
        '("block3_attention/query", 1), ("block3_mlp1", 4)), criterion="taylor")',
    ),
    reference=ChannelPruning(
        channels=(
            ("block1_mlp1", 32),
            ("block2_mlp1", 16),
            ("block3_attention/query", 1),
            ("block3_mlp1", 4),
        ),
        criterion="taylor",
    ),
)
require_goal(
    chosen_heads,
    GOAL,
    model=zoo.vit_tiny,
    remarks={
        "macs": "Zeros cost as many MACs as other weights; what goes has to go whole.",
        "accuracy_drop": "Which blocks bear least, and what decides which units go?",
    },
)

EXERCISES = (
    block_macs,
    attend,
    without_head,
    one_by_one,
    why_norms,
    chosen_heads,
    narrow_scores,
)
