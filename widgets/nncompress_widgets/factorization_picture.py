"""A convolution and the chain in its place, drawn to their MACs, and its filters."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncompress_lab.factorization.arrays.chain import Link
from nncompress_lab.report.formats import count
from nncompress_lab.trials.factorization import Factored
from nncompress_widgets.heat import heat
from nncompress_widgets.plot import RIGHT, picture, text

_START, _BOX = 12, 24  # the left end of a box, and its height
_KINDS: Final = ("kept", "clipped", "next", "clipped-error")
_SIDE, _GAP, _FILTERS = 36, 6, 10
_HEIGHT = 284.0
Floats = npt.NDArray[Any]


def factorization_svg(chain: Factored, kernel: Floats, *, name: str, macs: int) -> str:
    """Draw a layer, the chain below it, and some of its filters before and after.

    Args:
        chain: What stands for the layer.
        kernel: That of the layer, shape `(..., in, out)`.
        name: Of the layer.
        macs: What the layer takes for one example.

    Returns:
        An `<svg>` element with a description for screen readers.
    """
    scale = (RIGHT - _START) / max(macs, chain.macs)
    before = f"{name}: {_said(kernel.shape)}, {count(macs)} MACs"
    after = f"{len(chain.links)} layers, {count(chain.macs)} MACs"
    kept = "" if chain.shrinks else ": more than before, the layer stays as it is"
    parts = [
        text(_START, 14, before, "start"),
        _box("pruned", _START, 20, macs * scale),
        text(_START, 60, after + kept, "start"),
    ]
    x, labels = float(_START), []
    each = zip(chain.links, chain.link_macs, _KINDS, strict=False)
    for place, (link, own, kind) in enumerate(each):
        parts.append(_box(kind, x, 66, own * scale))
        x += own * scale
        y = 108 + 16 * place
        words = f"{link.name}: {_of(link)}, {count(own)} MACs"
        labels.append(words)
        parts.append(_square(kind, y))
        parts.append(text(_START + 14, y, words, "start"))
    parts += [text(_START, 186, "Filters before, and below them after", "start")]
    parts += _filters(kernel, chain.kernel, top=192)
    label = f"{before}. In its place {after}{kept}: {'; '.join(labels)}."
    return picture(parts, height=_HEIGHT, label=label)


def _box(kind: str, x: float, y: float, width: float) -> str:
    gap = min(1.0, width / 4)
    return (
        f'<rect class="nncompress-{kind}" x="{x:.2f}" y="{y}" '
        f'width="{width - gap:.2f}" height="{_BOX}"/>'
    )


def _square(kind: str, y: float) -> str:
    return (
        f'<rect class="nncompress-{kind}" x="{_START}" y="{y - 9}" width="9" '
        'height="9"/>'
    )


def _said(shape: tuple[int, ...]) -> str:
    *window, inputs, outputs = shape
    return f"{' x '.join(map(str, window))}, {inputs:,} to {outputs:,} channels"


def _of(link: Link) -> str:
    height, width, inputs, outputs = link.shape
    if link.depthwise:
        return f"depthwise {height} x {width} of {inputs:,} channels"
    return f"{height} x {width}, {inputs:,} to {outputs:,}"


def _filters(before: Floats, after: Floats, *, top: float) -> list[str]:
    """Some filters, each with the input channel that it has most of."""
    window = (*before.shape[:-2], 1)[:2]
    whole, near = (
        one.reshape(*window, *before.shape[-2:]).astype(np.float64)
        for one in (before, after)
    )
    norms = np.linalg.norm(whole, axis=(0, 1))
    outputs = np.unique(
        np.linspace(0, whole.shape[3] - 1, _FILTERS).round().astype(int)
    )
    chosen = [(int(norms[:, one].argmax()), int(one)) for one in outputs]
    reach = max(float(np.abs(whole[:, :, i, o]).max()) for i, o in chosen)
    drawn = []
    for place, (i, o) in enumerate(chosen):
        x = _START + place * (_SIDE + _GAP)
        for row, array in enumerate((whole, near)):
            y = top + row * (_SIDE + _GAP)
            drawn.append(heat(array[:, :, i, o], (x, y, _SIDE, _SIDE), reach=reach))
    return drawn
