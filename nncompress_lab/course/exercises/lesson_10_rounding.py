"""Lesson 10: a gradient for rounding, by the weights and by the step."""

from typing import Any

import numpy as np
from keras import ops

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_number
from nncompress_lab.course.wording import because
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.quantization.layers.fake_quantize import straight_through
from nncompress_lab.training.gradients import gradient_of

CLOSE = 1e-5  # relative: float32 with a division and a product
SETTINGS = ((0.5, 3), (0.125, 7), (2.0, 1))  # step and largest code


def _round_straight_through(weights: Any, step: Any, qmax: int) -> Any:
    steps = ops.clip(weights / step, -qmax, qmax)
    return step * straight_through(ops.stop_gradient(ops.round(steps)), steps)


round_straight_through = Exercise(
    "round_straight_through",
    title="Straight through the rounding",
    points=3,
    hints=(
        "`keras.ops.stop_gradient(x)` is x, for whose gradient nobody asks. Which part of "
        "the computation should have none: the rounding alone.",
        "a + stop_gradient(b - a) has the value of b and the gradient of a.",
        "codes = keras.ops.clip(weights / step, -qmax, qmax); return "
        "step * (codes + keras.ops.stop_gradient(keras.ops.round(codes) - codes))",
    ),
    reference=_round_straight_through,
)


def _rounded(answer: Any, weights: list[float], step: float, qmax: int) -> Any:
    """What the answer makes of some weights, as an array."""
    tensor = ops.convert_to_tensor(weights, "float32")
    found = call(answer, tensor, step, qmax)
    try:
        array = to_numpy(ops.convert_to_tensor(found, "float32"))
    except Exception:
        array = None
    require(
        array is not None and array.shape == (len(weights),),
        f"Return a tensor with a number for each of the {len(weights)} weights, computed "
        "with `keras.ops`.",
    )
    return array


def _slopes(answer: Any, weights: list[float], step: float, qmax: int) -> Any:
    """The gradient of the sum of what the answer makes of some weights."""
    return gradient_of(lambda w: ops.sum(call(answer, w, step, qmax)), weights)


def _told(numbers: Any) -> str:
    return str([float(f"{number:.3g}") for number in np.ravel(numbers)])


@round_straight_through.check
def returns_weights_and_not_codes(answer):
    found = _rounded(answer, [0.0, 0.5, -1.0], 0.5, 3)
    require(
        not np.allclose(found, [0, 1, -2]),
        "That are the codes. A layer computes with what they stand for: multiply by the "
        "step.",
    )
    require(
        np.allclose(found, [0, 0.5, -1.0], rtol=CLOSE),
        "The weights 0, 0.5 and -1 stand on levels of the step 0.5 and stay. Received: "
        f"{_told(found)}.",
    )


@round_straight_through.check
def rounds_to_the_nearest_level(answer):
    weights = [0.2, 0.3, -0.7, -0.8, 1.1]
    found = _rounded(answer, weights, 0.5, 3)
    require(
        not np.allclose(found, weights),
        "Nothing was rounded: the value must be that of the rounded weight, and only its "
        "gradient that of the weight. Which of the two stands in `stop_gradient`?",
    )
    require(
        np.allclose(found, [0, 0.5, -0.5, -1.0, 1.0], rtol=CLOSE),
        "With the step 0.5, the weights 0.2, 0.3, -0.7, -0.8 and 1.1 become 0, 0.5, -0.5, "
        f"-1 and 1. Received: {_told(found)}.",
    )


@round_straight_through.check
def ends_at_the_largest_code(answer):
    found = _rounded(answer, [4.0, -9.0], 0.5, 3)
    require(
        np.allclose(found, [1.5, -1.5], rtol=CLOSE),
        "With the step 0.5 and codes from -3 to 3 no level is beyond 1.5 and -1.5. Of 4 "
        f"and -9 became {_told(found)}.",
    )


@round_straight_through.check
def passes_the_gradient_through(answer):
    slopes = _slopes(answer, [0.2, 0.3, -0.7], 0.5, 3)
    require(
        np.any(slopes),
        "The gradient is 0 for each weight, so that training would move none of them: a "
        "step has no slope. Let the gradient pass as if nothing had been rounded.",
    )
    require(
        np.allclose(slopes, 1, rtol=CLOSE),
        "Within the range a weight that moves by d should count as moving the result by "
        f"d: the gradient is 1. Received: {_told(slopes)}.",
    )


@round_straight_through.check
def has_no_gradient_beyond_the_range(answer):
    slopes = _slopes(answer, [4.0, -9.0, 1.2, 1.6], 0.5, 3)
    require(
        np.allclose(slopes[:3], [0, 0, 1], rtol=CLOSE),
        "The weights 4 and -9 are clipped to the ends of the range: moving them changes "
        "nothing, and their gradient is 0. That of 1.2, within the range, is 1. Received: "
        f"{_told(slopes[:3])}. What is clipped must not stand in `stop_gradient`.",
    )
    require(
        np.isclose(slopes[3], 0, atol=CLOSE),
        "The weight 1.6 lies at 3.2 steps, beyond the largest code 3, and its gradient is "
        f"0. Received: {_told(slopes[3])}. Clip before you round: rounded first, 3.2 "
        "becomes 3 and seems to be within the range.",
    )


