"""Controls for notebooks: sliders that move a real model.

    from nncompress_widgets import Goal, PruningExplorer

    PruningExplorer(model, data, goal=Goal(zeros=0.8, accuracy_drop=0.02))

`QuantizationExplorer`, `CodebookExplorer`, `ChannelExplorer`, `LowRankExplorer`,
`FactorizationExplorer` and `PlanExplorer` are called alike; `DistillationExplorer` takes a
student, too.
A control is an ordinary ipywidget whose state is in traits, so that a program can move it
as a hand does. The arithmetic is in `nncompress_lab.trials`.
"""

from nncompress_lab.trials.goal import Goal
from nncompress_widgets.channel_explorer import ChannelExplorer
from nncompress_widgets.codebook_explorer import CodebookExplorer
from nncompress_widgets.compression_studio import CompressionStudio
from nncompress_widgets.distillation_explorer import DistillationExplorer
from nncompress_widgets.factorization_explorer import FactorizationExplorer
from nncompress_widgets.low_rank_explorer import LowRankExplorer
from nncompress_widgets.plan_explorer import PlanExplorer
from nncompress_widgets.pruning_explorer import PruningExplorer
from nncompress_widgets.quantization_explorer import QuantizationExplorer

__all__ = [
    "ChannelExplorer",
    "CodebookExplorer",
    "CompressionStudio",
    "DistillationExplorer",
    "FactorizationExplorer",
    "Goal",
    "LowRankExplorer",
    "PlanExplorer",
    "PruningExplorer",
    "QuantizationExplorer",
]
