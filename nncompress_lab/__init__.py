"""Neural network compression that one can learn, see and use, on Keras 3.

Typical use:

    import nncompress_lab as ncl

    model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
    result = ncl.compress(
        model,
        ncl.MagnitudePruning(sparsity=0.8, scope="global"),
        ncl.FineTune(epochs=6),
        ncl.UniformQuantization(bits=8),
        context=ncl.Context.of(data),
    )
    print(result.report)

Names are loaded when they are first used, so that the command line answers at once and a
Jupyter server can use this package without starting Keras. The quantized layers register
with Keras as soon as both packages are imported, in either order, so that
`keras.saving.load_model` reads the files of compressed models.
"""

import importlib
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    from nncompress_lab import data as data
    from nncompress_lab import measure as measure
    from nncompress_lab import runtimes as runtimes
    from nncompress_lab import zoo as zoo
    from nncompress_lab.compression import Compression as Compression
    from nncompress_lab.compression import compress as compress
    from nncompress_lab.data.datasets import Data as Data
    from nncompress_lab.data.datasets import Dataset as Dataset
    from nncompress_lab.distillation.distill import Distillation as Distillation
    from nncompress_lab.distillation.student import Student as Student
    from nncompress_lab.distillation.teacher_outputs import (
        teacher_logits as teacher_logits,
    )
    from nncompress_lab.errors import CompressionError as CompressionError
    from nncompress_lab.errors import CorruptFileError as CorruptFileError
    from nncompress_lab.errors import DataNotFoundError as DataNotFoundError
    from nncompress_lab.errors import MissingContextError as MissingContextError
    from nncompress_lab.errors import ModelFileError as ModelFileError
    from nncompress_lab.errors import RecipeError as RecipeError
    from nncompress_lab.errors import UnsupportedModelError as UnsupportedModelError
    from nncompress_lab.factorization.factorize import Factorization as Factorization
    from nncompress_lab.fine_tune import FineTune as FineTune
    from nncompress_lab.kernels import Skip as Skip
    from nncompress_lab.lowrank.low_rank import LowRank as LowRank
    from nncompress_lab.model_files import load_model as load_model
    from nncompress_lab.model_files import save_model as save_model
    from nncompress_lab.packing.model_file import pack as pack
    from nncompress_lab.packing.model_file import packed_bytes as packed_bytes
    from nncompress_lab.packing.model_file import unpack as unpack
    from nncompress_lab.passes import Context as Context
    from nncompress_lab.passes import Pass as Pass
    from nncompress_lab.passes import pipeline as pipeline
    from nncompress_lab.pruning.channels.channel_pruning import (
        ChannelPruning as ChannelPruning,
    )
    from nncompress_lab.pruning.channels.dead_channels import (
        RemoveDeadChannels as RemoveDeadChannels,
    )
    from nncompress_lab.pruning.channels.groups import ChannelGroup as ChannelGroup
    from nncompress_lab.pruning.channels.groups import channel_groups as channel_groups
    from nncompress_lab.pruning.gradual import GradualPruning as GradualPruning
    from nncompress_lab.pruning.gradual_callback import (
        GradualPruningCallback as GradualPruningCallback,
    )
    from nncompress_lab.pruning.magnitude import MagnitudePruning as MagnitudePruning
    from nncompress_lab.pruning.n_m import NMPruning as NMPruning
    from nncompress_lab.pruning.optimal_brain_pruning import (
        OptimalBrainPruning as OptimalBrainPruning,
    )
    from nncompress_lab.pruning.schedules import PruningSchedule as PruningSchedule
    from nncompress_lab.pruning.score_pruning import ScorePruning as ScorePruning
    from nncompress_lab.quantization.activation_quantization import (
        ActivationQuantization as ActivationQuantization,
    )
    from nncompress_lab.quantization.batch_norm_folding import (
        FoldBatchNorm as FoldBatchNorm,
    )
    from nncompress_lab.quantization.bias_correction import CorrectBias as CorrectBias
    from nncompress_lab.quantization.codebook_aware import (
        CodebookAwareTraining as CodebookAwareTraining,
    )
    from nncompress_lab.quantization.codebook_quantization import (
        CodebookQuantization as CodebookQuantization,
    )
    from nncompress_lab.quantization.codebook_quantization import (
        FineTuneCodebook as FineTuneCodebook,
    )
    from nncompress_lab.quantization.equalization import (
        EqualizeRanges as EqualizeRanges,
    )
    from nncompress_lab.quantization.error_compensated import GPTQ as GPTQ
    from nncompress_lab.quantization.post_training import (
        UniformQuantization as UniformQuantization,
    )
    from nncompress_lab.quantization.quantization_aware import (
        QuantizationAwareTraining as QuantizationAwareTraining,
    )
    from nncompress_lab.quantization.short_floats import ShortFloats as ShortFloats
    from nncompress_lab.quantization.storing import dequantized as dequantized
    from nncompress_lab.recipe import from_recipe as from_recipe
    from nncompress_lab.recipe import load_recipe as load_recipe
    from nncompress_lab.recipe import save_recipe as save_recipe
    from nncompress_lab.recipe import to_recipe as to_recipe
    from nncompress_lab.report.measuring import compare as compare
    from nncompress_lab.report.report import Report as Report
    from nncompress_lab.rewrite import copy_model as copy_model
    from nncompress_lab.rewrite import copy_weights as copy_weights
    from nncompress_lab.rewrite import rewrite_layers as rewrite_layers
    from nncompress_lab.runtimes.exporting import export as export
    from nncompress_lab.selection import Selection as Selection
    from nncompress_lab.selection import select as select
    from nncompress_lab.training_state import keeping_zeros as keeping_zeros

