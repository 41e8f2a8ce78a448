"""Lesson 08, last part: a goal for the control, and why fewer MACs may take longer."""

from nncompress_lab.course.chosen import chosen, compressed, require_goal
from nncompress_lab.course.exercise import Option, choice, require
from nncompress_lab.course.exercises.lesson_08_layers import separable, three_layers
from nncompress_lab.course.exercises.lesson_08_unfoldings import mode_basis, unfold
from nncompress_lab.factorization.factorization import Factorization
from nncompress_lab.models.selection import Selection
from nncompress_lab.trials.goal import Goal

GOAL = Goal(macs=1_150_000, accuracy_drop=0.015)
FILTERS = 50  # of conv2

chosen_factorization = chosen(
    "chosen_factorization",
    example='ncl.Factorization("tucker2", rank=(8, 16))',
    hints=(
        "Nearly all of the MACs are in conv2. Which of the four methods has the smallest "
        "error in the outputs there, at equal MACs?",
        "Three small 1x1 and depthwise steps take few MACs each, so that their rank may be "
        "high: try CP.",
        'ncl.Factorization("cp", rank=60, select=ncl.Selection(names=("conv2",)))',
    ),
    reference=Factorization("cp", rank=60, select=Selection(names=("conv2",))),
)


@chosen_factorization.check
def keeps_the_filters(answer):
    outputs = compressed(answer).get_layer("pool2").output.shape[-1]
    require(
        outputs == FILTERS,
        f"conv2 has {FILTERS} filters and a factorized conv2 has them still: the chain "
        f"computes nearly the same outputs. With your pass there are {outputs}; that is "
        "channel pruning, lesson 03.",
    )


require_goal(
    chosen_factorization,
    GOAL,
    remarks={
        "macs": "Lower ranks make fewer of them.",
        "accuracy_drop": "At equal MACs the methods differ: compare the errors of the "
        "outputs.",
    },
)

why_slower = choice(
    "why_slower",
    title="Where does the time go?",
    hints=(
        "How many layers does the chain have in place of one, and what does each of them "
        "read and write?",
        "In a 3x3 convolution from 16 to 16 channels each number that is read from memory "
        "takes part in 144 multiplications. And in a 1x1 convolution to 8 channels?",
    ),
    options={
        "a": Option(
            "The factorized network has more parameters to read.",
            "It has fewer parameters, too: the factors hold fewer numbers than the kernels "
            "that they stand for.",
        ),
        "b": Option(
            "Its layers are many and thin: each reads and writes whole images for few "
            "multiplications, and memory and overhead take the time.",
            "Yes. A convolution of 16 channels already leaves a processor waiting for "
            "memory; three in its place move the images three times, for less "
            "arithmetic. In wide layers the arithmetic is what takes the time, and there a "
            "factorization pays.",
            right=True,
        ),
        "c": Option(
            "ONNX Runtime multiplies the factors together again.",
            "It does not: the file holds the small kernels, and there are more nodes in it "
            "than before. If it did, the time would be that of the original.",
        ),
        "d": Option(
            "1x1 convolutions cannot use the vector instructions of a processor.",
            "They are plain matrix products, which processors do best. What is missing is "
            "enough arithmetic for each number that is read.",
        ),
    },
)

EXERCISES = (
    unfold,
    mode_basis,
    three_layers,
    chosen_factorization,
    why_slower,
    separable,
)
