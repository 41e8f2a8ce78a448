"""Trying settings out on one model, fast enough for a slider.

A pass makes a new model, which is safe and takes its time. A trial keeps one scratch copy
of a model, gives it the weights that a pass would give it, and measures. `arrays` is the
arithmetic on arrays, `pruning` the trial of magnitude pruning, `goal` what to aim at.
"""

from nncompress_lab.trials.arrays.magnitudes import Histogram, Magnitudes
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.pruning import WHOLE_MODEL, PruningTrial, Sparsities

__all__ = [
    "WHOLE_MODEL",
    "Goal",
    "Histogram",
    "Magnitudes",
    "PruningTrial",
    "Sparsities",
]
