"""The same model in another float type."""

from typing import Any, Literal, get_args

import keras

from nncompress_lab.errors import check_choice
from nncompress_lab.models.copying import copy_weights
from nncompress_lab.models.rewrite import check_model

FloatType = Literal["float32", "bfloat16", "float16"]
FLOAT_TYPES: tuple[FloatType, ...] = get_args(FloatType)


def in_dtype(model: keras.Model, dtype: FloatType) -> keras.Model:
    """A copy of a model that stores its floats in another type and computes in it.

    Half as many bits are half as many bytes to read; bfloat16 keeps the range of float32
    and float16 more digits. Integers that a quantized layer stores stay as they are.
    Keras itself computes what would overflow, such as normalization, in float32.

    Args:
        model: A built functional or sequential model.
        dtype: `"float32"`, `"bfloat16"` or `"float16"`.

    Returns:
        A new model that shares nothing with `model` and is not compiled.

    Raises:
        ValueError: If `dtype` is none of these.
        UnsupportedModelError: If it is not a built Keras 3 model of known layers.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> in_dtype(model, "bfloat16").layers[0].compute_dtype
        'bfloat16'

    References:
        Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training", 2019, section 3.
        https://arxiv.org/abs/1905.12322
    """
    check_choice("dtype", dtype, FloatType)
    check_model(model)
    kind = keras.Sequential if isinstance(model, keras.Sequential) else keras.Model
    clone = kind.from_config(_with_policy(model.get_config(), dtype))
    copy_weights(model, clone)
    return clone


def _with_policy(config: Any, dtype: str) -> Any:
    """A configuration in which every layer, at any depth, has one dtype policy."""
    if isinstance(config, list | tuple):
        return type(config)(_with_policy(one, dtype) for one in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return {**config, "config": {**config["config"], "name": dtype}}
    return {key: _with_policy(value, dtype) for key, value in config.items()}
