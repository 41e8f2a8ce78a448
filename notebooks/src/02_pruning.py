# ---
# jupyter:
#   nncompress:
#     lesson: "02"
#     title: Magnitude and percentage pruning
#     minutes: 50
#     difficulty: 2
#     cell_seconds: 120
# ---

# %% [markdown]
# # Magnitude and percentage pruning
#
# | | |
# |---|---|
# | You will be able to | set the smallest weights of a model to zero, correctly; say which layers bear it; say what it saves and what not |
# | Time | 50 minutes, of which the computer needs less than one |
# | Difficulty | 2 of 5 |
# | You need | lesson 01 (four sizes, latency with noise) and some NumPy |
# | Points | seven exercises, one of them with a star; 16 points |
#
# **Weight pruning** sets weights to zero. *Magnitude pruning* takes the weights whose absolute
# value is small, because they change the output least. You choose either an absolute
# **threshold** (drop everything below 0.05) or a **percentage** (drop the smallest 80 %); the
# percentage is the **sparsity** that you get.
#
# It is the best known of all compression techniques. At the end of this lesson you will have pruned
# a real model, and measured what became of its accuracy, its file and its speed.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("02")

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
# Validation data chooses; the test data stays closed until the end.
images = data.validation.take(1000)
unpruned_accuracy = measure.accuracy(model, images)
lesson

# %% [markdown]
# ## Predict
#
# Below, 90 % of LeNet-5's weights will be zero. Guess first: replace each `...`. Guesses are kept
# and earn no points.

# %%
lesson.predict(
    {
        "the accuracy with 90 % zeros, before any training": ...,  # 0 to 1
        "the accuracy with 90 % zeros, after two epochs": ...,  # 0 to 1
        "how many times smaller the packed file is with 90 % zeros": ...,  # 2.5
    }
)

# %% [markdown]
# ## 1. A threshold
#
# Search the web for "magnitude pruning" and you find functions of this kind:

# %%
weights = np.array(
    [
        [0.02, -0.47, 0.12],
        [-0.61, 0.08, -0.29],
        [0.33, -0.01, 0.74],
        [0.05, 0.90, -0.03],
    ]
)


def prune_snippet(w, threshold):
    if abs(w) < threshold:
        w = 0
    return w


try:
    prune_snippet(weights, 0.1)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# It cannot work. `abs(w) < threshold` is twelve truth values, one for each weight, and
# `if` needs one. And where the `if` is satisfied, for a single number, the whole array would be
# replaced by the number 0, which no layer can use as its weights. What we want is an array of
# this shape in which *some entries* are 0. A **mask** says which ones stay. With the weights $w_i$ and their mask
# $m_i$, 1 where a weight is kept and 0 where it is dropped, the pruned weights are
#
# $$\hat w_i = m_i\, w_i$$
#
# and in NumPy `np.where(mask, weights, 0)`, with a mask of truth values:


# %%
positive = weights > 0
figures.matrices(
    "The mask says which weights stay: here the positive ones",
    weights=weights,
    mask=positive.astype(float),
    result=np.where(positive, weights, 0),
)

# %% [markdown]
# ### Exercise 1 · Set the small weights to zero
#
# Write `prune_below`: a new array of this shape in which every weight whose magnitude is below the
# threshold is 0; a weight *at* the threshold stays. It must work for arrays of any number of axes
# (a convolution's kernel has four) and must not change the array that it is given.


# %% tags=["exercise:prune_below"]
def prune_below(weights, threshold):
    """Return the weights with those below the threshold, by magnitude, set to zero.

    weights: array of any shape. threshold: a number, at least 0.
    """
    # BEGIN SOLUTION
    return np.where(np.abs(weights) >= threshold, weights, 0)
    # END SOLUTION


# %% tags=["wrong:prune_below:keeps_large_negative_weights"]
def prune_below(weights, threshold):
    return np.where(weights >= threshold, weights, 0)


