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
        moved: Whether each training image is also taken moved by a pixel in each of four
            directions, so that an epoch has five times the images.
    """

    dense: ncl.Pass | None
    teacher: str
    stages: dict[str, ncl.Pass] = field(default_factory=dict)
    dense_once: bool = False
    moved: bool = False


def stages(
    *, sparsity: float, epochs: int, table_epochs: int, bits: int
) -> dict[str, ncl.Pass]:
    """Prune with a teacher, remove what is dead, code, train the tables, round the rest.

    Args:
        sparsity: Of the kernels in the end.
        epochs: Of the pruning; it is over after 60 % of them.
        table_epochs: Of the training of the tables.
        bits: Of a code.
    """
    return {
        "pruned": ncl.pipeline(
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
                epochs=table_epochs,
                learning_rate=1e-3,
                patience=table_epochs,
                teacher="context",
            ),
            ncl.ShortFloats(significant_bits=8, values=16),
        ),
    }


DENSE_LENET_300_100 = ncl.FineTune(epochs=8, patience=8)
DENSE_LENET5 = ncl.FineTune(epochs=12, patience=12, optimizer="adamw")

RECIPES = {
    ("MNIST", "lenet_300_100"): Recipe(
        DENSE_LENET_300_100,
        "lenet5",
        stages=stages(sparsity=0.982, epochs=16, table_epochs=2, bits=3),
        moved=True,
    ),
    ("MNIST", "lenet5"): Recipe(
        DENSE_LENET5,
        "lenet5",
        stages=stages(sparsity=0.991, epochs=22, table_epochs=8, bits=3),
        dense_once=True,
    ),
    ("Fashion-MNIST", "lenet_300_100"): Recipe(
        None,
        "lenet5",
        stages=stages(sparsity=0.93, epochs=12, table_epochs=3, bits=3),
        moved=True,
    ),
    ("Fashion-MNIST", "lenet5"): Recipe(
        None, "lenet5", stages=stages(sparsity=0.97, epochs=20, table_epochs=4, bits=3)
    ),
}
