"""Knowledge distillation: a small model learns from the outputs of a large one.

`distillation` is the pass, `student` and what it stands on make smaller models; the losses
are below all techniques, in `nncompress_lab.training`.
"""
