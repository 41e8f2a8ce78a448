"""A training that prunes: the hole in the weights, and two curves, as an SVG picture."""

from collections.abc import Sequence

from nncompress_lab.trials.arrays.magnitudes import Histogram
from nncompress_lab.trials.figures import percent
from nncompress_lab.trials.over_time import Moment
from nncompress_widgets.plot import LEFT, RIGHT, Plot, legend, line, picture, text

HEIGHT = 400
_TOP, _BOTTOM = 22, 158  # the histogram inside the picture
_HIGH, _LOW = 226, 360  # the curves
_HEAD = 14
_PERCENTS = (0, 25, 50, 75, 100)


def over_time_svg(
    before: Histogram,
    moments: Sequence[Moment],
    *,
    shown: int,
    steps: int,
    planned: Sequence[tuple[int, float]],
    at_once: float | None,
) -> str:
    """Draw one moment of a training above the curves of the whole of it.

    Args:
        before: The weights of the original.
        moments: What is known of the training, in order.
        shown: Which of them the histogram and the mark show.
        steps: How long the training is.
        planned: Steps and the sparsity that the schedule wants there.
        at_once: The accuracy of the model that is pruned as far without training, if it
            is known.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    moment = moments[shown]
    label = (
        f"After {moment.step} of {steps} updates {percent(moment.zeros)} of the weights "
        f"are zero and the accuracy is {percent(moment.accuracy)}."
    )
    if at_once is not None:
        label += f" Pruned at once, without training, it is {percent(at_once)}."
    parts = [
        *_hole(before, moment),
        *_axes(steps),
        *_curves(moments, steps, planned, at_once),
    ]
    x = _x(moment.step, steps)
    parts.append(line("tick", x, x, _HIGH, _LOW))
    return picture(parts, height=HEIGHT, label=label)


def _hole(before: Histogram, moment: Moment) -> list[str]:
    """The original's bars, and in front of them those of the weights that are left."""
    plot = Plot.of(before, top=_TOP, bottom=_BOTTOM)
    left, bars = plot.bars(moment.histogram), plot.bars(before)
    words = f"weights after {moment.step} updates; {percent(moment.zeros)} are zero"
    return [
        text(4, _HEAD, "count (√ scale)", "start"),
        legend([("kept", "not zero"), ("pruned", "original")], _HEAD),
        plot.count_axis(),
        plot.window(bars, "pruned", LEFT, RIGHT),
        plot.window(left, "kept", LEFT, RIGHT),
        plot.number_axis(words),
    ]


def _curves(
    moments: Sequence[Moment],
    steps: int,
    planned: Sequence[tuple[int, float]],
    at_once: float | None,
) -> list[str]:
    plan = _path([(_x(step, steps), _y(part)) for step, part in planned])
    accuracies = [(_x(one.step, steps), _y(one.accuracy)) for one in moments]
    return [
        f'<polyline class="nncompress-path" points="{plan}"/>',
        *[_dot("kept", _x(one.step, steps), _y(one.zeros)) for one in moments],
        f'<polyline class="nncompress-accuracy" points="{_path(accuracies)}"/>',
        *[_dot("clipped", *place) for place in accuracies],
        *_level(at_once),
        legend([("clipped", "accuracy"), ("kept", "zeros")], _HIGH - 10),
    ]


def _level(at_once: float | None) -> list[str]:
    if at_once is None:
        return []
    y = _y(at_once)
    words = text(RIGHT, y + 13, "accuracy, pruned at once", "end")
    return [line("threshold", LEFT, RIGHT, y, y), words]


def _axes(steps: int) -> list[str]:
    marks = [
        line("grid", LEFT, RIGHT, _y(part / 100), _y(part / 100)) for part in _PERCENTS
    ]
    marks += [
        text(LEFT - 6, _y(part / 100) + 3.5, f"{part} %", "end") for part in _PERCENTS
    ]
    quarters = [round(part * steps / 4) for part in range(5)]
    marks += [text(_x(step, steps), _LOW + 16, str(step)) for step in quarters]
    words = "updates of the weights; the thin line is the schedule"
    return [*marks, text((LEFT + RIGHT) / 2, _LOW + 33, words)]


def _dot(kind: str, x: float, y: float) -> str:
    return f'<circle class="nncompress-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'


def _path(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _x(step: float, steps: int) -> float:
    return LEFT + step / max(steps, 1) * (RIGHT - LEFT)


def _y(part: float) -> float:
    return _LOW - part * (_LOW - _HIGH)
