"""What a pass is called on a card, and its number in a few words."""

from typing import Final

from nncompress_lab import Pass
from nncompress_lab.trials.knobs import Knob, knob_of

_NAMES: Final = {
    "MagnitudePruning": "Prune",
    "ChannelPruning": "Channels",
    "LowRank": "Low rank",
    "Factorization": "Factorize",
    "UniformQuantization": "Quantize",
    "CodebookQuantization": "Codebook",
    "RateAwareQuantization": "Rate-aware",
    "FoldBatchNorm": "Fold BN",
    "ReestimateBatchNorm": "Measure BN",
    "FineTune": "Fine-tune",
}
_LABELS: Final = {
    "sparsity": "Zeros",
    "macs": "MACs",
    "parameters": "Weights",
    "energy": "Energy",
    "rank": "Rank",
    "bits": "Bits",
    "epochs": "Epochs",
}


def name_of(step: Pass) -> str:
    """A pass in a word or two, such as `"Prune"`."""
    kind = type(step).__name__
    return _NAMES.get(kind, kind.removesuffix("Quantization").removesuffix("Pruning"))


def setting_of(step: Pass) -> str:
    """The main number of a pass, such as `"80 % zeros"`; empty if it has none."""
    knob = knob_of(step)
    if knob is None:
        return ""
    said = value_of(knob, knob.value)
    if knob.name == "rank" and "%" not in said:
        return f"rank {said}"
    words = {"sparsity": "zeros", "macs": "MACs", "parameters": "weights"}
    if knob.name == "sparsity" and name_of(step) == "Channels":
        return f"{said} off"
    word = words.get(knob.name, knob.name)
    return f"{said} {word.removesuffix('s') if said == '1' else word}"


def label_of(knob: Knob) -> str:
    """What stands before a slider, such as `"Zeros"`."""
    return _LABELS[knob.name]


def value_of(knob: Knob, value: float) -> str:
    """A place of a slider, such as `"80 %"`."""
    is_fraction = type(value) is float and knob.name != "bits"
    return f"{100 * value:g} %" if is_fraction else f"{value:g}"
