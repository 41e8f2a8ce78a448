# ---
# jupyter:
#   nncompress:
#     lesson: "00"
#     title: Start here
#     minutes: 15
#     difficulty: 1
# ---

# %% [markdown]
# # Start here

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("00")

import numpy as np



# %% tags=["exercise:sparsity"]
def sparsity(weights):
    """Return the fraction of the entries that are zero."""
    # BEGIN SOLUTION
    return np.mean(weights == 0)
    # END SOLUTION


# %% tags=["check"]
sparsity = lesson.accept("sparsity", sparsity)


# %% tags=["wrong:sparsity:is_a_fraction"]
def sparsity(weights):
    return np.sum(weights == 0)


# %% tags=["check"]
lesson.score()
