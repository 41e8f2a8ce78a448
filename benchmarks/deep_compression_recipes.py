"""How each model of `benchmarks/deep_compression.py` is trained and compressed."""

from dataclasses import dataclass, field

import nncompress_lab as ncl
from nncompress_lab.models.selection import EVERY_LAYER

DENSE_LAYERS = ncl.Selection(types=("Dense",))
CONVOLUTIONS = ncl.Selection(types=("Conv2D",))
OTHER_FLOATS = ncl.ShortFloats(significant_bits=8, values=16)
SHORTER_FLOATS = ncl.ShortFloats(significant_bits=4, values=16)


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
        dense_moved: Whether the dense model is trained so too.
    """

    dense: ncl.Pass | None
    teacher: str
    stages: dict[str, ncl.Pass] = field(default_factory=dict)
    dense_once: bool = False
    moved: bool = False
    dense_moved: bool = False


def narrowed(*, macs: float, epochs: int) -> dict[str, ncl.Pass]:
    """Remove whole channels before single weights, and recover with the teacher.

    Args:
        macs: What is left of the multiply-accumulates.
        epochs: Of the recovery.
    """
    recovery = ncl.FineTune(
        epochs=epochs, learning_rate=2e-3, patience=epochs, teacher="context"
    )
    channels = ncl.ChannelPruning(macs=macs, scope="global")
    return {"narrowed": ncl.pipeline(channels, recovery)}


def pruned(
    *,
    sparsity: float,
    epochs: int,
    initial_sparsity: float = 0.0,
    learning_rate: float = 2e-3,
    select: ncl.Selection = EVERY_LAYER,
    name: str = "pruned",
) -> dict[str, ncl.Pass]:
    """Prune weight by weight with the teacher, and remove what is dead.

    Args:
        sparsity: Of the selected kernels in the end.
        initial_sparsity: Of them at the beginning.
        epochs: The pruning is over after 60 % of them.
        learning_rate: Its peak.
        select: What is pruned. A narrow LeNet has few weights in its convolutions, and
            needs them; by magnitude alone most of them would go.
        name: Of the stage.
    """
    weights = ncl.GradualPruning(
        sparsity=sparsity,
        initial_sparsity=initial_sparsity,
        end=0.6,
        updates=60,
        scope="global",
        epochs=epochs,
        learning_rate=learning_rate,
        patience=epochs,
        teacher="context",
        select=select,
    )
    return {name: ncl.pipeline(weights, ncl.RemoveDeadChannels())}


def coded(*, bits: int, epochs: int) -> dict[str, ncl.Pass]:
    """Make codes, train their tables with the teacher, round all other floats.

    Args:
        bits: Of a code.
        epochs: Of the training of the tables.
    """
    tables = ncl.FineTuneCodebook(
        epochs=epochs, learning_rate=1e-3, patience=epochs, teacher="context"
    )
    codes = ncl.CodebookQuantization(bits=bits)
    return {"coded": ncl.pipeline(codes, tables, OTHER_FLOATS)}


def rounded(*, rate: float) -> dict[str, ncl.Pass]:
    """Round weights where that saves more bytes than it costs, as a start of codes.

    Args:
        rate: What a bit is worth; most of what it saves are weights that become zero.
    """
    return {"rounded": ncl.RateAwareQuantization(rate=rate)}


def trained_to_codes(
    *,
    bits: int,
    epochs: int,
    convolution_bits: int | None = None,
    rate: float = 0.0,
    floats: ncl.Pass = OTHER_FLOATS,
) -> dict[str, ncl.Pass]:
    """Train weights as the nearest value of tables that train, round all other floats.

    Args:
        bits: Of a code.
        epochs: Of the training.
        convolution_bits: Of a code in a convolution, if not the same: these are made, and
            trained for an epoch, before the others. Convolutions with few weights are
            worth more bits.
        rate: What a bit is worth in the training.
        floats: How the other floats are rounded.
    """
    if convolution_bits is None:
        return {"coded": ncl.pipeline(_codes(bits, epochs, rate=rate), floats)}
    steps = (
        _codes(convolution_bits, 1, rate=rate, select=CONVOLUTIONS),
        _codes(bits, epochs, rate=rate, select=DENSE_LAYERS),
    )
    return {"coded": ncl.pipeline(*steps, floats)}


def _codes(
    bits: int, epochs: int, *, rate: float, select: ncl.Selection = EVERY_LAYER
) -> ncl.Pass:
    return ncl.CodebookAwareTraining(
        bits=bits,
        epochs=epochs,
        rate=rate,
        learning_rate=1e-3,
        patience=epochs,
        teacher="context",
        select=select,
    )


DENSE_LENET_300_100 = ncl.FineTune(epochs=8, patience=8)
DENSE_LENET5 = ncl.FineTune(epochs=4, patience=4, optimizer="adamw")

RECIPES = {
    ("MNIST", "lenet_300_100"): Recipe(
        DENSE_LENET_300_100,
        "lenet5",
        stages={
            **pruned(sparsity=0.978, epochs=16),
            **rounded(rate=2.2e-7),
            **trained_to_codes(bits=3, epochs=2, floats=SHORTER_FLOATS),
        },
        moved=True,
        dense_moved=True,
    ),
    ("MNIST", "lenet5"): Recipe(
        DENSE_LENET5,
        "lenet5",
        stages={
            **narrowed(macs=0.15, epochs=3),
            **pruned(sparsity=0.965, epochs=8, select=DENSE_LAYERS),
            **rounded(rate=2.5e-7),
            **trained_to_codes(bits=3, epochs=6, rate=1.25e-5, floats=SHORTER_FLOATS),
        },
        dense_once=True,
        moved=True,
        dense_moved=True,
    ),
    ("Fashion-MNIST", "lenet_300_100"): Recipe(
        None,
        "lenet5",
        stages={**pruned(sparsity=0.93, epochs=12), **coded(bits=3, epochs=3)},
        moved=True,
    ),
    ("Fashion-MNIST", "lenet5"): Recipe(
        None,
        "resnet20",
        stages={
            **narrowed(macs=0.3, epochs=2),
            **pruned(sparsity=0.82, epochs=8, select=DENSE_LAYERS),
            **trained_to_codes(bits=3, epochs=2, convolution_bits=5),
        },
        moved=True,
    ),
    ("Fashion-MNIST", "resnet20"): Recipe(
        None,
        "resnet20",
        stages={
            **pruned(sparsity=0.85, epochs=4, learning_rate=1e-3),
            "folded": ncl.FoldBatchNorm(),
            **trained_to_codes(bits=4, epochs=1),
        },
    ),
}
