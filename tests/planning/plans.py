"""A sensitivity made by hand, data and a clock for tests of plans."""

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.kernels import weighted_layers
from nncompress_lab.planning.sensitivity import Point, Row, Sensitivity
from nncompress_lab.testing import tiny_models

BITS = (2, 4, 8)
OPTIONS = tuple(ncl.UniformQuantization(bits=bits) for bits in BITS)
UNITS = ("conv", "hidden", "logits")


def context(model=None, **settings):
    """Random images, which a model has labelled."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(64, *tiny_models.IMAGE)).astype("float32")
    y = generator.integers(0, tiny_models.CLASSES, len(x))
    if model is not None:
        y = np.argmax(keras.ops.convert_to_numpy(model(x)), axis=1)
    data = ncl.Data(x, y)
    return ncl.Context(
        train=data, validation=data, calibration=data, progress=False, **settings
    )


def hand_made(model, options=OPTIONS, *, units=UNITS, hurts=None, fixed=0):
    """What each option saves in memory, and a loss that falls with the bytes.

    Args:
        model: Whose layers are counted.
        options: Each of which stores bits.
        units: Paths of layers.
        hurts: By how much more a unit's options move the outputs than others'.
        fixed: Bytes that each row is wrong by.
    """
    sizes = {one.path: one.size for one in ncl.select(model)}
    rows = [
        Row(
            unit=unit,
            layers=(unit,),
            option=number,
            divergence=(hurts or {}).get(unit, 1.0) * 4.0 ** -bits_of(option),
            loss=4.0 ** -bits_of(option),
            metric=-(2.0 ** -bits_of(option)),
            bytes=round(sizes[unit] * (bits_of(option) / 8 - 4)),
            packed_bytes=round(sizes[unit] * (bits_of(option) / 8 - 3.7)) + fixed,
            macs=0,
        )
        for unit in units
        for number, option in enumerate(options)
    ]
    return Sensitivity(
        model=model.name,
        metric="accuracy",
        mode="max",
        examples=64,
        original=original(model),
        options=tuple(options),
        rows=tuple(rows),
        is_fraction=True,
    )


def original(model):
    sizes = measure.file_sizes(model)
    return Point(
        loss=0.1,
        metric=1.0,
        bytes=measure.bytes_in_memory(model),
        packed_bytes=sizes.packed,
        keras_bytes=sizes.keras,
        macs=measure.macs(model),
    )


def milliseconds(model):
    """A microsecond for each layer with weights, and one for 200 multiplications."""
    return 1e-3 * (len(list(weighted_layers(model))) + measure.macs(model) / 200)


def bits_of(option):
    return next(
        (one.bits for one in ncl.pipeline(option).passes if hasattr(one, "bits")), 32
    )
