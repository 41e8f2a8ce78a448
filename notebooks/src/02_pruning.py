# ---
# jupyter:
#   nncompress:
#     lesson: "02"
#     title: "Magnitude and percentage pruning: zeros are not savings"
#     minutes: 50
#     difficulty: 2
# ---

# %% [markdown]
# # Magnitude and percentage pruning: zeros are not savings
#
# | | |
# |---|---|
# | You will be able to | set the smallest weights of a model to zero, correctly; say which layers bear it; say what it saves and what not |
# | Time | 50 minutes, of which the computer needs less than one |
# | Difficulty | 2 of 5 |
# | You need | lesson 01 (four sizes, latency with noise) and some NumPy |
# | Points | six exercises, 14 points |
#
# **Weight pruning** sets weights to zero. *Magnitude pruning* takes the weights whose absolute
# value is small, because they change the output least. You choose either an absolute
# **threshold** (drop everything below 0.05) or a **percentage** (drop the smallest 80 %); the
# percentage is the **sparsity** that you get.
#
# It is the best known of all compression techniques and the most oversold. At the end of this
# lesson you will have pruned a real model, and measured what became of its accuracy, its file
# and its speed.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("02")

import keras
import matplotlib.pyplot as plt
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure

model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
# Validation data chooses; the test data stays closed until the end.
images = data.validation.take(1000)
dense_accuracy = measure.accuracy(model, images)
lesson

# %% [markdown]
# ## Predict
#
# Below, 90 % of LeNet-5's weights will be zero. Guess first: replace each `...`. Guesses are kept
# and never marked.

