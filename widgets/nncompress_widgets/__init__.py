"""Controls for notebooks: sliders that move a real model.

    from nncompress_widgets import Goal, PruningExplorer

    PruningExplorer(model, data, goal=Goal(sparsity=0.8, max_drop=0.02))

A control is an ordinary ipywidget whose state is in traits, so that a program can move it
as a hand does. The arithmetic is in `nncompress_lab.trials`.
"""

from nncompress_lab.trials import Goal
from nncompress_widgets.pruning_explorer import PruningExplorer

__all__ = ["Goal", "PruningExplorer"]
