"""Lesson 11: fewer bytes than the least, a pipeline, and all exercises in order."""

from nncompress_lab.course.chosen import chosen, require_goal
from nncompress_lab.course.exercise import Option, choice
from nncompress_lab.course.exercises.lesson_11_codes import (
    kernel_bill,
    prune_then_share,
)
from nncompress_lab.course.exercises.lesson_11_gaps import gaps_of, short_gaps
from nncompress_lab.course.exercises.lesson_11_one_number import read_number
from nncompress_lab.pipelines import pipeline
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.quantization.codebook_quantization import CodebookQuantization
from nncompress_lab.trials.goal import Goal

GOAL = Goal(packed_bytes=80_000, accuracy_drop=0.035)

less_than_least = choice(
    "less_than_least",
    title="Less than the least?",
    hints=(
        "Entropy is the least for one list of shares, of symbols about which nothing else "
        "is known. Is nothing else known here?",
        "How many weights does a row of dense1 hold? `np.count_nonzero(coded, axis=1)`",
    ),
    options={
        "a": Option(
            "The bound is wrong for kernels with many zeros.",
            "It holds for any shares. But it holds for symbols about which nothing else is "
            "known than how frequent they are.",
        ),
        "b": Option(
            "The bound knows one share of zeros for the whole kernel. But some rows hold "
            "far more weights than others, and gaps show it.",
            "Yes. Where weights stand close together gaps are short, elsewhere they are "
            "long, and with a share for each row the entropy of the places falls, too. A "
            "bound belongs to what one knows of the data; who knows more has a lower one.",
            right=True,
        ),
        "c": Option(
            "The words leave out the gaps that are too long.",
            "Each gap has its word, the longest one too. They lead to every weight.",
        ),
        "d": Option(
            "Huffman's words are shorter than the entropy of what they code.",
            "They are not: no words are. But what they code here are gaps, and the entropy "
            "of the gaps is not that of the places.",
        ),
    },
)

chosen_pipeline = chosen(
    "chosen_pipeline",
    title="Put it together",
    example="ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), ncl.FoldBatchNorm())",
    hints=(
        "What does the second card say about itself? What has shared values already cannot "
        "be pruned: move a card.",
        "Fewer zeros cost less accuracy, fewer bits cost fewer bytes. Which of the two can "
        "give way?",
        'ncl.pipeline(ncl.MagnitudePruning(sparsity=0.8, scope="adaptive"), '
        "ncl.CodebookQuantization(bits=4))",
    ),
    reference=pipeline(
        MagnitudePruning(sparsity=0.8, scope="adaptive"), CodebookQuantization(bits=4)
    ),
)
require_goal(
    chosen_pipeline,
    GOAL,
    remarks={
        "packed_bytes": "Zeros and few values together do it: which comes first, and what "
        "does the other still find?",
        "accuracy_drop": "Which card costs most of it? Give that one more room.",
    },
)

EXERCISES = (
    gaps_of,
    short_gaps,
    prune_then_share,
    kernel_bill,
    less_than_least,
    chosen_pipeline,
    read_number,
)