# %% tags=["wrong:prune_below:drops_the_small_and_keeps_the_large"]
def prune_below(weights, threshold):
    return np.where(np.abs(weights) < threshold, weights, 0)


# %% tags=["wrong:prune_below:returns_weights_not_a_mask"]
def prune_below(weights, threshold):
    return np.abs(weights) >= threshold


# %% tags=["wrong:prune_below:keeps_the_shape"]
def prune_below(weights, threshold):
    weights[np.abs(weights) < threshold] = 0
    return weights


# %% tags=["check"]
prune_below = lesson.accept("prune_below", prune_below)

# %% [markdown]
# ## 2. A percentage
#
# Who knows which threshold is right for a layer? A percentage is easier to choose: "drop half of
# the weights". Of $n$ weights with the mask $m_i$ the **sparsity** is the part that is dropped,
#
# $$s = 1 - \frac{1}{n} \sum_{i=1}^{n} m_i$$
#
# in NumPy `np.mean(~mask)`. This is the usual code for it, and this one runs:


# %%
def prune_percent_snippet(w, percent):
    order = np.argsort(w)
    count = int(len(w) * percent / 100)
    w = w.copy()
    w[order[-count:]] = 0
    return w


half = prune_percent_snippet(weights, 50)
figures.matrices(
    "The snippet is asked for half of the weights", weights=weights, result=half
)

# %% tags=["check"]
order = np.argsort(weights)
print(f"{np.mean(half == 0):.0%} of the weights are zero")
print("the last two rows of order:", order[-2:].tolist())
print("rows that became zero:", np.flatnonzero(np.all(half == 0, axis=1)).tolist())
print(
    "of [0.1, -0.9, 0.5, 0.2]:",
    prune_percent_snippet(np.array([0.1, -0.9, 0.5, 0.2]), 50),
)

# %% [markdown]
# It was asked for half of the weights, and it took whole rows, the large weights with the small
# ones. Three mistakes work together:
#
# 1. `np.argsort(w)` sorts each row for itself, so `order` holds *column* numbers, and `w[order]`
#    takes them for *row* numbers: 0, 1 and 2 occur in it, so the rows 0, 1 and 2 go.
# 2. `len(w)` is the number of rows, not of weights.
# 3. The end of a ranking holds the **largest** values. Where the array has one axis, as in the last
#    line, 0.5 and 0.2 go and 0.1 stays. And -0.9 counts as the smallest of all.
#
# On a real layer you would see only that the accuracy is gone, and blame pruning for it.
#
# ### Exercise 2 · Keep the largest weights, by percentage
#
# Write `magnitude_mask`: True where a weight is kept. `round(sparsity * weights.size)` entries are
# False, those with the smallest magnitudes. Where magnitudes are equal, **the one that comes first
# in the array goes first**; with this rule everybody gets one and the same mask.


# %% tags=["exercise:magnitude_mask"]
def magnitude_mask(weights, sparsity):
    """Return a mask, True where a weight is kept.

    weights: array of any shape. sparsity: fraction to drop, in [0, 1).
    """
    # BEGIN SOLUTION
    order = np.argsort(np.abs(weights), axis=None, kind="stable")
    mask = np.ones(weights.size, dtype=bool)
    mask[order[: round(sparsity * weights.size)]] = False
    return mask.reshape(weights.shape)
    # END SOLUTION


# %% tags=["wrong:magnitude_mask:keeps_the_largest"]
def magnitude_mask(weights, sparsity):
    order = np.argsort(np.abs(weights), axis=None)
    mask = np.zeros(weights.size, dtype=bool)
    mask[order[: round(sparsity * weights.size)]] = True
    return mask.reshape(weights.shape)


# %% tags=["wrong:magnitude_mask:is_exact_with_ties"]
def magnitude_mask(weights, sparsity):
    return np.abs(weights) >= np.quantile(np.abs(weights), sparsity)