# %%
lesson.predict(
    {
        "the .keras file with 90 % zeros": ...,  # "smaller", "same" or "larger"
        "the latency with 90 % zeros": ...,  # "faster", "same" or "slower"
        "the accuracy with 90 % zeros, before any training": ...,  # 0 to 1
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
# It cannot work. `abs(w) < threshold` is not one truth value but twelve, one for each weight, and
# `if` needs one. And where the `if` is satisfied, for a single number, the whole array would be
# replaced by the number 0, which no layer can use as its weights. What we want is an array of
# the same shape in which *some entries* are 0:


# %%
def show(title, **arrays):
    """Draw small arrays beside each other, each number in its cell."""
    figure, axes = plt.subplots(1, len(arrays), figsize=(3.1 * len(arrays), 2.6))
    for axis, (name, array) in zip(axes, arrays.items(), strict=True):
        axis.imshow(array, cmap="PuOr", vmin=-1.3, vmax=1.3)
        axis.set(title=name.replace("_", " "), xticks=[], yticks=[])
        for (row, column), value in np.ndenumerate(array):
            color = "white" if abs(value) > 0.7 else "black"
            text = f"{value:.2g}"
            axis.text(column, row, text, ha="center", va="center", color=color)
    figure.suptitle(title)
    figure.tight_layout()
    plt.show()


kept = np.abs(weights) >= 0.1
show(
    "Threshold 0.1: the mask says which weights stay",
    weights=weights,
    mask=kept.astype(float),
    pruned_weights=np.where(kept, weights, 0),
)

# %% [markdown]
# ### Exercise 1 · Set the small weights to zero
#
# Write `prune_below`: a new array of the same shape in which every weight whose magnitude is
# below the threshold is 0. It must work for arrays of any number of axes (a convolution's kernel
# has four) and must not change the array that it is given.


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
# the weights". This is the usual code for it, and this one runs:


# %%
def prune_percent_snippet(w, percent):
    order = np.argsort(w)
    count = int(len(w) * percent / 100)
    w = w.copy()
    w[order[-count:]] = 0
    return w


half = prune_percent_snippet(weights, 50)
show("The snippet is asked for half of the weights", weights=weights, result=half)
print(f"{np.mean(half == 0):.0%} of the weights are zero")

# %% [markdown]
# It was asked for half of the weights, and it took whole rows, the large weights with the small
# ones. Three mistakes work together:
#
# 1. `np.argsort(w)` sorts along the last axis, so it holds *column* numbers, and `w[order]`
#    uses them as *row* numbers.
# 2. `len(w)` is the number of rows, not of weights.
# 3. `order[-count:]` are the **largest** values: the weights that matter go, the small ones stay.
#    And large negative weights count as small, because nothing takes the absolute value.
#
# On a real layer you would see only that the accuracy is gone, and blame pruning for it. So:
# one ranking over the whole array, by magnitude, and an exact count.
#
# ### Exercise 2 · Keep the largest weights, by percentage
#
# Write `magnitude_mask`: True where a weight is kept. Exactly `round(sparsity * weights.size)`
# entries are False, also when many weights are equal.


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
# The library has the same function. On the largest kernel of LeNet-5, 400,000 weights:

# %% tags=["check"]
from nncompress_lab.pruning.arrays import masks

kernel = keras.ops.convert_to_numpy(model.get_layer("dense1").kernel)
yours = magnitude_mask(kernel, 0.8)
library = masks.magnitude_mask(kernel, sparsity=0.8)
print("same mask:", np.array_equal(yours, library))

# %% [markdown]
# ## 3. One ranking for the whole model
#
# "80 %" can be meant for each layer, or for the model as a whole with one threshold for all
# layers. With one threshold a layer of small weights loses more than its share, maybe everything.
# Papers call the first *layer-wise* (or local) and the second *global*.
#
# ### Exercise 3 · One threshold for the whole model
#
# Write `global_masks`: a list with one mask for each array, such that the smallest weights *of
# all arrays together* are dropped.


# %% tags=["exercise:global_masks"]
def global_masks(arrays, sparsity):
    """Return one mask for each array, with one ranking over all of them.

    arrays: list of arrays of any shapes. sparsity: fraction of all weights, in [0, 1).
    """
    # BEGIN SOLUTION
    everything = np.concatenate([np.abs(array).ravel() for array in arrays])
    threshold = np.sort(everything)[round(sparsity * everything.size)]
    return [np.abs(array) >= threshold for array in arrays]
    # END SOLUTION


# %% tags=["wrong:global_masks:ranks_the_arrays_together"]
def global_masks(arrays, sparsity):
    return [magnitude_mask(array, sparsity) for array in arrays]


# %% tags=["wrong:global_masks:is_one_mask_for_each_array"]
def global_masks(arrays, sparsity):
    everything = np.concatenate([array.ravel() for array in arrays])
    return magnitude_mask(everything, sparsity)


# %% tags=["wrong:global_masks:drops_the_exact_total"]
def global_masks(arrays, sparsity):
    thresholds = [np.quantile(np.abs(array), sparsity) for array in arrays]
    return [np.abs(array) >= np.mean(thresholds) for array in arrays]


# %% tags=["check"]
global_masks = lesson.accept("global_masks", global_masks)

# %% [markdown]
# ## 4. A whole model
#
# Which weights of a model may go? The **kernels** of Dense and convolution layers: they are
# nearly all of the weights, and each is one of many that add up in an output. A bias or a
# normalization weight stands alone: it moves a whole channel. There are few of them, so pruning
# them saves nothing and hurts much. Snippets that loop over `model.get_weights()` prune them all
# the same.
#
# ### Exercise 4 · Prune a model: kernels, and nothing else
#
# Write `prune_model`. It returns a **new** model in which each kernel has lost the fraction
# `sparsity` of its weights (layer by layer), and leaves the model it is given as it is.


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


# %% tags=["check"]
prune_model = lesson.accept("prune_model", prune_model)

# %% [markdown]
# In the library this is a **pass**: a small object that you call with a model. It copes with what
# your function does not (layers inside layers, attention, shared layers, models inside models),
# and says for each layer that it leaves alone why. On LeNet-5 both do the same:

# %% tags=["check"]
yours = prune_model(model, 0.8)
library = ncl.MagnitudePruning(sparsity=0.8)(model)
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
kernel_weights = sum(
    int(np.prod(model.get_layer(name).kernel.shape)) for name in layers
)

figure, axis = plt.subplots(figsize=(7, 3.6))
for name, marker in zip(layers, "os^D", strict=True):
    accuracies = []
    for sparsity in sparsities:
        only_this = ncl.MagnitudePruning(
            sparsity=sparsity, select=ncl.Selection(names=(name,))
        )
        accuracies.append(measure.accuracy(only_this(model), images))
    size = int(np.prod(model.get_layer(name).kernel.shape))
    label = f"{name}: {size:,} weights, {size / kernel_weights:.1%} of all"
    axis.plot(sparsities, accuracies, marker=marker, label=label)
axis.axhline(dense_accuracy, color="gray", linestyle=":", label="dense model")
axis.set(
    title="Few weights, great harm: the first convolution bears least",
    xlabel="sparsity of the one layer",
    ylabel="validation accuracy",
    ylim=(0, 1),
)
axis.legend(loc="lower left", fontsize=8)
figure.tight_layout()
plt.show()

# %% [markdown]
# `dense1` holds nearly all of the weights and bears most of them at zero. `conv1` holds one weight
# in a thousand, and each of them is used at every place of the image. So a good pruning takes from
# `dense1` and leaves `conv1` alone, and one percentage for all layers is a poor choice.
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
# is met.

# %% tags=["control"]
from nncompress_widgets import Goal, PruningExplorer

explorer = PruningExplorer(model, data, goal=Goal(zeros=0.75, accuracy_drop=0.03))
explorer

# %% tags=["exercise:chosen_pruning"]
# BEGIN SOLUTION
# The control can be driven from code too. Each layer keeps its own sparsity.
explorer.target, explorer.sparsity = "dense1", 0.8
explorer.target, explorer.sparsity = "conv2", 0.6
explorer.register()
# END SOLUTION
chosen_pruning = explorer.registered  # run this cell after you pressed Register

# %% tags=["wrong:chosen_pruning:keeps_the_accuracy"]
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
# measured the result itself. "Use this in my code" in the control shows how to write it.
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
tuned_90 = ncl.FineTune(epochs=2)(pruned_90, context)

# %%
from nncompress_lab.report import measure_stages

table = measure_stages(
    {
        "dense": model,
        "50 % zeros": pruned_50,
        "90 % zeros": pruned_90,
        "90 % zeros, trained": tuned_90,
    },
    data=data.validation,
)
table

# %% [markdown]
# Read it line by line.
#
# - **Accuracy**: half of the weights go almost for nothing. At 90 % the model is broken, and two
#   epochs of training repair most of it: pruning chose which connections stay, training finds new
#   values for them.
# - **.keras file**: not one byte smaller. A zero takes four bytes, like any other float32.
# - **Packed**: this is where the saving is. `ncl.pack` codes where the weights are that stayed, and
#   spends nothing on zeros. (The dense model packs well too, because its shipped weights are
#   rounded to 16 bits; the trained ones are not.)
# - **Latency**: no measurable change. The runtime multiplies by the zeros.
#
# The bold line says in words what became of the first model on its way to the last.

# %% tags=["check"]
sizes = {
    name: measure.file_sizes(each)
    for name, each in {"dense": model, "zeros": pruned_90}.items()
}
difference = abs(sizes["zeros"].keras / sizes["dense"].keras - 1)
print("The .keras files differ by less than 0.1 %:", difference < 0.001)
packed_ratio = sizes["dense"].packed / sizes["zeros"].packed
print("Packed, the file with 90 % zeros is over 6 times smaller:", packed_ratio > 6)

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one
#
# The same two models in Keras itself, one image at a time and 64 together:

# %% tags=["timing"]
measure.time_on_devices({"dense": model, "90 % zeros": pruned_90}, batch_sizes=(1, 64))

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
# ## What you predicted and what came out

# %%
lesson.compare_predictions(
    {
        "the .keras file with 90 % zeros": "same" if difference < 100 else "another",
        "the latency with 90 % zeros": table.stages[2].latency_verdict,
        "the accuracy with 90 % zeros, before any training": round(
            measure.accuracy(pruned_90, images), 2
        ),
    }
)

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in.

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
    context=ncl.Context.of(my_data, progress=False),
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
