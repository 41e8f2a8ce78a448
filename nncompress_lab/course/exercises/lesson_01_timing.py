"""Lesson 01, its second half: speed-ups and verdicts from noisy times."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_number
from nncompress_lab.course.wording import because, in_words

TWINS_TOLERANCE = 0.03
DOUBLE_TOLERANCE = 0.1
LEAST = " Which block of each array was disturbed least?"
FASTER, SLOWER, NO_CHANGE = "faster", "slower", "no measurable change"


def _speedup(times_before: Any, times_after: Any) -> float:
    return float(times_before.min() / times_after.min())


speedup = Exercise(
    "speedup",
    title="A speed-up that noise cannot fake",
    points=3,
    hints=(
        "Other programs make a block slower and never faster. Which block of each "
        "array was disturbed least?",
        "The smallest time of an array comes nearest to what the model needs. Compare "
        "the two smallest times.",
        "times_before.min() / times_after.min()",
    ),
    reference=_speedup,
)


def _busy(milliseconds: float, *, seed: int, disturbed: float, blocks: int = 40) -> Any:
    """Times of blocks on a machine where most blocks are disturbed, by any amount."""
    rng = generator(seed)
    slow = rng.exponential(1.5, size=blocks)
    slow[0] += 3  # the first block warms up
    slow[rng.permutation(blocks - 1)[: round((1 - disturbed) * blocks)] + 1] = 0
    return milliseconds * (1 + 0.01 * rng.random(blocks) + slow)


def _ratio(answer: Any, before: Any, after: Any) -> float:
    return require_number(call(answer, before, after), what="The speed-up")


def _causes(before: Any, after: Any) -> dict[float, str]:
    """What a usual mistake makes of these times, and what to say about it."""
    middle = (
        "Most blocks are disturbed, and a mean or a median of them measures the "
        "disturbance."
    )
    pairs = (
        "The blocks of a pair are not disturbed alike: do not divide block by block."
    )
    whole = "Do not round the ratio."
    ratios, best = before / after, before.min() / after.min()
    return {
        float(before.mean() / after.mean()): middle,
        float(np.median(before) / np.median(after)): middle,
        float(before[1:].mean() / after[1:].mean()): middle,
        float(ratios.mean()): pairs,
        float(np.median(ratios)): pairs,
        float(ratios.min()): pairs,
        float(ratios.max()): pairs,
        float(int(best)): whole,
    }


@speedup.check
def is_above_one_when_faster(answer):
    received = _ratio(answer, np.full(4, 2.0), np.full(4, 1.0))
    causes = {
        0.5: "Above 1 means faster: is the ratio upside down, or what was saved?",
        1.0: "A difference has a unit; a speed-up is a ratio.",
    }
    require(
        received == 2,
        "2 ms before and 1 ms after, in every block, is a speed-up of 2. Received: "
        f"{received:g}.{because(received, causes)}",
    )


@speedup.check
def looks_past_the_first_block(answer):
    before, after = np.array([9.0, 2.0, 2.0, 2.0]), np.array([3.0, 1.0, 1.0, 1.0])
    received = _ratio(answer, before, after)
    require(
        received != 3,
        "3 is the ratio of the first blocks. They are the slowest, because memory and "
        "caches are still cold: look at all blocks, and not for the slowest one.",
    )


@speedup.check
def finds_twins_equal(answer):
    for seed in range(4):
        before = _busy(3.7, seed=seed, disturbed=0.6)
        after = _busy(3.7, seed=seed + 10, disturbed=0.75)
        received = _ratio(answer, before, after)
        require(
            abs(received - 1) <= TWINS_TOLERANCE,
            "Both arrays are times of the same model on a busy machine, so the "
            f"speed-up is 1. Received: {received:.2f}."
            f"{because(received, _causes(before, after)) or LEAST}",
        )


@speedup.check
def finds_a_doubling(answer):
    for seed in range(4):
        before = _busy(0.8, seed=seed + 20, disturbed=0.7)
        after = _busy(0.4, seed=seed + 30, disturbed=0.6, blocks=30)
        received = _ratio(answer, before, after)
        require(
            abs(received - 2) <= DOUBLE_TOLERANCE,
            "The second model needs half of the first one's time, so the speed-up is 2. "
            f"Received: {received:.2f}.",
        )


def _verdict(ratio: float, band: float) -> str:
    if max(ratio, 1 / ratio) - 1 <= band:
        return NO_CHANGE
    return FASTER if ratio > 1 else SLOWER


verdict = Exercise(
    "verdict",
    title="Faster, or only noise?",
    points=2,
    hints=(
        "First ask whether the ratio is inside the band; only if it is outside ask on "
        "which side.",
        "1.25 times faster one way is 1 / 1.25 = 0.8 the other way. So look at the "
        "larger of `ratio` and `1 / ratio`.",
        'If max(ratio, 1 / ratio) - 1 <= band it is "no measurable change".',
    ),
    reference=_verdict,
)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _said(answer: Any, ratio: float, band: float) -> str:
    said = call(answer, ratio, band)
    words = (FASTER, SLOWER, NO_CHANGE)
    require(
        isinstance(said, str) and said in words,
        f"The verdict is one of {', '.join(map(repr, words))}, written like this. "
        f"Received: {in_words(said)}.",
    )
    return str(said)


@verdict.check
def tells_faster_from_slower(answer):
    said = _said(answer, 2.0, 0.05), _said(answer, 0.5, 0.05)
    require(
        said == (FASTER, SLOWER),
        "With noise of 5 %, the ratio 2 (half the time) is faster and 0.5 is slower. "
        f"Received: {said[0]!r} and {said[1]!r}.",
    )


@verdict.check
def takes_noise_for_no_change(answer):
    for ratio, band in ((1.02, 0.05), (0.98, 0.05), (1.0, 0.0)):
        said = _said(answer, ratio, band)
        require(
            said == NO_CHANGE,
            f"The same model measured twice differs by up to {_percent(band)} here, so the "
            f"ratio {ratio:g} is no measurable change. Received: {said!r}.",
        )


@verdict.check
def judges_small_changes_too(answer):
    said = _said(answer, 1.08, 0.05), _said(answer, 0.92, 0.05)
    require(
        said == (FASTER, SLOWER),
        "8 % is outside of a band of 5 %, so 1.08 is faster and 0.92 slower. Received: "
        f"{said[0]!r} and {said[1]!r}.",
    )


@verdict.check
def is_the_same_from_both_sides(answer):
    mirrored = {FASTER: SLOWER, SLOWER: FASTER, NO_CHANGE: NO_CHANGE}
    for ratio, band in ((1.3, 0.25), (1.06, 0.058), (3.0, 0.1)):
        one, other = _said(answer, ratio, band), _said(answer, 1 / ratio, band)
        require(
            mirrored[one] == other,
            f"With a band of {_percent(band)}, A is {one!r} against B at the ratio "
            f"{ratio:g}, and B is {other!r} against A at {1 / ratio:.3f}. The two must "
            "mirror each other: treat `ratio` and `1 / ratio` alike.",
        )


@verdict.check
def keeps_to_the_band(answer):
    rng = generator(1)
    for band, factor in zip(rng.uniform(0.05, 0.6, 8), (0.97, 1.03) * 4, strict=True):
        ratio = 1 + float(band * factor)
        for each in (ratio, 1 / ratio):
            said, expected = (
                _said(answer, each, float(band)),
                _verdict(each, float(band)),
            )
            require(
                said == expected,
                f"With a band of {_percent(band)} the ratio {each:.3f} is {expected!r}: "
                f"one model needs {_percent(ratio - 1)} more time than the other. "
                f"Received: {said!r}.",
            )


def _fastest(milliseconds: dict[str, float], band: float) -> list[str]:
    best = min(milliseconds.values())
    by_time = sorted(milliseconds, key=lambda name: milliseconds[name])
    return [name for name in by_time if milliseconds[name] / best - 1 <= band]


fastest = Exercise(
    "fastest",
    title="★ Who may be the fastest?",
    points=2,
    hints=(
        "You know a rule for two models. Which model is each of the others compared with?",
        "A time is within the noise if it is at most `band` longer than the smallest, as "
        "a fraction of it. `sorted(names, key=...)` orders names by their times.",
    ),
    reference=_fastest,
)


def _names(answer: Any, milliseconds: dict[str, float], band: float) -> list[Any]:
    names = call(answer, milliseconds, band)
    require(
        isinstance(names, list | tuple) and all(isinstance(n, str) for n in names),
        f"Return a list of names. Received: {in_words(names)}.",
    )
    return list(names)


def _require_names(
    answer: Any, milliseconds: dict[str, float], band: float, why: str
) -> None:
    received, expected = (
        _names(answer, milliseconds, band),
        _fastest(milliseconds, band),
    )
    require(
        received == expected,
        f"For {milliseconds} and a band of {_percent(band)} the answer is {expected}: "
        f"{why} Received: {received}.",
    )


@fastest.check
def keeps_what_is_within_the_noise(answer):
    times = {"a": 1.0, "b": 1.04, "c": 1.5}
    _require_names(answer, times, 0.05, "b is within the noise of a, and c is not.")


@fastest.check
def takes_the_band_for_a_fraction(answer):
    times = {"a": 40.0, "b": 41.0, "c": 43.0}
    _require_names(answer, times, 0.05, "5 % of 40 ms are 2 ms.")


@fastest.check
def orders_by_time(answer):
    times = {"c": 2.06, "a": 2.0, "d": 9.0, "b": 2.04}
    _require_names(answer, times, 0.1, "the smallest time comes first.")


@fastest.check
def obeys_the_band(answer):
    times = {"e": 0.7, "c": 0.31, "a": 0.25, "d": 0.5, "b": 0.3125}
    for band in (0.0, 0.02, 0.25, 0.9, 3.0):
        _require_names(answer, times, band, "equal to the band is within it.")


@fastest.check
def orders_by_time_and_not_by_name(answer):
    rng = generator(1)
    for band in (0.1, 0.7):
        factors = rng.permutation([1.0, 1 + 0.5 * band, 1 + 0.9 * band, 1 + 1.2 * band])
        times = dict(zip("dacb", np.round(7 * factors, 2).tolist(), strict=True))
        why = "the smallest time comes first, and what is within the band of it counts."
        _require_names(answer, times, band, why)