# %% tags=["wrong:magnitude_mask:takes_sparsity_for_a_fraction"]
def magnitude_mask(weights, sparsity):
    return np.abs(weights) >= np.percentile(np.abs(weights), sparsity)


# %% tags=["wrong:magnitude_mask:takes_sparsity_for_a_fraction"]
def magnitude_mask(weights, sparsity):
    order = np.argsort(np.abs(weights), axis=None, kind="stable")
    mask = np.ones(weights.size, dtype=bool)
    mask[order[: round(sparsity / 100 * weights.size)]] = False
    return mask.reshape(weights.shape)


# %% tags=["wrong:magnitude_mask:equals_the_library"]
def magnitude_mask(weights, sparsity):
    order = np.argsort(np.abs(weights), axis=None, kind="stable")
    mask = np.ones(weights.size, dtype=bool)
    mask[order[: int(sparsity * weights.size)]] = False
    return mask.reshape(weights.shape)


# %% tags=["wrong:magnitude_mask:equals_the_library"]
def magnitude_mask(weights, sparsity):
    order = np.argsort(np.abs(weights), axis=None)
    mask = np.ones(weights.size, dtype=bool)
    mask[order[: round(sparsity * weights.size)]] = False
    return mask.reshape(weights.shape)


# %% tags=["wrong:magnitude_mask:counts_all_axes"]
def magnitude_mask(weights, sparsity):
    order = np.argsort(np.abs(weights), axis=None)
    mask = np.ones(weights.size, dtype=bool)
    mask[order[: round(sparsity * len(weights))]] = False
    return mask.reshape(weights.shape)


# %% tags=["wrong:magnitude_mask:keeps_everything_at_zero"]
def magnitude_mask(weights, sparsity):
    drop = round(sparsity * weights.size)
    largest_first = np.argsort(-np.abs(weights), axis=None)
    mask = np.zeros(weights.size, dtype=bool)
    mask[largest_first[:-drop]] = True
    return mask.reshape(weights.shape)


# %% tags=["check"]
magnitude_mask = lesson.accept("magnitude_mask", magnitude_mask)

# %% [markdown]
# The library has this function, with the same rule. On the largest kernel of LeNet-5, 400,000
# weights, many of them equal because they are rounded to 16 bits:

# %% tags=["check"]
from nncompress_lab.pruning.arrays import masks

kernel = keras.ops.convert_to_numpy(model.get_layer("dense1").kernel)
yours = magnitude_mask(kernel, 0.8)
library = masks.magnitude_mask(kernel, sparsity=0.8)
print("different magnitudes:", f"{len(np.unique(np.abs(kernel))):,}")
print("same mask:", np.array_equal(yours, library))

# %% [markdown]
# ## 3. One ranking for the whole model
#
# "80 %" can be meant for each layer, or for the model as a whole with one ranking of all weights.
# With one ranking a layer of small weights loses more than its share, maybe everything. Papers call
# the first *layer-wise* (or local) and the second *global*.
#
# ### Exercise 3 · One ranking for the whole model
#
# Write `global_masks`: a list with one mask for each array, such that the smallest weights *of
# all arrays together* are dropped, `round(sparsity * their number)` of them. Of equal magnitudes
# those of the earlier array go first.


# %% tags=["exercise:global_masks"]
def global_masks(arrays, sparsity):
    """Return one mask for each array, with one ranking over all of them.

    arrays: list of arrays of any shapes. sparsity: fraction of all weights, in [0, 1).
    """
    # BEGIN SOLUTION
    kept = magnitude_mask(np.concatenate([array.ravel() for array in arrays]), sparsity)
    ends = np.cumsum([array.size for array in arrays])[:-1]
    parts = zip(np.split(kept, ends), arrays, strict=True)
    return [part.reshape(array.shape) for part, array in parts]
    # END SOLUTION


# %% tags=["wrong:global_masks:ranks_the_arrays_together"]
def global_masks(arrays, sparsity):
    return [magnitude_mask(array, sparsity) for array in arrays]


