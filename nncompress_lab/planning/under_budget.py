"""`plan`: from a model and a budget to passes, chosen by what was measured."""

from collections.abc import Sequence
from dataclasses import replace

import keras

from nncompress_lab.data.datasets import Dataset
from nncompress_lab.errors import MissingContextError
from nncompress_lab.passes import Context, Pass
from nncompress_lab.planning.budget import Budget
from nncompress_lab.planning.plan import Plan
from nncompress_lab.planning.planner import Planner, reestimates
from nncompress_lab.planning.scan import EXAMPLES, sensitivity
from nncompress_lab.planning.sensitivity import Sensitivity
from nncompress_lab.planning.techniques import Technique, options_of


def plan(
    model: keras.Model,
    budget: Budget,
    data: Dataset | Context,
    *,
    techniques: Sequence[Technique] = ("pruning", "quantization"),
    scan: Sensitivity | None = None,
    examples: int = EXAMPLES,
    epochs: int = 3,
) -> Plan:
    """Choose for each layer how far to compress it, so that the model fits a budget.

    What every option does to the outputs is measured layer by layer (`sensitivity`), and
    the options that change them least within the budget are chosen together. The result
    is applied and its real cost measured; where that is not the sum, the choice is made
    anew. It is compared on the validation data with the options that treat all layers
    alike and fit the budget, too, so a plan is never worse than these there. Where there
    are normalizations, they are measured anew (`ReestimateBatchNorm`).

    Args:
        model: A trained model. It is not changed.
        budget: What the result may cost and lose.
        data: With validation data to choose by, and calibration data where options need
            it; a data set will do. The test data is not looked at.
        techniques: What may become of a layer, in the order in which it is applied: names
            (`"pruning"`, `"quantization"`, `"gptq"`, `"codebook"`, `"low_rank"`,
            `"tucker2"`, `"channels"`), or sequences of passes that are alternatives to
            each other. All their combinations are options.
        scan: What has been measured, by `sensitivity`; its options are then taken in place
            of `techniques`.
        examples: Of the validation data, for the scan.
        epochs: Of the recovery that `ncl.compress(model, plan)` trains; 0 for none.

    Returns:
        The plan, applied and measured without training.

    Raises:
        MissingContextError: If `data` lacks validation data, or what an option needs.
        CompressionError: If no choice of options fits the budget; the message says how
            small the model gets.
        ValueError: If there is no such technique.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> lenet = zoo.lenet_300_100()
        >>> small = plan(lenet, Budget(ratio=8), data.fashion_mnist(), examples=64,
        ...              techniques=["quantization"])
        >>> small.verified.packed_bytes < small.original.packed_bytes / 8
        True

    References:
        Cai, Peng, Yao, Dong, Gholami, Mahoney, Keutzer, "ZeroQ: A Novel Zero Shot
        Quantization Framework", CVPR 2020, section 3.3 (sensitivities by the divergence
        of the outputs, and their sum). https://arxiv.org/abs/2001.00281
    """
    if not isinstance(budget, Budget):
        raise TypeError(
            "The budget of a plan is a Budget, as in plan(model, "
            f"Budget(packed_bytes=60_000), data). Received: {type(budget).__name__}."
        )
    context = Context.of(data)
    if context.validation is None:
        raise MissingContextError(
            "A plan is chosen on validation data, which the context does not hold. Pass "
            "Context(validation=(x, y), ...), or a data set such as "
            "ncl.data.fashion_mnist()."
        )
    if scan is None:
        options = options_of(techniques)
        scan = scan_for(budget, model, options, context, examples=examples)
    timed = budget.cost == "latency_ms"
    made = Planner(model, context, scan, timed=timed).plan(budget)
    return replace(made, epochs=epochs)


def scan_for(
    budget: Budget,
    model: keras.Model,
    options: Sequence[Pass],
    context: Context,
    *,
    examples: int = EXAMPLES,
) -> Sensitivity:
    """The sensitivity that a plan within a budget is chosen from."""
    return sensitivity(
        model,
        options,
        context,
        examples=examples,
        reestimate=reestimates(model, context),
        latency=budget.cost == "latency_ms",
        progress=context.progress,
    )
