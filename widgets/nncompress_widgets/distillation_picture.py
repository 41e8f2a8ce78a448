"""What a teacher says about one image, and how hard that pulls, as a picture."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nncompress_lab.trials.arrays.teaching import Terms
from nncompress_lab.trials.distillation import Seen
from nncompress_lab.trials.figures import percent
from nncompress_widgets.image_strip import image_url
from nncompress_widgets.plot import RIGHT, line, picture, text

MOST_CLASSES = 10
_SIDE = 64  # of the image
_ROWS, _ROW = 112, 20  # where the classes begin, and how tall one is
_NAMES, _BARS = 92, 150  # where the names end, and how long the longest bar is
_MIDDLE, _REACH = 356, 70  # of the gradients
_LETTERS = 13


def distillation_svg(
    seen: Seen,
    image: npt.NDArray[np.floating] | None,
    names: Sequence[str],
    *,
    which: str,
    about: str,
) -> str:
    """Draw one image as teacher and student see it.

    Above is the image with what the two say first. For each class there are the
    probabilities of the two at the temperature, and at the right what the teacher makes
    of the student's logit, with the factor temperature² and, inside, without. Below are
    the two terms of the loss, and how hard each pulls.

    Args:
        seen: The image in question.
        image: Shape `(rows, columns)`; None if the inputs are no images.
        names: Of the classes.
        which: Names the image, for example `"Image 3 of 1,000"`.
        about: What teaches, for example `"at temperature 4"`.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    order = np.argsort(-seen.teacher, kind="stable")[:MOST_CLASSES]
    classes = sorted({*(int(one) for one in order), seen.label})
    bottom = _ROWS + _ROW * len(classes)
    said = [
        f"{who}: {names[int(np.argmax(each))]}, {percent(each.max())}"
        for who, each in (("Teacher", seen.teacher), ("Student", seen.student))
    ]
    which = f"{which}, labelled {names[seen.label]}"
    parts = [
        *_head(image, (which, f"{about[0].upper()}{about[1:]}", *said)),
        *_headings(seen.terms),
        *_classes(seen, classes, names),
        *_terms(seen, bottom + 22),
        *_lengths(seen.terms, bottom + 74),
    ]
    label = f"{which}, {about}. {'. '.join(said)}. {_pull(seen.terms)}."
    return picture(parts, height=bottom + 138, label=label)


def _head(
    image: npt.NDArray[np.floating] | None, words: Sequence[str]
) -> Iterator[str]:
    """The image, and beside it a line of text for each of the words."""
    x = 4
    if image is not None:
        place = f'x="{x}" y="4" width="{_SIDE}" height="{_SIDE}"'
        yield f'<image {place} href="{image_url(image)}"/>'
        yield f'<rect class="nncompress-frame" {place}/>'
        x += _SIDE + 10
    for row, sentence in enumerate(words):
        yield text(x, 15 + 16 * row, sentence, "start", "" if row else "strong")


def _headings(terms: Terms) -> list[str]:
    y = _ROWS - 28
    parts = [
        _box("kept", _NAMES + 8, y - 8, 9, 9),
        text(_NAMES + 20, y, "teacher", "start"),
        _box("clipped", _NAMES + 76, y - 8, 9, 9),
        text(_NAMES + 88, y, "student", "start"),
        text(_MIDDLE, y, "the teacher's pull on the logits"),
    ]
    if terms.factor != 1:
        parts += [
            _box("next", _MIDDLE - 68, y + 7, 9, 9),
            text(_MIDDLE - 56, y + 15, "times T²", "start"),
            _box("kept", _MIDDLE + 6, y + 7, 9, 9),
            text(_MIDDLE + 18, y + 15, "without", "start"),
        ]
    return parts


def _classes(seen: Seen, classes: Sequence[int], names: Sequence[str]) -> list[str]:
    terms, parts = seen.terms, []
    pulls = -terms.of_teacher[0]  # a step goes against the gradient
    reach = float(np.abs(pulls).max()) or 1.0
    longest = max(float(seen.teacher.max()), float(seen.student.max()))
    for row, place in enumerate(classes):
        y = _ROWS + row * _ROW
        is_label = place == seen.label
        name = names[place][:_LETTERS]
        words = f"▸ {name}" if is_label else name
        parts.append(text(_NAMES, y + 11, words, "end", "strong" if is_label else ""))
        for kind, share, down in (
            ("kept", seen.teacher[place], 0),
            ("clipped", seen.student[place], 8),
        ):
            width = _BARS * float(share) / longest
            parts.append(_box(kind, _NAMES + 8, y + down, max(width, 0.5), 7))
        parts.append(
            text(
                _NAMES + _BARS + 12,
                y + 11,
                f"{100 * seen.teacher[place]:.0f} %",
                "start",
            )
            if seen.teacher[place] >= 0.5 * longest
            else ""
        )
        for kind, pull in (
            ("next", pulls[place]),
            ("kept", pulls[place] / terms.factor),
        ):
            width = abs(_REACH * float(pull) / reach)
            x = _MIDDLE if pull > 0 else _MIDDLE - width
            inset = 0 if kind == "next" else 4
            parts.append(_box(kind, x, y + inset, max(width, 0.5), 15 - 2 * inset))
    bottom = _ROWS + len(classes) * _ROW
    parts.append(line("axis", _NAMES + 8, _NAMES + 8, _ROWS - 4, bottom))
    parts.append(line("axis", _MIDDLE, _MIDDLE, _ROWS - 4, bottom))
    return parts


def _terms(seen: Seen, top: float) -> list[str]:
    """The loss as one bar of its terms, and their numbers."""
    terms = seen.terms
    values = {"labels": float(terms.labels[0]), "teacher": float(terms.teacher[0])}
    if seen.features:
        values["features"] = seen.features
    total = sum(values.values())
    said = " + ".join(f"{name} {value:.2f}" for name, value in values.items())
    parts = [text(4, top, f"Loss: {said} = {total:.2f}", "start", "strong")]
    x = 4.0
    for kind, value in zip(("tied-2", "kept", "tied-3"), values.values(), strict=False):
        width = (RIGHT - 4) * value / (total or 1.0)
        parts.append(_box(kind, x, top + 8, width, 14))
        x += width
    return parts


def _lengths(terms: Terms, top: float) -> list[str]:
    """How hard each term pulls: the lengths of the gradients."""
    rows = [("labels", "tied-2", _length(terms.of_labels))]
    pull = _length(terms.of_teacher)
    if terms.factor == 1:
        rows.append(("teacher", "kept", pull))
    else:
        rows.append(("teacher, times T²", "next", pull))
        rows.append(("teacher, without", "kept", pull / terms.factor))
    longest = max(length for _, _, length in rows) or 1.0
    parts = [text(4, top, f"{_pull(terms)}:", "start")]
    for row, (name, kind, length) in enumerate(rows):
        y = top + 8 + 18 * row
        width = 230 * length / longest
        parts.append(text(116, y + 10, name, "end"))
        parts.append(_box(kind, 124, y, max(width, 0.5), 12))
        parts.append(text(130 + width, y + 10, f"{length:.3g}", "start"))
    return parts


def _pull(terms: Terms) -> str:
    if terms.factor == 1:
        return "How hard the terms pull on the logits of this image"
    return f"The factor T² makes the teacher's pull {terms.factor:g} times as hard"


def _length(gradients: npt.NDArray[np.floating]) -> float:
    return float(np.linalg.norm(gradients[0]))


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="nncompress-{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:g}"/>'
    )
