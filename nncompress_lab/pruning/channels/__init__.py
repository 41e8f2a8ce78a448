"""Channel pruning: filters, units and heads go, with all that belongs to them.

`scores` and `arrays` choose among the groups of `nncompress_lab.models.channels`, and
`narrowing` builds the layers anew. `channel_pruning` is the pass.
"""
