"""Which layer bears how much, and plans under a budget.

`sensitivity` is the table of what each setting costs and saves, layer by layer; `scan`
measures it, `altered` is a model that takes on one change after the other, and `cache`
keeps what is measured. A `plan` gives each layer an option: the `techniques` say which
there are, the `choices` fit a `budget`, `applying` makes passes of them, a `planner`
measures the candidates, and `carrying_out` recovers. A `pareto` front is many plans.
`arrays` is the arithmetic, without Keras.
"""
