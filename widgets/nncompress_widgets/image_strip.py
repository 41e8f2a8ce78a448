"""A strip of images to choose from: buttons, a page of them at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets
import numpy as np
import numpy.typing as npt

from nncompress_widgets.heat import heat_url

PAGE: Final = 9  # images that fit beside each other
_WIDTH: Final = 44  # pixels of a button
Image = npt.NDArray[Any]


class ImageStrip:
    """Buttons with images on them; each has its number below, for pages without style.

    The images do not move under the pointer: another page comes only when an image is
    shown that is not on this one.

    Args:
        count: How many images there are.
        images: Makes those of a page, from its first place and the place after its last;
            of inputs that are no images, an empty sequence.
        names: Says what those of a page are, likewise.
    """

    def __init__(
        self,
        count: int,
        images: Callable[[int, int], Sequence[Image]],
        names: Callable[[int, int], Sequence[str]],
    ) -> None:
        self._count, self._images, self._names = count, images, names
        self._start = -1
        self._style = ipywidgets.HTML(layout={"display": "none"})
        self.buttons = ipywidgets.ToggleButtons(
            style={"button_width": f"{_WIDTH}px"}, layout={"width": "auto"}
        )
        self.buttons.add_class(self._kind)
        self.buttons.add_class("nncompress-strip")
        has_images = len(images(0, 1)) > 0
        self.widgets = [self.buttons, self._style] if has_images else []

    def on_choose(self, call: Callable[[int], object]) -> None:
        """Have `call(number)` called when the user presses a button."""
        self.buttons.observe(lambda change: call(change["new"]), "value")

    def show(self, number: int) -> None:
        """Frame an image, counted from 1, on the page where it is."""
        if not self.widgets:
            return
        start = (number - 1) // PAGE * PAGE
        if start != self._start:
            self._start = start
            self._turn_to(start, min(start + PAGE, self._count))
        self.buttons.value = number

    @property
    def _kind(self) -> str:
        """A class that no other strip on the page has."""
        return f"nncompress-strip-{self.buttons.model_id}"

    def _turn_to(self, start: int, end: int) -> None:
        numbers = range(start + 1, end + 1)
        names = self._names(start, end)
        self.buttons.options = [(f"{number}", number) for number in numbers]
        self.buttons.tooltips = [
            f"Image {number}: {name}"
            for number, name in zip(numbers, names, strict=True)
        ]
        rules = [
            f".{self._kind} button:nth-child({place}) "
            f"{{ background-image: url({image_url(image)}); }}"
            for place, image in enumerate(self._images(start, end), start=1)
        ]
        self._style.value = f"<style>{' '.join(rules)}</style>"


def image_url(image: Image) -> str:
    """An image in one colour, as the address of a picture."""
    reach = float(np.abs(image).max())
    # No number may be 0: what is next to nothing is drawn next to transparent.
    return heat_url(image + 1e-6, reach=reach)
