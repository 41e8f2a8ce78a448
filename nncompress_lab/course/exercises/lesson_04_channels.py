"""Lesson 04: a scale for each output channel."""

from typing import Any

import numpy as np

from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.course.exercises.lesson_04_levels import BITS, CLOSE, random_kernel
from nncompress_lab.quantization.arrays.affine import affine_params


def _channel_scales(kernel: Any, bits: int) -> Any:
    axes = tuple(range(kernel.ndim - 1))
    return affine_params(kernel, bits=bits, axis=axes).scale


channel_scales = Exercise(
    "channel_scales",
    title="One scale for each output channel",
    points=2,
    hints=(
        "The largest magnitude of each output: `np.max` over every axis but the last. "
        "Which tuple of axes is that for a kernel with `kernel.ndim` axes?",
        "`keepdims=True` keeps axes of length 1, so that the result divides the kernel.",
        "largest = np.max(np.abs(kernel), axis=tuple(range(kernel.ndim - 1)), "
        "keepdims=True), then divide by 2**(bits - 1) - 1, and np.where for the zeros.",
    ),
    reference=_channel_scales,
)


def _scales(answer: Any, kernel: Any, bits: int) -> Any:
    scales = call(answer, kernel, bits)
    require(
        np.ndim(scales) > 0,
        f"A scale for each output is an array. Received: {scales!r}.",
    )
    return require_array(
        np.asarray(scales),
        shape=(1,) * (kernel.ndim - 1) + kernel.shape[-1:],
        what="The scales, for a kernel of shape "
        f"{kernel.shape} with its outputs on the last axis,",
    )


@channel_scales.check
def is_one_scale_an_output(answer):
    _scales(answer, random_kernel(6, 4, seed=3), 8)


@channel_scales.check
def works_for_convolutions(answer):
    _scales(answer, random_kernel(3, 3, 2, 5, seed=4), 8)


@channel_scales.check
def counts_negative_weights(answer):
    scales = _scales(answer, np.array([[1.0, 0.5], [-7.0, 0.25]]), 4)
    require(
        np.allclose(scales, [[1.0, 0.5 / 7]], rtol=CLOSE),
        "4 symmetric bits hold -7 to 7, so a channel whose largest magnitude is 7 has the "
        f"scale 1 and one of 0.5 has 0.0714. Received: {np.round(scales, 4).tolist()}. "
        "Is there an `abs`, and the largest code 2**(bits - 1) - 1?",
    )


@channel_scales.check
def never_divides_by_zero(answer):
    scales = _scales(answer, np.array([[0.0, 7.0], [0.0, 1.0]]), 4)
    require(
        scales[0, 0] == 1,
        "A channel of zeros gets the scale 1: whoever divides by its scale must not "
        f"divide by zero. Received: {scales[0, 0]:g}.",
    )


@channel_scales.check
def equals_the_librarys_scales(answer):
    for shape, seed in (((8, 5), 5), ((3, 2, 4, 6), 6), ((40, 3), 7)):
        kernel = random_kernel(*shape, seed=seed)
        for bits in BITS:
            scales = _scales(answer, kernel, bits)
            require(
                np.allclose(scales, _channel_scales(kernel, bits), rtol=CLOSE),
                f"For a kernel of shape {shape} at {bits} bits some scales differ from "
                "the library's: the largest magnitude of each output, divided by "
                "2**(bits - 1) - 1.",
            )
