"""A pass that goes layer by layer: which layers it treats, and why not the others."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import keras

from nncompress_lab.models.kernels import KernelLayer, Reasons, Skip, kernel_layers
from nncompress_lab.models.per_layer import AS_THE_PASS_SAYS, PerLayer
from nncompress_lab.models.rewrite import replaceable_layers
from nncompress_lab.models.selection import EVERY_LAYER, Selection
from nncompress_lab.passes import Pass


@dataclass(frozen=True, kw_only=True)
class LayerPass(Pass):
    """A pass that treats the kernels of some layers, each by itself or all together.

    Subclasses say in `obstacle` what they cannot treat, and take `treated` layers.

    Args:
        select: Which layers to treat; all kernel layers by default.
        per_layer: What some layers have otherwise, by path or pattern, as in
            `{"conv1": {"bits": 8}, "dense*": {"bits": 3}}`. A pass that looks at all its
            layers together goes on doing so. Which fields there may be is `varies`.

    Raises:
        ValueError: If `per_layer` has a field that cannot differ, or a value that the
            pass does not take.
    """

    replaces: ClassVar[bool] = False
    """Whether it puts other layers in their place, which not every layer has room for."""
    takes_integers: ClassVar[bool] = False
    """Whether it also treats layers whose kernels are stored as integers."""
    varies: ClassVar[frozenset[str]] = frozenset()
    """Fields that may differ from layer to layer."""

    select: Selection = EVERY_LAYER
    per_layer: PerLayer = AS_THE_PASS_SAYS

    def variants(self) -> dict[str, Pass]:
        """The pass as each path or pattern of `per_layer` has it."""
        return {path: self._variant(path) for path in self.per_layer}

    def _variant(self, path: str) -> Self:
        fields = self.per_layer[path]
        if wrong := sorted(fields.keys() - self.varies):
            able = ", ".join(sorted(self.varies)) or "none of its fields"
            raise ValueError(
                f"`per_layer`: of {type(self).__name__} there may differ: {able}. "
                f"Received: {wrong[0]!r} for {path!r}. Give layers that differ in "
                "other fields a pass of their own, with select=."
            )
        try:
            return self.with_fields(**fields)
        except (TypeError, ValueError) as error:
            raise type(error)(f"`per_layer`, for {path!r}: {error}") from error

    def with_fields(self, **fields: Any) -> Self:
        """The pass with other values of some fields, for all layers alike."""
        return replace(self, per_layer=AS_THE_PASS_SAYS, **fields)

    def for_layer(self, path: str) -> Self:
        """The pass as it treats one layer."""
        fields = self.per_layer.of_layer(path)
        return self.with_fields(**fields) if fields else self

    @property
    def needs_graph(self) -> bool:
        """Whether it replaces layers; else the weights in them change."""
        return self.replaces

    @property
    def independent(self) -> bool:
        """Whether a layer becomes the same, whichever other layers are treated.

        Then one run of the pass on a whole model tells what it makes of each layer alone.
        """
        return False

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