@round_straight_through.check
def equals_the_librarys_rounding(answer):
    for step, qmax in SETTINGS:
        weights = (2 * step * qmax * generator(5).uniform(-1, 1, 40)).tolist()
        for find in (_rounded, _slopes):
            found = find(answer, weights, step, qmax)
            expected = find(_round_straight_through, weights, step, qmax)
            what = "values" if find is _rounded else "gradients"
            require(
                np.allclose(found, expected, rtol=CLOSE, atol=1e-6),
                f"With the step {step:g} and codes to {qmax}, some {what} of 40 random "
                "weights differ from the library's.",
            )


def _step_gradient(weights: Any, step: float, qmax: int, incoming: Any) -> float:
    def loss(one: Any) -> Any:
        rounded = _round_straight_through(
            ops.convert_to_tensor(weights, "float32"), one, qmax
        )
        return ops.sum(ops.convert_to_tensor(incoming, "float32") * rounded)

    factor = 1 / np.sqrt(weights.size * qmax)
    return float(factor * gradient_of(loss, np.float32(step)))


step_gradient = Exercise(
    "step_gradient",
    title="The gradient of the step",
    points=3,
    hints=(
        "Write the two cases of the formula as two arrays, and let `np.where` choose.",
        "Of a weight beyond the range the code is qmax or -qmax: `np.sign(codes) * qmax`.",
        "Sum incoming * slope over all weights, and multiply by the factor, "
        "1 / np.sqrt(weights.size * qmax).",
    ),
    reference=_step_gradient,
)


def _gradient(
    answer: Any, weights: list[Any], incoming: list[Any], step: float, qmax: int
) -> float:
    found = call(answer, np.array(weights), step, qmax, np.array(incoming))
    return require_number(found, what="The gradient of the step")


@step_gradient.check
def is_one_number(answer):
    _gradient(answer, [0.2, -0.4], [1.0, 1.0], 0.5, 3)


@step_gradient.check
def counts_the_rounding_error_within_the_range(answer):
    found = _gradient(answer, [0.8], [1.0], 0.5, 4)
    require(
        np.isclose(found, 0.2, rtol=CLOSE),
        "With the step 0.5 the weight 0.8 lies at 1.6 steps and has the code 2, so the "
        "slope is 2 - 1.6 = 0.4; for one weight and codes to 4 the factor is 1/2. That "
        f"makes 0.2. Received: {found:.4g}.",
    )


@step_gradient.check
def counts_the_largest_code_beyond_the_range(answer):
    above, below = (_gradient(answer, [w], [1.0], 0.5, 4) for w in (9.0, -7.0))
    require(
        np.isclose(above, 2, rtol=CLOSE) and np.isclose(below, -2, rtol=CLOSE),
        "A weight beyond the range stands for step * 4 or step * -4: the slopes are 4 and "
        f"-4, and the factor is 1/2. Received: {above:.4g} for 9 and {below:.4g} for -7.",
    )


@step_gradient.check
def leaves_a_weight_at_the_end_alone(answer):
    found = _gradient(answer, [2.0], [1.0], 0.5, 4)
    require(
        np.isclose(found, 0, atol=1e-6),
        "A weight that lies on the last level counts as within the range: code 4, at 4 "
        f"steps, slope 0. Received: {found:.4g}.",
    )


@step_gradient.check
def weighs_each_weight_by_its_own_gradient(answer):
    found = _gradient(answer, [0.8, 9.0], [10.0, -1.0], 0.5, 2)
    require(
        np.isclose(found, (10 * 0.4 - 2) / 2, rtol=CLOSE),
        "Slopes 0.4 and 2, gradients 10 and -1 that come in, factor 1/sqrt(2 * 2): (10 * "
        f"0.4 - 1 * 2) / 2 = 1. Received: {found:.4g}. The products are summed, not "
        "averaged.",
    )


@step_gradient.check
def equals_the_gradient_by_automatic_differentiation(answer):
    for seed, (step, qmax) in enumerate(SETTINGS):
        random = generator(20 + seed)
        weights = 1.5 * step * qmax * random.uniform(-1, 1, (9, 5))
        incoming = random.normal(size=(9, 5))
        found = call(answer, weights, step, qmax, incoming)
        expected = _step_gradient(weights, step, qmax, incoming)
        require(
            np.isclose(found, expected, rtol=1e-3, atol=1e-4),
            f"For 9 x 5 random weights, the step {step:g} and codes to {qmax}, automatic "
            f"differentiation finds {expected:.4f}. Received: {found:.4f}."
            + because(
                found,
                {
                    expected
                    * np.sqrt(45 / count): "The n of the factor is the number of "
                    "all weights, `weights.size`."
                    for count in (9, 5)
                },
            ),
        )
