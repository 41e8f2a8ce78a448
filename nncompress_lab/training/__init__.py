"""Training, below all techniques: the loop, what holds meanwhile, and a teacher's losses.

`loop` trains a model, `teach` one with a teacher beside the labels, and `training_pass`
makes passes of both; `arrays` has the losses on arrays.
"""
