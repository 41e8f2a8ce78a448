"""Why a pass leaves a layer as it is, in the words of the report."""

from enum import StrEnum


class Skip(StrEnum):
    """Why a pass left a layer as it was."""

    NO_KERNEL = "no kernel: normalization and the like is never touched"
    NOT_SUPPORTED = "this layer type is not supported"
    NOT_SELECTED = "left out by the selection"
    EMPTY = "its kernel has no weights: an axis of it is 0"
    TOO_SMALL = "smaller than the selection's min_size"
    NOT_FLOAT = "its kernel is not a plain float variable (quantized, or with LoRA)"
    NOT_REPLACEABLE = "it is inside a layer whose parts cannot be replaced"
    WOULD_GROW = "its integers and scales would take more bytes than its floats"
    GROUPED = "its kernel is no single matrix: groups of outputs see different inputs"
    NOT_SMALLER = "two factors of that rank would hold no fewer weights than its kernel"
    NO_GAIN = "its factors would not have both fewer parameters and fewer MACs"
    DEPTHWISE = (
        "depthwise: few weights, and each matters; a select= of your own takes it"
    )
    WITHIN_BUDGET = "the budget has room for it as it is"
    CHANNELS_FIRST = "its channels come first, and only channels_last is factorized"
    ONE_ROW = "its kernel has only one row or column"
    ONE_BY_ONE = "its kernel is 1x1, a matrix: use method 'channel_svd'"
    TWO_STRIDES = "a depthwise convolution has the same stride in both directions"
    CAUSAL = "a depthwise convolution has no causal padding"
    NO_ROWS = "its kernel is not multiplied with inputs that the score could weigh"
    NO_GROUPS = (
        "its outputs do not sum over input channels, so there are no groups of them"
    )
    LOOKED_UP = "it looks its input up and multiplies nothing by it"
    RECURRENT = "a recurrent cell, which is called in a loop with what it returned"
    ALREADY_ROUNDED = "its input is quantized already"
    NO_BIAS = "it has no bias to correct; FoldBatchNorm gives it one if it can"
    SEVERAL_USES = "it, or what follows it, is used more than once"
    LEAVES = "its output is the output of its model"
    UNSUITED = "its channels cannot be scaled: its type, activation or data format"


Reasons = dict[str, str | None]
"""For layers by path: None if a pass treats it, else a `Skip`, or a sentence."""
