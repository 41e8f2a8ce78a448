"""Training, below all techniques: the loop, what holds meanwhile, and a teacher's losses.

`training_pass` has the numbers of a training, `loop` trains a model, `teach` one with a
teacher beside the labels, and `retraining_pass` makes passes of both; `arrays` has the
losses on arrays.
"""
