"""Weight quantization that looks at the inputs of each layer, as a pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import keras
import numpy as np

from nncompress_lab import progress
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.layer_inputs import (
    ByKernel,
    has_input_rows,
    input_second_moments,
)
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.quantization.arrays.affine import AffineParams
from nncompress_lab.quantization.arrays.clipping import Clipping
from nncompress_lab.quantization.arrays.error_compensation import (
    Order,
    check_damping,
    gptq_round,
)
from nncompress_lab.quantization.arrays.integer_format import (
    KernelFormat,
    KernelView,
)
from nncompress_lab.quantization.arrays.matrix_view import Granularity
from nncompress_lab.quantization.layers.replace import (
    Arrays,
    StoredKernels,
    kernel_view,
    store_kernels,
)
from nncompress_lab.quantization.storing_pass import StoringPass
from nncompress_lab.training.loop import given

Inputs = Literal["quantized", "float"]


@dataclass(frozen=True)
class GPTQ(StoringPass):
    """Store kernels as integers chosen so that the layers' *outputs* change little.

    The rounding error of each weight is made up for by the weights not yet rounded, with
    the second moments of the layer's inputs on calibration data. Worth it at 4 bits and
    below, where rounding to the nearest loses accuracy; it costs minutes at most, and no
    training. Zeros stay zero. An Embedding has no such inputs and is rounded to the
    nearest.

    Args:
        bits: Width of the integers, 2 to 8.
        granularity: What shares a scale, as for `UniformQuantization`. Scales are chosen
            before the weights move.
        group_size: Only with `"per_group"`.
        symmetric: Whether the integers mirror around 0.
        clipping: Which range the integers cover: `"mse"` or `"absmax"`.
        damping: Added to the diagonal of the second moments, as a fraction of its mean.
        order: Of the rows of each kernel: `"activation"` rounds those with the largest
            inputs first, `"natural"` takes them as they are.
        inputs: Of each layer: `"quantized"`, from a model whose layers before it are
            quantized already, which takes one run of the calibration data a layer; or
            `"float"`, from the model as it was, in a single run.
        select: Which layers to quantize; all kernel layers by default.

    Raises:
        ValueError: If a value is out of range or does not fit the others.

    Example:
        >>> GPTQ(bits=3).needs == {"calibration"}
        True

    References:
        Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization
        for Generative Pre-trained Transformers", ICLR 2023.
        https://arxiv.org/abs/2210.17323
    """

    varies: ClassVar[frozenset[str]] = StoringPass.varies | {"symmetric", "clipping"}

    bits: int = 4
    granularity: Granularity = "per_channel"
    group_size: int | None = None
    symmetric: bool = True
    clipping: Literal["absmax", "mse"] = "mse"
    damping: float = 0.01
    order: Order = "activation"
    inputs: Inputs = "quantized"

    def __post_init__(self) -> None:
        super().__post_init__()
        Clipping(self.clipping)  # checks it
        check_damping(self.damping)

    @property
    def needs(self) -> frozenset[str]:
        """Calibration data, for the inputs of the layers."""
        return frozenset({"calibration"})

    @property
    def format(self) -> KernelFormat:
        """How each kernel is stored."""
        return KernelFormat(
            self.bits, self.granularity, self.group_size, self.symmetric
        )

    @property
    def independent(self) -> bool:
        """Unless layers see what those before them have become."""
        return self.inputs == "float"

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with quantized layers in place of the selected ones."""
        working = copy_model(model)
        chosen = self.treated(working)
        stored = {}
        title = f"quantize {model.name}"
        with progress.bar(title, len(chosen), show=context.progress) as bar:
            for one, moments in self._moments(working, chosen, context):
                own = self.for_layer(one.path)
                stored[one.path] = own._rounded(one, moments)
                bar.advance()
        return store_kernels(model, lambda one: stored.get(one.path))

    def _moments(
        self, working: keras.Model, chosen: list[KernelLayer], context: Context
    ) -> Iterator[tuple[KernelLayer, ByKernel]]:
        """Each layer with the second moments of its inputs, from the inputs on."""
        x = given(context.calibration)
        seen = [one for one in chosen if _has_rows(one)]
        together: ByKernel = {}
        if self.inputs == "float" and seen:
            together = input_second_moments(working, seen, x)
        for one in chosen:
            if self.inputs == "quantized" and one in seen:
                yield one, input_second_moments(working, [one], x)
            else:
                yield one, together

    def _rounded(self, one: KernelLayer, moments: ByKernel) -> StoredKernels:
        """What to store for a layer, which computes with it from now on."""
        known = moments.get(one.path, {})
        stored = self.encoded(
            one, lambda view, kernel, name: self._encoded(view, kernel, known.get(name))
        )
        one.assign(
            [
                kernel_view(self.format, one.layer, name).decode(arrays)
                for name, arrays in stored.arrays.items()
            ]
        )
        return stored

    def _encoded(self, view: KernelView, kernel: Any, moments: Any) -> Arrays:
        clipping = Clipping(self.clipping)
        if moments is None:
            return view.encode(kernel, clipping)
        params = view.params(kernel, clipping)
        matrix = view.matrix(kernel)
        by_weight = [_for_each_row(one, view) for one in params]
        columns = np.array_split(np.arange(view.channels), len(moments))
        codes = [
            gptq_round(
                matrix[:, some],
                moment,
                AffineParams(*(one[:, some] for one in by_weight)),
                bits=self.bits,
                symmetric=self.symmetric,
                damping=self.damping,
                order=self.order,
            )
            for some, moment in zip(columns, moments, strict=True)
        ]
        return view.pack(view.grouped(np.concatenate(codes, axis=1)), params)


def _has_rows(one: KernelLayer) -> bool:
    return all(has_input_rows(one.layer, name) for name in one.kernel_names)


def _for_each_row(param: Any, view: KernelView) -> Any:
    """Scales or zero points of groups, written out for each weight of the matrix."""
    shape = (view.groups, view.group_size, view.channels)
    return np.broadcast_to(param, shape).reshape(-1, view.channels)[: view.rows]
