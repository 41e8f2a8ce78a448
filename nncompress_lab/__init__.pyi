"""The public names: where each one lives. Read at run time too; see `__init__.py`."""

from . import (
    data as data,
    measure as measure,
    runtimes as runtimes,
    testing as testing,
    zoo as zoo,
)
from .compression import Compression as Compression, compress as compress
from .data.datasets import Data as Data, Dataset as Dataset
from .distillation.distillation import Distillation as Distillation
from .distillation.student import Student as Student
from .errors import (
    CompressionError as CompressionError,
    CorruptFileError as CorruptFileError,
    DataNotFoundError as DataNotFoundError,
    MissingContextError as MissingContextError,
    ModelFileError as ModelFileError,
    RecipeError as RecipeError,
    UnsupportedModelError as UnsupportedModelError,
)
from .factorization.factorization import Factorization as Factorization
from .layer_pass import LayerPass as LayerPass
from .lowrank.low_rank import LowRank as LowRank
from .models.channels.groups import (
    ChannelGroup as ChannelGroup,
    channel_groups as channel_groups,
)
from .models.copying import copy_weights as copy_weights
from .models.files import load_model as load_model, save_model as save_model
from .models.kernels import Skip as Skip
from .models.rewrite import (
    copy_model as copy_model,
    rewrite_layers as rewrite_layers,
)
from .models.selection import Selection as Selection, select as select
from .packing.model_file import (
    pack as pack,
    packed_bytes as packed_bytes,
    unpack as unpack,
)
from .passes import Context as Context, Pass as Pass
from .pipelines import pipeline as pipeline
from .planning.budget import Budget as Budget
from .planning.pareto import pareto as pareto
from .planning.plan import Plan as Plan
from .planning.scan import sensitivity as sensitivity
from .planning.sensitivity import Sensitivity as Sensitivity
from .planning.under_budget import plan as plan
from .pruning.arrays.schedules import PruningSchedule as PruningSchedule
from .pruning.channels.channel_pruning import ChannelPruning as ChannelPruning
from .pruning.channels.remove_dead_channels import (
    RemoveDeadChannels as RemoveDeadChannels,
)
from .pruning.channels.sparse_gammas import SparseGammas as SparseGammas
from .pruning.gradual_callback import GradualPruningCallback as GradualPruningCallback
from .pruning.gradual_pruning import GradualPruning as GradualPruning
from .pruning.magnitude_pruning import MagnitudePruning as MagnitudePruning
from .pruning.nm_pruning import NMPruning as NMPruning
from .pruning.optimal_brain_pruning import OptimalBrainPruning as OptimalBrainPruning
from .pruning.score_pruning import ScorePruning as ScorePruning
from .quantization.activation_quantization import (
    ActivationQuantization as ActivationQuantization,
)
from .quantization.codebook_aware_training import (
    CodebookAwareTraining as CodebookAwareTraining,
)
from .quantization.codebook_quantization import (
    CodebookQuantization as CodebookQuantization,
)
from .quantization.correct_bias import CorrectBias as CorrectBias
from .quantization.equalize_ranges import EqualizeRanges as EqualizeRanges
from .quantization.fine_tune_codebook import FineTuneCodebook as FineTuneCodebook
from .quantization.fold_batch_norm import FoldBatchNorm as FoldBatchNorm
from .quantization.gptq import GPTQ as GPTQ
from .quantization.layers.kept import keep_decoded as keep_decoded
from .quantization.layers.replace import dequantized as dequantized
from .quantization.quantization_aware_training import (
    QuantizationAwareTraining as QuantizationAwareTraining,
)
from .quantization.rate_aware_quantization import (
    RateAwareQuantization as RateAwareQuantization,
)
from .quantization.short_floats import ShortFloats as ShortFloats
from .quantization.uniform_quantization import (
    UniformQuantization as UniformQuantization,
)
from .recipe import (
    from_recipe as from_recipe,
    load_recipe as load_recipe,
    save_recipe as save_recipe,
    to_recipe as to_recipe,
)
from .report.measuring import compare as compare
from .report.report import Report as Report
from .runtimes.exporting import export as export
from .training.fine_tune import FineTune as FineTune
from .training.objective import Objective as Objective
from .training.reestimate_batch_norm import (
    ReestimateBatchNorm as ReestimateBatchNorm,
)
from .training.retraining_pass import RetrainingPass as RetrainingPass
from .training.teacher_outputs import teacher_logits as teacher_logits
from .training.training_pass import TrainingPass as TrainingPass
from .training.while_training import keeping_zeros as keeping_zeros

__version__: str
