"""Which channels of a model must agree: what pruning cuts together, and students narrow.

`flow` walks through the graph of a model by the `rules` of its layers and numbers the
channels (`arrays`); `groups` sorts them by the layers that make them.
"""
