"""The pictures of the lessons, in one style, so that code cells hold the ideas only.

Each function draws one kind of picture and shows it in the running cell. The background
is transparent and the text of a middle grey, so that it is legible on light and on dark
pages; the title says what to see, and with the numbers it is the alt text.
"""

from nncompress_lab.course.figures.budget import budget
from nncompress_lab.course.figures.charts import (
    bars,
    curves,
    dots,
    images,
    matrices,
    panels,
    shares,
    sliding_kernel,
    times,
)
from nncompress_lab.course.figures.codebook import cells, code_counts, rates, rounds
from nncompress_lab.course.figures.grid import grid
from nncompress_lab.course.figures.intervals import intervals
from nncompress_lab.course.figures.low_rank import spectra, thin
from nncompress_lab.course.figures.results import points
from nncompress_lab.course.figures.rounding import levels, staircase
from nncompress_lab.course.figures.style import Picture

__all__ = [
    "Picture",
    "bars",
    "budget",
    "cells",
    "code_counts",
    "curves",
    "dots",
    "grid",
    "images",
    "intervals",
    "levels",
    "matrices",
    "panels",
    "points",
    "rates",
    "rounds",
    "shares",
    "sliding_kernel",
    "spectra",
    "staircase",
    "thin",
    "times",
]
