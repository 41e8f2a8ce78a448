"""How each model of `benchmarks/deep_compression.py` is trained and compressed."""

from dataclasses import dataclass, field

import nncompress_lab as ncl


@dataclass(frozen=True)
class Recipe:
    """The stages of one model on one data set.

    Args:
        dense: How it is trained; None takes the trained model of the zoo.
        teacher: Whose soft targets all later stages learn from: the model of that name
            before compression.
        stages: The passes, by name.
        dense_once: Whether the dense model is trained with seed 0 for all seeds, because
            that takes long; the seeds are then those of the compression alone.
    """

    dense: ncl.Pass | None
    teacher: str
    stages: dict[str, ncl.Pass] = field(default_factory=dict)
    dense_once: bool = False


def stages(
    *, sparsity: float, epochs: int, bits: int, first: tuple[ncl.Pass, ...] = ()
) -> dict[str, ncl.Pass]:
    """Prune with a teacher, remove what is dead, code, train the tables, round the rest.

    Args:
        sparsity: Of the kernels in the end.
        epochs: Of the pruning; it is over after 60 % of them.
        bits: Of a code.
        first: Passes before.
    """
    return {
        "pruned": ncl.pipeline(
            *first,
            ncl.GradualPruning(
                sparsity=sparsity,
                end=0.6,
                updates=60,
                scope="global",
                epochs=epochs,
                learning_rate=2e-3,
                patience=epochs,
                teacher="context",
            ),
            ncl.RemoveDeadChannels(),
        ),
        "coded": ncl.pipeline(
            ncl.CodebookQuantization(bits=bits),
            ncl.FineTuneCodebook(
                epochs=8, learning_rate=1e-3, patience=8, teacher="context"
            ),
            ncl.ShortFloats(significant_bits=8, values=16),
        ),
    }


DENSE_LENET_300_100 = ncl.FineTune(epochs=30, patience=30)
DENSE_LENET5 = ncl.FineTune(epochs=12, patience=12, optimizer="adamw")

RECIPES = {
    ("MNIST", "lenet_300_100"): Recipe(
        DENSE_LENET_300_100, "lenet5", stages=stages(sparsity=0.982, epochs=60, bits=3)
    ),
    ("MNIST", "lenet5"): Recipe(
        DENSE_LENET5,
        "lenet5",
        stages=stages(sparsity=0.991, epochs=22, bits=3),
        dense_once=True,
    ),
}
