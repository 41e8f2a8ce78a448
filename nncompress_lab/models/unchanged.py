"""Layers and operations that return the values they are given, maybe in other places."""

from typing import Any

# What only training drops or adds noise to counts as given.
_SAME = {
    *("ActivityRegularization", "Cast", "Copy", "Dropout", "AlphaDropout"),
    *("ExpandDims", "Flatten", "GaussianDropout", "GaussianNoise", "GetItem"),
    *("Identity", "Masking", "Permute", "RepeatVector", "Reshape", "SpatialDropout1D"),
    *("SpatialDropout2D", "SpatialDropout3D", "Split", "Squeeze", "StopGradient"),
    *("SwapAxes", "Swapaxes", "Transpose", "Unstack"),
    *("Cropping1D", "Cropping2D", "Cropping3D", "CenterCrop", "Take"),
}
_JOINING = {"Concatenate", "Stack"}


def keeps_values(operation: Any, *, of_one_input: bool = False) -> bool:
    """Whether all that a layer or operation of Keras returns are values it was given.

    Args:
        operation: Any layer or operation.
        of_one_input: Whether it has to take them from a single tensor.
    """
    kind = type(operation)
    known = _SAME if of_one_input else _SAME | _JOINING
    return kind.__module__.partition(".")[0] == "keras" and kind.__name__ in known
