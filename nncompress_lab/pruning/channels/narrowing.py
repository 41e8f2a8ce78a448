"""Layers with fewer channels: the same class, shorter axes, weights sliced."""

from typing import Any

from nncompress_lab.models.channels.arrays.units import Mask, take
from nncompress_lab.models.channels.flow import LayerChannels
from nncompress_lab.models.channels.widths import ShapeOf, Widths
from nncompress_lab.models.cloning import cloned
from nncompress_lab.models.kernels import to_numpy


class Narrowing(Widths):
    """Makes narrower layers once it is known which channels stay."""

    def __call__(self, layer: Any) -> Any | None:
        """A built layer in place of `layer`, or None if it loses nothing."""
        entry = self.flow.layers.get(id(layer))
        if entry is None:
            return None
        axes = self.axes(layer)
        channels = [*entry.inputs.values(), *([entry.output] if entry.output else [])]
        cut = [mask for one in axes.values() for _, mask in one]
        cut += [self.kept[one.units] for one in channels]
        return None if all(mask.all() for mask in cut) else self._narrowed(entry, axes)

    def _narrowed(
        self, entry: LayerChannels, axes: dict[int, list[tuple[int, Mask]]]
    ) -> Any:
        layer = entry.layer
        narrow = cloned(layer, **self.settings(entry))
        if not narrow.built:
            narrow.build(**self._build_shapes(entry, self.shape_of(layer)))
        for source, target in zip(layer.variables, narrow.variables, strict=True):
            target.assign(take(to_numpy(source), axes.get(id(source), [])))
        return narrow

    def _build_shapes(self, entry: LayerChannels, shape_of: ShapeOf) -> dict[str, Any]:
        config = entry.layer.get_build_config()
        if "shapes_dict" not in config:
            return {
                "input_shape": self.shape(config["input_shape"], entry.inputs[0], 0)
            }
        return {
            name: (*shape[:-1], shape_of(_projection(entry.layer, name).kernel)[0])
            for name, shape in config["shapes_dict"].items()
        }


def _projection(attention: Any, shape_name: str) -> Any:
    return getattr(attention, f"_{shape_name.removesuffix('_shape')}_dense")