__version__ = version("nncompress-lab")

_BACKENDS = ("tensorflow", "jax", "torch")
_MODULES = ("data", "measure", "runtimes", "zoo")
_HOMES = {
    "compression": ("Compression", "compress"),
    "data.datasets": ("Data", "Dataset"),
    "distillation.distill": ("Distillation",),
    "distillation.student": ("Student",),
    "distillation.teacher_outputs": ("teacher_logits",),
    "errors": (
        "CompressionError",
        "CorruptFileError",
        "DataNotFoundError",
        "MissingContextError",
        "ModelFileError",
        "RecipeError",
        "UnsupportedModelError",
    ),
    "factorization.factorize": ("Factorization",),
    "fine_tune": ("FineTune",),
    "kernels": ("Skip",),
    "lowrank.low_rank": ("LowRank",),
    "packing.model_file": ("pack", "packed_bytes", "unpack"),
    "passes": ("Context", "Pass", "pipeline"),
    "pruning.channels.channel_pruning": ("ChannelPruning",),
    "pruning.channels.dead_channels": ("RemoveDeadChannels",),
    "pruning.channels.groups": ("ChannelGroup", "channel_groups"),
    "pruning.gradual": ("GradualPruning",),
    "pruning.gradual_callback": ("GradualPruningCallback",),
    "pruning.magnitude": ("MagnitudePruning",),
    "pruning.n_m": ("NMPruning",),
    "pruning.optimal_brain_pruning": ("OptimalBrainPruning",),
    "pruning.schedules": ("PruningSchedule",),
    "pruning.score_pruning": ("ScorePruning",),
    "quantization.activation_quantization": ("ActivationQuantization",),
    "quantization.batch_norm_folding": ("FoldBatchNorm",),
    "quantization.bias_correction": ("CorrectBias",),
    "quantization.equalization": ("EqualizeRanges",),
    "quantization.error_compensated": ("GPTQ",),
    "quantization.codebook_aware": ("CodebookAwareTraining",),
    "quantization.codebook_quantization": (
        "CodebookQuantization",
        "FineTuneCodebook",
    ),
    "quantization.quantization_aware": ("QuantizationAwareTraining",),
    "quantization.post_training": ("UniformQuantization",),
    "quantization.short_floats": ("ShortFloats",),
    "quantization.storing": ("dequantized",),
    "model_files": ("load_model", "save_model"),
    "recipe": ("from_recipe", "load_recipe", "save_recipe", "to_recipe"),
    "report.measuring": ("compare",),
    "report.report": ("Report",),
    "rewrite": ("copy_model", "copy_weights", "rewrite_layers"),
    "runtimes.exporting": ("export",),
    "selection": ("Selection", "select"),
    "training_state": ("keeping_zeros",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_MODULES, *_HOME_OF]  # noqa: PLE0604 (all are strings)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _imported(name)
    if name in _HOME_OF:
        return getattr(_imported(_HOME_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(f"{__name__}.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _BACKENDS:
            raise
        raise ImportError(
            f"Keras has no backend to run on: it looked for {error.name}, which is not "
            'installed. Install one, for example with pip install "nncompress-lab[lab]" '
            "(TensorFlow for CPUs), or set the environment variable KERAS_BACKEND to "
            "the one that you have: tensorflow, jax or torch."
        ) from error


def _register_layers(_keras: ModuleType) -> None:
    for module in ("attention", "quantization.fake_quantize", "quantization.layers"):
        importlib.import_module(f"{__name__}.{module}")


wrapt.register_post_import_hook(_register_layers, "keras")