# %% tags=["wrong:global_masks:is_one_mask_for_each_array"]
def global_masks(arrays, sparsity):
    everything = np.concatenate([array.ravel() for array in arrays])
    return magnitude_mask(everything, sparsity)


# %% tags=["wrong:global_masks:drops_the_smallest_of_all"]
def global_masks(arrays, sparsity):
    everything = np.concatenate([np.abs(array).ravel() for array in arrays])
    threshold = np.sort(everything)[round(sparsity * everything.size)]
    return [np.abs(array) >= threshold for array in arrays]


# %% tags=["wrong:global_masks:drops_the_smallest_of_all"]
def global_masks(arrays, sparsity):
    everything = np.concatenate([array.ravel() for array in arrays])
    threshold = np.sort(everything)[round(sparsity * everything.size)]
    return [array >= threshold for array in arrays]


# %% tags=["check"]
global_masks = lesson.accept("global_masks", global_masks)

# %% [markdown]
# ## 4. A whole model
#
# Which weights of a model may go? The **kernels** of Dense and convolution layers: they are
# nearly all of the weights, and each is one of many that add up in an output. A bias or a
# normalization weight stands alone: it moves a whole channel. There are few of them, so pruning
# them saves nothing and hurts much. Snippets that loop over `model.get_weights()` prune them
# all.
#
# ### Exercise 4 · Prune a model: kernels, and nothing else
#
# Write `prune_model`. It returns a **new** model in which each kernel has lost the fraction
# `sparsity` of its weights, layer by layer, by the rule of exercise 2. The model that it is given
# stays as it is.


# %% tags=["exercise:prune_model"]
def prune_model(model, sparsity):
    """Return a copy of a Keras model with the smallest weights of each kernel at zero."""
    # BEGIN SOLUTION
    pruned = keras.models.clone_model(model)
    pruned.set_weights(model.get_weights())
    for layer in pruned.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(np.where(magnitude_mask(kernel, sparsity), kernel, 0))
    return pruned
    # END SOLUTION


# %% tags=["wrong:prune_model:leaves_the_original_alone"]
def prune_model(model, sparsity):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(np.where(magnitude_mask(kernel, sparsity), kernel, 0))
    return model


# %% tags=["wrong:prune_model:leaves_biases_and_normalization_alone"]
def prune_model(model, sparsity):
    pruned = keras.models.clone_model(model)
    pruned.set_weights(
        [np.where(magnitude_mask(w, sparsity), w, 0) for w in model.get_weights()]
    )
    return pruned


# %% tags=["wrong:prune_model:copies_the_weights"]
def prune_model(model, sparsity):
    pruned = keras.models.clone_model(model)
    for layer in pruned.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(np.where(magnitude_mask(kernel, sparsity), kernel, 0))
    return pruned


# %% tags=["wrong:prune_model:prunes_every_kernel"]
def prune_model(model, sparsity):
    pruned = keras.models.clone_model(model)
    pruned.set_weights(model.get_weights())
    for layer in pruned.layers:
        if isinstance(layer, keras.layers.Dense):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(np.where(magnitude_mask(kernel, sparsity), kernel, 0))
    return pruned


# %% tags=["wrong:prune_model:prunes_the_smallest_of_each_kernel"]
def prune_model(model, sparsity):
    pruned = keras.models.clone_model(model)
    pruned.set_weights(model.get_weights())
    for layer in pruned.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            mask = np.argsort(np.argsort(kernel.ravel())).reshape(kernel.shape)
            dropped = mask < round(sparsity * kernel.size)  # by value, without abs
            layer.kernel.assign(np.where(dropped, 0, kernel))
    return pruned


# %% tags=["wrong:prune_model:prunes_the_smallest_of_each_kernel"]
def prune_model(model, sparsity):
    pruned = keras.models.clone_model(model)
    pruned.set_weights(model.get_weights())
    for layer in pruned.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(np.where(magnitude_mask(kernel, sparsity), 0, kernel))
    return pruned


