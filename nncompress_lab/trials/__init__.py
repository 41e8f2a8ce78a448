"""Trying settings out on one model, fast enough for a slider.

A pass makes a new model, which is safe and takes its time. A trial keeps scratch copies of
a model, gives them the weights that a pass would give them, and measures. `trial` is what
every trial can do and `model_trial` what all share; `storing` is for kernels in fewer bits,
`smaller` for models whose structure changes and `replacing` for layers that become several.
`scratch` is what trials are made of, `goal` what to aim at and `arrays` the arithmetic,
without Keras.
"""
