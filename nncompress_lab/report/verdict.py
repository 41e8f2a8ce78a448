"""What a report says, in one line of words."""

from nncompress_lab.report.figures import Figures, Stage

SPOKEN_OF = 3  # metrics
LEAST = 0.01  # of the bytes: less is "as large as before"


def verdict(figures: Figures) -> str:
    """The last stage against the first: accuracy, packed file, latency.

    Returns:
        For example `"90 % zeros: accuracy -1.20 points; the packed file is 7.8x smaller;
        no measurable change in latency"`; empty if there is only one stage.
    """
    first, *others = figures.stages
    if not others:
        return ""
    last = others[-1]
    title = last.name if len(others) == 1 else f"From {first.name} to {last.name}"
    parts = [*_metrics(figures, first, last), _packed(first, last), _latency(last)]
    return f"{title}: {'; '.join(part for part in parts if part)}"


def _metrics(figures: Figures, first: Stage, last: Stage) -> list[str]:
    """The change of each of the first metrics, with its name."""
    changes = [
        (one.title, one.change(first.figure(one.name), last.figure(one.name)))
        for one in figures.setup.metrics[:SPOKEN_OF]
    ]
    return [f"{title} {change}" for title, change in changes if change]


def _packed(first: Stage, last: Stage) -> str:
    if not first.packed_bytes or not last.packed_bytes:
        return ""
    ratio = first.packed_bytes / last.packed_bytes
    if abs(ratio - 1) < LEAST:
        return "the packed file is as large as before"
    if max(ratio, 1 / ratio) < 1.1:
        change = f"{100 * abs(1 - 1 / ratio):.1f} %"
    else:
        change = f"{max(ratio, 1 / ratio):.1f}x"
    return f"the packed file is {change} {'smaller' if ratio > 1 else 'larger'}"


def _latency(last: Stage) -> str:
    if last.latency_verdict is None:
        return "latency not measured"
    if "faster" in last.latency_verdict or "slower" in last.latency_verdict:
        return last.latency_verdict
    return f"{last.latency_verdict} in latency"