# %% tags=["wrong:prune_model:prunes_the_smallest_of_each_kernel"]
def prune_model(model, sparsity):
    pruned = keras.models.clone_model(model)
    pruned.set_weights(model.get_weights())
    for layer in pruned.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(np.where(magnitude_mask(kernel, 0.5), kernel, 0))
    return pruned


# %% tags=["check"]
prune_model = lesson.accept("prune_model", prune_model)

# %% [markdown]
# In the library this is a **pass**: a small object that you call with a model. It copes with what
# your function does not (layers inside layers, attention, shared layers, models inside models),
# and says for each layer that it leaves alone why. On LeNet-5 both make the same weights:

# %% tags=["check"]
yours = prune_model(model, 0.8)
library = ncl.MagnitudePruning(sparsity=0.8, scope="layer")(model)
same = all(map(np.array_equal, yours.get_weights(), library.get_weights()))
print("same weights:", same)

# %% [markdown]
# ## 5. Which layer bears it?
#
# Prune one layer at a time and look at the accuracy. This picture is the most useful one in all
# of pruning, and it costs some seconds:

# %%
layers = ["conv1", "conv2", "dense1", "logits"]
sparsities = [0.3, 0.5, 0.6, 0.7, 0.8, 0.9]
weights_of = {name: int(np.prod(model.get_layer(name).kernel.shape)) for name in layers}


def accuracy_with(name, sparsity):
    """The accuracy when this layer alone is pruned."""
    only_this = ncl.Selection(names=(name,))
    pruned = ncl.MagnitudePruning(sparsity=sparsity, select=only_this)(model)
    return measure.accuracy(pruned, images)


with lesson.working("Pruning and measuring, 24 times", seconds=8):
    accuracies = {
        f"{name}: {size:,} weights, {size / sum(weights_of.values()):.1%} of all": [
            accuracy_with(name, sparsity) for sparsity in sparsities
        ]
        for name, size in weights_of.items()
    }

figures.curves(
    "Few weights, great harm: the first convolution bears least",
    accuracies,
    sparsities,
    xlabel="sparsity of the one layer",
    ylabel="validation accuracy",
    level=("unpruned model", unpruned_accuracy),
)

# %% [markdown]
# `dense1` holds nearly all of the weights and bears most of them at zero. `conv1` holds one weight
# in a thousand, and each of them is used at every place of the image. One percentage for all layers
# is a poor choice.
#
# ## 6. Your turn, with sliders
#
# The control below moves the real model: each accuracy is measured on 1,000 validation images,
# each number of bytes on a real file. Choose a layer or the whole model, drag the slider (or use
# the arrow keys) and watch the threshold move through the histogram.
#
# ### Exercise 5 · Meet the goal with the control
#
# Reach the goal that the control states, **without any training**. First try the whole model;
# then choose layers one by one, with what you saw in the figure. Press **Register** when the goal
# is met: the control and the check below judge by one rule.
#
# Then **Use this in my code** and **Insert as my answer** write the setting into the cell here, as
# code that survives the night and that whoever grades the notebook sees. Run that cell, then the
# check.

# %% tags=["exercise:chosen_pruning"]
# BEGIN SOLUTION
chosen_pruning = ncl.pipeline(
    ncl.MagnitudePruning(sparsity=0.8, select=ncl.Selection(names=("dense1",))),
    ncl.MagnitudePruning(sparsity=0.6, select=ncl.Selection(names=("conv2",))),
)
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import Goal, PruningExplorer

explorer = PruningExplorer(
    model, data, goal=Goal(zeros=0.75, accuracy_drop=0.03), answer="chosen_pruning"
)
explorer

# %% tags=["wrong:chosen_pruning:keeps_enough_accuracy"]
chosen_pruning = ncl.MagnitudePruning(sparsity=0.8, scope="global")

# %% tags=["wrong:chosen_pruning:prunes_enough"]
chosen_pruning = ncl.MagnitudePruning(
    sparsity=0.9, select=ncl.Selection(names=("conv2",))
)

