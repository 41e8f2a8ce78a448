"""A pass that goes layer by layer: which layers it treats, and why not the others."""

from dataclasses import dataclass
from typing import ClassVar

import keras

from nncompress_lab.models.kernels import KernelLayer, Reasons, Skip, kernel_layers
from nncompress_lab.models.rewrite import replaceable_layers
from nncompress_lab.models.selection import EVERY_LAYER, Selection
from nncompress_lab.passes import Pass


@dataclass(frozen=True, kw_only=True)
class LayerPass(Pass):
    """A pass that treats the kernels of some layers, each by itself or all together.

    Subclasses say in `obstacle` what they cannot treat, and take `treated` layers.

    Args:
        select: Which layers to treat; all kernel layers by default.
    """

    replaces: ClassVar[bool] = False
    """Whether it puts other layers in their place, which not every layer has room for."""
    takes_integers: ClassVar[bool] = False
    """Whether it also treats layers whose kernels are stored as integers."""

    select: Selection = EVERY_LAYER

    @property
    def needs_graph(self) -> bool:
        """Whether it replaces layers; else the weights in them change."""
        return self.replaces

    def obstacle(self, layer: KernelLayer) -> str | None:
        """Why a layer that is selected cannot be treated; None if it can."""
        return None

    def explain(self, model: keras.Model) -> Reasons:
        """For each layer with weights: None if it is treated, else why it is not."""
        reasons = self.select.explain(model, integers=self.takes_integers)
        replaceable = replaceable_layers(model) if self.replaces else set()
        for one in kernel_layers(model):
            if reasons[one.path] is None:
                fixed = self.replaces and id(one.layer) not in replaceable
                otherwise = Skip.NOT_REPLACEABLE if fixed else None
                reasons[one.path] = self.obstacle(one) or otherwise
        return reasons

    def treated(
        self, model: keras.Model, reasons: Reasons | None = None
    ) -> list[KernelLayer]:
        """The kernel layers that are treated, in the order of the model.

        Args:
            model: A built Keras model.
            reasons: If other than `explain` gives, None for each layer to take.
        """
        reasons = self.explain(model) if reasons is None else reasons
        return [one for one in kernel_layers(model) if reasons[one.path] is None]
