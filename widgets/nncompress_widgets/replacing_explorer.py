"""What controls share that put several smaller layers in the place of one."""

import traitlets

from nncompress_widgets.target_explorer import TargetExplorer


class ReplacingExplorer(TargetExplorer):
    """A control whose picture shows one layer, and how far it then is from what it was.

    Its view has `errors`, those of the picture: in the weights, and in the outputs, which
    is None where there are none to measure.

    Attributes:
        weight_error: How far the kernel in the picture is from the layer's: the norm of
            the difference over that of the kernel; read-only.
        output_error: The same of what the layer computes on real images, or of the
            weights where it sees none; read-only.
    """

    COST = "macs"

    weight_error = traitlets.Float(read_only=True)
    output_error = traitlets.Float(read_only=True)

    def _draw(self) -> None:
        super()._draw()
        weights, outputs = self._view.errors
        self.set_trait("weight_error", weights)
        self.set_trait("output_error", weights if outputs is None else outputs)
