"""Channel pruning: filters, units and heads go, with all that belongs to them.

`flow` walks through the graph of a model by the rules of its layers and numbers the
channels (`units`); `groups` sorts them by the layers that make them, `scores` and
`scored_groups` choose, and `narrowing` builds the layers anew. `channel_pruning` is the
pass.
"""
