"""What the passes share that set single kernel weights to zero."""

from dataclasses import dataclass
from typing import Any, Final

import keras

from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.kernels import KernelLayer, Reasons, without_depthwise
from nncompress_lab.models.selection import EVERY_LAYER, Selection

PRUNABLE: Final = Selection(depthwise=False)


@dataclass(frozen=True, kw_only=True)
class WeightPruning(LayerPass):
    """A pass that sets single kernel weights to zero.

    A sparsity counts the weights of the kernels that are pruned. Depthwise kernels are
    not, unless a selection is given: they hold few weights, nine for a channel, and a
    channel that loses most of them is lost.

    Args:
        select: Which layers to prune; by default all kernels that are not depthwise. A
            selection takes these in, unless it says `depthwise=False`.
    """

    select: Selection = PRUNABLE

    @classmethod
    def as_written(cls, settings: dict[str, Any], written: int) -> dict[str, Any]:
        """Before format 2, depthwise kernels were pruned, too."""
        return {"select": EVERY_LAYER, **settings} if written == 1 else settings

    def treated(
        self, model: keras.Model, reasons: Reasons | None = None
    ) -> list[KernelLayer]:
        """The layers that are pruned, each with those of its kernels that are."""
        return pruned_kernels(super().treated(model, reasons), self.select)


def pruned_kernels(layers: list[KernelLayer], select: Selection) -> list[KernelLayer]:
    """Selected layers with those of their kernels that are pruned.

    Of a SeparableConv that is the pointwise kernel alone if depthwise ones stay.
    """
    return layers if select.depthwise else [without_depthwise(one) for one in layers]