# %% tags=["wrong:chosen_pruning:is_registered"]
chosen_pruning = 0.8

# %% tags=["check"]
lesson.check("chosen_pruning", chosen_pruning)

# %% [markdown]
# What you registered is an ordinary pass; the check above applied it to a fresh LeNet-5 and
# measured the result itself.
#
# ## 7. What did it save?
#
# Now to the question that tutorials leave out. We prune the whole model to 50 % and to 90 %, train
# the second for two more epochs with the zeros held at zero (`FineTune` puts a constraint on each
# kernel; without it the first training step would fill the zeros again), and measure everything.

# %%
context = ncl.Context.of(data, progress=False)
pruned_50 = ncl.MagnitudePruning(sparsity=0.5, scope="global")(model)
pruned_90 = ncl.MagnitudePruning(sparsity=0.9, scope="global")(model)
with lesson.working("Training for two epochs", seconds=12):
    tuned_90 = ncl.FineTune(epochs=2)(pruned_90, context)

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

stages = {
    "unpruned": model,
    "50 % zeros": pruned_50,
    "90 % zeros": pruned_90,
    "90 % zeros, trained": tuned_90,
}
with lesson.working("Measuring four models", seconds=12):
    table = measure_stages(stages, data=data.validation)
table

# %% [markdown]
# Read it line by line.
#
# - **Accuracy**: half of the weights go almost for nothing. At 90 % the model is broken, and two
#   epochs of training repair most of it: pruning chose which connections stay, training finds new
#   values for them.
# - **.keras file**: as large as before, up to a few bytes for names. A zero takes four bytes, like
#   any other float32.
# - **Packed**: this is where the saving is. `ncl.pack` codes where the weights are that stayed, and
#   spends nothing on zeros. (The unpruned model packs well too, because its shipped weights are
#   rounded to 16 bits; the trained ones are not.)
# - **Latency**: no measurable change. The runtime multiplies by the zeros.
#
# The bold line says in words what became of the first model on its way to the last.

# %% tags=["check"]
unpruned, zeros = measure.file_sizes(model), measure.file_sizes(pruned_90)
difference = abs(zeros.keras / unpruned.keras - 1)
print("The .keras files differ by less than 0.1 %:", difference < 0.001)

# %% tags=["predicted"]
packed_ratio = unpruned.packed / zeros.packed
print(f".keras: {unpruned.keras:,} -> {zeros.keras:,} bytes")
print(
    f"packed: {unpruned.packed:,} -> {zeros.packed:,} bytes, {packed_ratio:.1f} times less"
)

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one
#
# The two models in Keras itself, one image at a time and 64 together:

# %% tags=["timing", "predicted"]
pair = {"unpruned": model, "90 % zeros": pruned_90}
with lesson.working("Timing two models, twice", seconds=8):
    times = measure.time_on_devices(pair, batch_sizes=(1, 64))
times

# %% [markdown]
# If your model must become *faster*, unstructured zeros are the wrong remedy: take whole channels
# out (channel pruning), compute with integers (quantization), or make the layers thinner
# (low-rank approximation, factorization). If it must become *smaller on disk or in the download*,
# zeros help as soon as something codes them.
#
# ### Exercise 6 · Why is the file as large as before?
#
# a) Keras keeps a hidden copy of the old weights.
#
# b) A zero is stored in 4 bytes like any other float32, and the file is a zip whose members are
# not compressed.
#
# c) 90 % is not enough; at 99 % the file would shrink.
#
# d) The biases were not pruned.

# %% tags=["exercise:why_no_smaller"]
# BEGIN SOLUTION
why_no_smaller = "b"
# END SOLUTION

# %% tags=["wrong:why_no_smaller:is_not_c"]
why_no_smaller = "c"

# %% tags=["wrong:why_no_smaller:is_not_a"]
why_no_smaller = "a"

# %% tags=["check"]
lesson.check("why_no_smaller", why_no_smaller)

