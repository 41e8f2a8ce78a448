"""A pass that stores kernels in fewer bits, whatever chooses the numbers."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import keras
import numpy as np

from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.kernels import KernelLayer, Skip, to_numpy
from nncompress_lab.quantization.arrays.codebook_format import Format
from nncompress_lab.quantization.layers.replace import (
    Arrays,
    StoredKernels,
    kernel_view,
    store_kernels,
)
from nncompress_lab.quantization.layers.stored import QUANTIZED

Encode = Callable[[Any, Any, str], Arrays]


@dataclass(frozen=True, kw_only=True)
class StoringPass(LayerPass):
    """A pass that stores the kernels of layers in fewer bits, where that saves bytes.

    Args:
        **layers: As in `LayerPass`.
    """

    replaces: ClassVar[bool] = True
    varies: ClassVar[frozenset[str]] = frozenset({"bits", "granularity", "group_size"})

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.format  # checks its numbers

    @property
    @abstractmethod
    def format(self) -> Format:
        """How each kernel is stored."""

    def obstacle(self, layer: KernelLayer) -> Skip | None:
        """It has no counterpart that decodes its kernel, or would take more bytes."""
        if type(layer.layer) not in QUANTIZED:
            return Skip.NOT_SUPPORTED
        format_ = self.for_layer(layer.path).format
        views = [kernel_view(format_, layer.layer, name) for name in layer.kernel_names]
        floats = sum(
            int(np.prod(view.shape)) * np.dtype(str(kernel.dtype)).itemsize
            for view, kernel in zip(views, layer.kernels(), strict=True)
        )
        stored = sum(view.stored_bytes for view in views)
        return Skip.WOULD_GROW if stored >= floats else None

    def with_stored(
        self, model: keras.Model, encode: Callable[[Self, Any, Any], Arrays]
    ) -> keras.Model:
        """A copy of a model whose treated layers store what their kernels encode to.

        Args:
            model: It is not changed.
            encode: Called with the pass as it treats a layer, and the view of each of its
                kernels with the kernel.
        """
        reasons = self.explain(model)

        def store(one: KernelLayer) -> StoredKernels | None:
            if reasons[one.path] is not None:
                return None
            own = self.for_layer(one.path)
            return own.encoded(one, lambda view, kernel, _: encode(own, view, kernel))

        return store_kernels(model, store)

    def encoded(self, one: KernelLayer, encode: Encode) -> StoredKernels:
        """What a layer is to store in this format; an error of `encode` names the layer.

        Args:
            one: The layer.
            encode: Called with the view of each kernel, the kernel and its name.
        """
        arrays = {}
        for name in one.kernel_names:
            view = kernel_view(self.format, one.layer, name)
            kernel = to_numpy(getattr(one.layer, name))
            try:
                arrays[name] = encode(view, kernel, name)
            except ValueError as error:
                raise ValueError(f"Cannot quantize {one.path}: {error}") from error
        return StoredKernels(self.format, arrays)
