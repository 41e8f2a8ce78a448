"""How much each layer reacts to each option, measured one by one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import keras

from nncompress_lab import progress as bars
from nncompress_lab.data.data import CALIBRATION_EXAMPLES
from nncompress_lab.data.datasets import Dataset
from nncompress_lab.errors import MissingContextError
from nncompress_lab.models.inputs import check_inputs
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.passes import Context, Pass
from nncompress_lab.planning.options import checked_options
from nncompress_lab.planning.scanning import Scan, Settings
from nncompress_lab.planning.sensitivity import Sensitivity
from nncompress_lab.ready import check_context
from nncompress_lab.training.loop import given
from nncompress_lab.training.reestimate_batch_norm import ReestimateBatchNorm

EXAMPLES: Final = 512
Proxy = Literal["fisher"]
Heard = Callable[[int, int], object]  # of how many cells are done, and of how many


def sensitivity(  # noqa: PLR0913 (each by its name)
    model: keras.Model,
    options: Sequence[Pass] | Pass,
    data: Any,
    *,
    examples: int = EXAMPLES,
    reestimate: bool = False,
    latency: bool = False,
    proxy: Proxy | None = None,
    cache: str | Path | None = None,
    progress: bool | Heard = True,
) -> Sensitivity:
    """Measure what each unit of a model loses and saves under each option, alone.

    A unit is a layer with a kernel. One copy of the model is compiled once and takes on
    one change after the other; what comes before a changed layer is not computed again.

    Args:
        model: Built. It is not changed.
        options: Passes that go layer by layer, or pipelines of them; of sparsity and bits
            in one layer a pipeline says what they do together. The selection of an option
            says on which layers it is tried.
        data: A data set, whose validation examples judge; or a `Context`, with the
            objective if need be; or validation examples alone, as a `Context` takes them.
        examples: How many of the validation examples, from the first on.
        reestimate: Whether each BatchNormalization is measured anew under each option, as
            by `ReestimateBatchNorm`: without it, high sparsities seem to destroy what
            they only shift.
        latency: Whether to time the layers that change as models of their own, in ONNX
            Runtime, one example at a time, and to predict by that how much faster the
            whole will be.
        proxy: `"fisher"` also predicts each divergence from gradients alone; the table
            says how well that orders what is measured.
        cache: A file, or a folder for one, where rows are kept. A scan that was
            interrupted goes on; rows of a model with other weights, of other data or of
            another objective are never taken.
        progress: Whether to draw a bar; or what to call with the numbers of cells done
            and of all, whose errors end the scan.

    Returns:
        The table of all units and options.

    Raises:
        TypeError: If an option is no pass of layers.
        ValueError: If no option changes any layer, or the data do not fit.
        MissingContextError: If there are no validation data, or an option lacks data.
        UnsupportedModelError: If the model cannot be copied, or an option needs a graph.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> from nncompress_lab.quantization.uniform_quantization import UniformQuantization
        >>> scan = sensitivity(
        ...     zoo.lenet5(),
        ...     UniformQuantization(bits=2),
        ...     data.fashion_mnist(),
        ...     examples=50,
        ...     progress=False,
        ... )
        >>> scan.units
        ('conv1', 'conv2', 'dense1', 'logits')
    """
    chosen = checked_options(options)
    check_model(model, graph=any(one.needs_graph for one in chosen))
    if examples < 1:
        raise ValueError(f"`examples` must be at least 1. Received: {examples}.")
    repair = (ReestimateBatchNorm(),) if reestimate else ()
    context = _context_of(data, examples, (*chosen, *repair))
    check_inputs(model, given(context.validation))
    scan = Scan(model, chosen, context, Settings(cache, reestimate, latency, proxy))
    with _heard(progress, scan.title, len(scan.cells)) as advance:
        return scan.run(advance)


def _context_of(data: Any, examples: int, options: Sequence[Pass]) -> Context:
    """The context of data of any kind, with arrays of what is to be read often."""
    if not isinstance(data, Dataset | Context):
        data = Context(validation=data, calibration=data)
    context = Context.of(data, test=None)
    if context.validation is None:
        raise MissingContextError(
            "A sensitivity is measured on validation data, which the context does not "
            "hold. Pass a data set such as ncl.data.fashion_mnist(), or "
            "Context(validation=(x, y))."
        )
    validation = context.validation.take(examples)
    if validation.y is None:
        raise ValueError(
            "A sensitivity needs the labels of its examples. Received: inputs alone. Pass "
            "Data(x, y), or a pipeline of both."
        )
    if context.calibration is not None:
        calibration = context.calibration.take(CALIBRATION_EXAMPLES)
        context = replace(context, calibration=calibration)
    for option in options:
        check_context(option, context)
    return replace(context, validation=validation)


@contextmanager
def _heard(
    progress: bool | Heard, title: str, cells: int
) -> Iterator[Callable[[], None]]:
    """What to call after each cell."""
    if callable(progress):
        done = 0

        def tell() -> None:
            nonlocal done
            done += 1
            progress(done, cells)

        yield tell
        return
    with bars.bar(title, cells, show=progress) as bar:
        yield bar.advance