# %% [markdown]
# ### ★ Exercise 7 · Two of four
#
# Some processors do skip zeros, if the zeros are where they expect them: of each four consecutive
# inputs of an output, two weights may be non-zero. Write `two_of_four` for the kernel of a Dense
# layer, `(inputs, outputs)`, whose number of inputs is a multiple of four: True for the two largest
# magnitudes of each group; of equal ones the earlier goes. There is no recipe for this one.


# %% tags=["exercise:two_of_four"]
def two_of_four(kernel):
    """Return a mask that keeps two of each four consecutive weights along the inputs.

    kernel: array of shape (inputs, outputs); 4 divides inputs.
    """
    # BEGIN SOLUTION
    groups = np.abs(kernel).reshape(-1, 4, kernel.shape[1])
    order = np.argsort(groups, axis=1, kind="stable")
    return (np.argsort(order, axis=1) >= 2).reshape(kernel.shape)
    # END SOLUTION


# %% tags=["wrong:two_of_four:groups_along_the_inputs"]
def two_of_four(kernel):
    groups = np.abs(kernel).reshape(-1, 4)
    order = np.argsort(groups, axis=1, kind="stable")
    return (np.argsort(order, axis=1) >= 2).reshape(kernel.shape)


# %% tags=["wrong:two_of_four:keeps_two_of_each_group"]
def two_of_four(kernel):
    return magnitude_mask(kernel, 0.5)


# %% tags=["wrong:two_of_four:keeps_the_largest_of_each_group"]
def two_of_four(kernel):
    groups = kernel.reshape(-1, 4, kernel.shape[1])
    order = np.argsort(groups, axis=1, kind="stable")
    return (np.argsort(order, axis=1) >= 2).reshape(kernel.shape)


# %% tags=["check"]
two_of_four = lesson.accept("two_of_four", two_of_four)

# %% tags=["check"]
mask = two_of_four(kernel)
print(f"{np.mean(~mask):.0%} of the weights of dense1 are dropped")
in_groups = np.unique(mask.reshape(-1, 4, mask.shape[1]).sum(axis=1)).tolist()
print("weights that stay in a group of four:", in_groups)

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
before, after = (
    round(measure.accuracy(each, images), 2) for each in (pruned_90, tuned_90)
)
lesson.compare_predictions(
    {
        "the accuracy with 90 % zeros, before any training": before,
        "the accuracy with 90 % zeros, after two epochs": after,
        "how many times smaller the packed file is with 90 % zeros": round(
            packed_ratio, 1
        ),
    }
)

# %% [markdown]
# ## Into the table
#
# One table travels through the course. Your models of this lesson, beside those of the lessons before:

# %% tags=["predicted"]
lesson.table.add(table, model="LeNet-5", technique="magnitude pruning")

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in, and train on all of it.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()

result = ncl.compress(
    my_model,
    ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.9, select=ncl.Selection(names=("dense1",))),
        ncl.MagnitudePruning(sparsity=0.6, select=ncl.Selection(names=("conv2",))),
    ),
    ncl.FineTune(epochs=1),
    context=ncl.Context.of(my_data, train=my_data.train.take(2560), progress=False),
)
result.measured(latency=False)

# %% [markdown]
# ## Further reading
#
# - Han, Pool, Tran, Dally, [Learning both Weights and Connections for Efficient Neural
#   Networks](https://arxiv.org/abs/1506.02626), NeurIPS 2015: prune, then train again.
# - Blalock, Gonzalez Ortiz, Frankle, Guttag, [What is the State of Neural Network
#   Pruning?](https://arxiv.org/abs/2003.03033), MLSys 2020: why most comparisons of pruning
#   methods compare nothing, and what to report instead.
# - Frankle, Carbin, [The Lottery Ticket Hypothesis](https://arxiv.org/abs/1803.03635), ICLR 2019:
#   what the connections that stay have to do with where they started.

# %% tags=["check"]
lesson.score()
