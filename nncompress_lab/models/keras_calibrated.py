"""Layers that Keras quantized by its GPTQ or AWQ, which calibrate some of a model."""

from copy import copy
from typing import Any

from nncompress_lab.errors import UnsupportedModelError

# Where a layer says that the calibration of its mode has given it integers.
CALIBRATED = {"gptq": "is_gptq_calibrated", "awq": "is_awq_calibrated"}


def holds_layers(config: Any) -> bool:
    """Whether the configuration of such a mode says which layers it calibrates."""
    return getattr(config, "quantization_layer_structure", None) is not None


def without_layers(config: Any) -> Any:
    """The configuration of such a mode without the layers that it calibrated.

    The calibration is over, and written down they would have no end: each of them has
    this configuration.
    """
    if not holds_layers(config):
        return config
    config = copy(config)
    config.quantization_layer_structure = None
    return config


def check_calibrated(layer: Any) -> None:
    """Raise an `UnsupportedModelError` for a layer that was never calibrated.

    Keras notes the mode in all layers and calibrates those in the blocks. The others
    compute with their floats, which neither a configuration nor a file keeps.
    """
    mode = getattr(layer, "quantization_mode", None)
    if mode in CALIBRATED and not getattr(layer, CALIBRATED[mode], True):
        raise UnsupportedModelError(
            f"Layer {layer.name!r} ({type(layer).__name__}) is quantized by Keras in the "
            f"mode {mode!r} and was not calibrated, because it is in none of the blocks: "
            "its integers are zeros, and Keras saves these. Leave it out, as in "
            f"model.quantize({mode!r}, config=..., filters=...)."
        )


def check_saved(layer: Any) -> None:
    """Raise an `UnsupportedModelError` for a layer that Keras does not save as a whole.

    Keras 3.15 leaves the zero points of these modes out of the file, and then refuses it.
    """
    check_calibrated(layer)
    if getattr(layer, "quantization_mode", None) not in CALIBRATED:
        return
    saved: dict[str, Any] = {}
    layer.save_own_variables(saved)
    if len(saved) < len(layer.variables):
        raise UnsupportedModelError(
            f"Layer {layer.name!r} ({type(layer).__name__}) is quantized by Keras in the "
            f"mode {layer.quantization_mode!r}, of which this version of Keras saves "
            f"{len(saved)} of {len(layer.variables)} arrays, and cannot load the file. "
            "Quantize the float model with GPTQ or UniformQuantization instead."
        )
