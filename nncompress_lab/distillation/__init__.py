"""Knowledge distillation: a small model learns from the outputs of a large one.

`soft_targets` and `features` hold the losses on arrays, `distill` the pass.
"""
