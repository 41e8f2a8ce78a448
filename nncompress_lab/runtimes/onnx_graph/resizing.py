"""Images in other sizes, and layers that change images only in training."""

from collections.abc import Sequence

import keras
import numpy as np

from nncompress_lab.runtimes.onnx_graph import geometry
from nncompress_lab.runtimes.onnx_graph.converters import Call, layer
from nncompress_lab.runtimes.onnx_graph.graph import Value

# How TensorFlow, JAX and torch place pixels, in the words of ONNX.
HOW = {
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear"},
}
RANDOM = tuple(
    name
    for name in dir(keras.layers)
    if name.startswith("Random") and name != "RandomCrop"
)


def resized(call: Call, value: Value, sizes: Sequence[int], how: str) -> str:
    """An image, its channels behind the batch, in other sizes."""
    if how not in HOW:
        raise call.refuse(f"interpolation={how!r}; {' and '.join(HOW)} are covered.")
    graph = call.graph
    batch = graph.op("Shape", value.name, start=0, end=2)
    wanted = graph.op("Concat", batch, graph.integers(*sizes), axis=0)
    place = {"coordinate_transformation_mode": "half_pixel"}
    return graph.op("Resize", value.name, "", "", wanted, **HOW[how], **place)


@layer("Resizing")
def resizing(call: Call) -> Value:
    """One size for all images."""
    one = call.layer
    if one.crop_to_aspect_ratio or one.pad_to_aspect_ratio or one.antialias:
        raise call.refuse("it keeps the aspect ratio or smooths.")
    name = resized(
        call, geometry.image(call), (one.height, one.width), one.interpolation
    )
    return geometry.image_result(call, name)


@layer("CenterCrop")
def center_crop(call: Call) -> Value:
    """The middle of an image that is large enough."""
    one, value = call.layer, geometry.image(call)
    sizes, wanted = geometry.spatial(call, value), (one.height, one.width)
    if any(size is None or size < new for size, new in zip(sizes, wanted, strict=True)):
        raise call.refuse(
            f"its input of {sizes} is smaller than {wanted} or not fixed."
        )
    starts = [
        (int(size or 0) - new) // 2 for size, new in zip(sizes, wanted, strict=True)
    ]
    ends = [start + new for start, new in zip(starts, wanted, strict=True)]
    numbers = (call.graph.integers(*each) for each in (starts, ends, (2, 3)))
    name = call.graph.op("Slice", value.name, *numbers)
    return geometry.image_result(call, name)


@layer(*RANDOM, "MixUp", "CutMix", "AugMix", "RandAugment")
def only_in_training(call: Call) -> Value:
    """What does nothing in inference is not written."""
    return call.value


@layer("UpSampling1D", "UpSampling2D", "UpSampling3D")
def up_sampling(call: Call) -> Value:
    """Each pixel several times, or what lies between pixels."""
    one = call.layer
    how = getattr(one, "interpolation", "nearest")
    if not hasattr(one, "data_format"):
        value = call.graph.channels_first(call.value)
        return call.result(_repeated(call, value, one.size), channels_first=True)
    value = geometry.image(call)
    if how == "nearest":
        return geometry.image_result(call, _repeated(call, value, one.size))
    sizes = geometry.spatial(call, value)
    if None in sizes:
        raise call.refuse(f"sizes of its input {sizes} are not fixed.")
    pairs = zip(sizes, one.size, strict=True)
    larger = [int(size or 0) * factor for size, factor in pairs]
    return geometry.image_result(call, resized(call, value, larger, how))


def _repeated(call: Call, value: Value, size: int | Sequence[int]) -> str:
    sizes = size if isinstance(size, tuple | list) else (size,)
    scales = call.graph.constant(np.array([1, 1, *sizes], np.float32), "scales")
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return call.graph.op("Resize", value.name, "", scales, mode="nearest", **how)
