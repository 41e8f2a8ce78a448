# ---
# jupyter:
#   nncompress:
#     lesson: "03"
#     title: Remove channels, really
#     minutes: 55
#     difficulty: 3
#     cell_seconds: 120
# ---

# %% [markdown]
# # Remove channels, really
#
# | | |
# |---|---|
# | You will be able to | take filters and units out of a network, with all that belongs to them; say what that saves before you do it; repair the statistics behind the cut without a label |
# | Time | 55 minutes, of which the computer needs about one |
# | Difficulty | 3 of 5 |
# | You need | lesson 02 (masks, and why zeros are not faster) and some NumPy |
# | Points | six exercises, one of them with a star; 15 points |
#
# In lesson 02 nine of ten weights became zero, and the model was as slow as before: a runtime
# multiplies by zeros like by any other number. So take out what can be taken out *whole*. A
# convolution makes one **channel** of its output with each of its **filters**, a Dense layer with
# each of its **units**. Without a channel the layer that makes it gets smaller, and so does the
# layer that reads it. What is left is an ordinary model with narrower layers, and every runtime
# gains from it, with no support for zeros. This is **channel pruning**, also called filter pruning or
# *structured* pruning.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("03")

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
# Validation data chooses; the test data stays closed until the end.
images = data.validation.take(1000)
original_accuracy = measure.accuracy(model, images)
lesson

# %% [markdown]
# ## Predict
#
# Below, every layer of LeNet-5 but the last loses half of its channels, once with zeros in their
# place and once really. Later a bigger network, ResNet-20, loses a quarter of its channels. Guess first:
# replace each `...`. Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "LeNet-5, half of the channels at zero: how many times faster": ...,  # 1.5
        "LeNet-5, half of the channels gone: how many times faster": ...,  # 1.5
        "LeNet-5, half of the channels gone: how many times fewer MACs": ...,  # 1.5
        "ResNet-20 without a quarter of its channels: accuracy": ...,  # 0 to 1
        "and after it has seen 512 images, without their labels": ...,  # 0 to 1
    }
)

# %% [markdown]
# ## 1. Which channel matters least?
#
# The oldest answer: the one whose weights are smallest. Here are the four weights that make
# each of three units, and what they add up to without their signs:

# %%
weights = np.array(
    [
        [0.02, -0.47, 0.12],
        [-0.61, 0.08, -0.29],
        [0.33, -0.01, 0.74],
        [0.05, 0.90, -0.03],
    ]
)
figures.matrices(
    "Each column makes one unit; the first has the smallest weights",
    weights=weights,
    first_column=weights[:, :1],
    its_norm=np.abs(weights[:, :1]).sum(axis=0, keepdims=True),
)

# %% [markdown]
# This is the $\ell_1$ norm of a filter. With $w$ the kernel, $c$ the channel and $i$ everything else that the
# kernel counts (its inputs and, in a convolution, the places of its window), it is
#
# $$n_c = \sum_i |w_{i,c}|$$
#
# Most published code for it was written for PyTorch, whose kernels have the filters *first*: `(filters,
# inputs, height, width)`. Brought over to Keras, where they are last, it still runs:


# %%
def weakest_snippet(kernel, count):
    norms = np.sum(np.abs(kernel), axis=(1, 2, 3))
    return np.argsort(norms)[:count]


conv2 = keras.ops.convert_to_numpy(model.get_layer("conv2").kernel)

# %% tags=["check"]
print("kernel (height, width, inputs, filters):", conv2.shape)
print("asked for the 25 weakest of 50 filters: got", len(weakest_snippet(conv2, 25)))
print("asked for the 3 weakest:", sorted(weakest_snippet(conv2, 3).tolist()))
print("numbers that it can return at all:", list(range(len(conv2))))

# %% [markdown]
# It has ranked the five *rows* of the window. Asked for three filters it names three of the numbers
# 0 to 4, whatever the weights of the filters are; the model would lose some of its first filters, and nobody
# would notice until the accuracy is measured.
#
# ### Exercise 1 · How large is each filter?
#
# Write `filter_norms`: the $\ell_1$ norm of each output of a Keras kernel, whose outputs are on the
# **last** axis: `(inputs, outputs)` or `(height, width, inputs, outputs)`.


# %% tags=["exercise:filter_norms"]
def filter_norms(kernel):
    """Return one number for each output: the sum of the magnitudes that make it."""
    # BEGIN SOLUTION
    return np.sum(np.abs(kernel), axis=tuple(range(kernel.ndim - 1)))
    # END SOLUTION


# %% tags=["wrong:filter_norms:is_one_norm_a_filter"]
def filter_norms(kernel):
    return np.sum(np.abs(kernel), axis=(1, 2, 3))


# %% tags=["wrong:filter_norms:is_one_norm_a_filter"]
def filter_norms(kernel):
    return np.sum(np.abs(kernel), axis=0)


# %% tags=["wrong:filter_norms:counts_negative_weights"]
def filter_norms(kernel):
    return np.sum(kernel, axis=tuple(range(kernel.ndim - 1)))


# %% tags=["wrong:filter_norms:adds_the_magnitudes_up"]
def filter_norms(kernel):
    return np.sqrt(np.sum(kernel**2, axis=tuple(range(kernel.ndim - 1))))


# %% tags=["wrong:filter_norms:adds_the_magnitudes_up"]
def filter_norms(kernel):
    return np.mean(np.abs(kernel), axis=tuple(range(kernel.ndim - 1)))


# %% tags=["check"]
filter_norms = lesson.accept("filter_norms", filter_norms)

# %%
kernel = keras.ops.convert_to_numpy(model.get_layer("conv1").kernel)
order = np.argsort(-filter_norms(kernel))
shown = order[[0, 1, 2, 3, 4, -5, -4, -3, -2, -1]]
figures.images(
    "The five largest and the five smallest of conv1's 20 filters, and their norms",
    np.abs(kernel[:, :, 0, shown]).transpose(2, 0, 1),
    [f"{norm:.1f}" for norm in filter_norms(kernel)[shown]],
    framed=range(5, 10),
    darkest=np.abs(kernel).max(),
)

# %% [markdown]
# ## 2. A layer and its reader
#
# A channel leaves traces in more than one array. In a small network of two Dense layers, take the
# second unit of the first layer out:

# %%
first = weights
second = np.array([[0.5, -0.2], [0.8, 0.1], [-0.3, 0.6]])
figures.matrices(
    "One unit goes: a column of the layer that makes it, a row of the layer that reads it",
    first_layer=first,
    without_unit_2=np.delete(first, 1, axis=1),
    second_layer=second,
    without_its_row=np.delete(second, 1, axis=0),
)

# %% tags=["check"]
inputs = np.array([1.0, -2.0, 0.5, 3.0])
zeroed = first * [1, 0, 1]
narrow_outputs = (inputs @ np.delete(first, 1, axis=1)) @ np.delete(second, 1, axis=0)
print("with zeros in the column:", np.round(inputs @ zeroed @ second, 4).tolist())
print("without column and row: ", np.round(narrow_outputs, 4).tolist())
print("same outputs:", np.allclose(inputs @ zeroed @ second, narrow_outputs))

# %% [markdown]
# The same sums, with a term that was zero left out. In formulas, with $h$ the outputs of the first
# layer, $v$ the kernel of its reader, $o$ its outputs and $K$ the channels that are kept:
#
# $$\sum_{c} h_c \, v_{c,o} \;=\; \sum_{c \in K} h_c \, v_{c,o} \qquad \text{if } h_c = 0 \text{ for all } c \notin K$$
#
# In a real network more arrays count the channel:
#
# - the **kernel** that makes it, on its last axis;
# - every **vector** with one number a channel: the bias, and the gamma, beta, mean and variance of a
#   BatchNormalization;
# - the **reader's** kernel, on its last axis but one: `(inputs, outputs)`, `(height, width, inputs, outputs)`;
# - a Dense layer behind a **Flatten**. Flatten writes the image out place by place, and *at each
#   place* all channels: number 0 of 50, 1 of 50, and so on, then again for the next place. So
#   one channel is not one row of the Dense kernel, and not a block of rows either.
#
# ### Exercise 2 · Cut a layer and its reader
#
# Write `narrow`. It gets the kernel of a layer, a list of the vectors that belong to its channels,
# the kernel of its reader and `keep`, a boolean array that is True for each channel that stays.
# It returns the three of them, shorter. The reader is a Dense layer or a convolution; its number of inputs is
# that of the channels, or, behind a Flatten, a multiple of it.


# %% tags=["exercise:narrow"]
def narrow(kernel, vectors, reader, keep):
    """Return (kernel, vectors, reader) with the channels that `keep` marks.

    kernel: outputs on the last axis. vectors: list of arrays, one number a channel.
    reader: inputs on the last axis but one. keep: one truth value a channel.
    """
    # BEGIN SOLUTION
    outputs = reader.shape[-1]
    blocks = reader.reshape(-1, keep.size, outputs)[:, keep]
    return (
        kernel[..., keep],
        [vector[keep] for vector in vectors],
        blocks.reshape(*reader.shape[:-2], -1, outputs),
    )
    # END SOLUTION


# %% tags=["wrong:narrow:cuts_the_reader"]
def narrow(kernel, vectors, reader, keep):
    return kernel[..., keep], [vector[keep] for vector in vectors], reader


# %% tags=["wrong:narrow:removes_and_does_not_zero"]
def narrow(kernel, vectors, reader, keep):
    kernel = np.where(keep, kernel, 0)
    return kernel, [np.where(keep, vector, 0) for vector in vectors], reader


# %% tags=["wrong:narrow:cuts_every_vector"]
def narrow(kernel, vectors, reader, keep):
    blocks = reader.reshape(-1, keep.size, reader.shape[-1])[:, keep]
    reader = blocks.reshape(*reader.shape[:-2], -1, reader.shape[-1])
    return kernel[..., keep], vectors, reader


# %% tags=["wrong:narrow:follows_flatten"]
def narrow(kernel, vectors, reader, keep):
    # as if Flatten put all places of one channel beside each other
    repeated = np.repeat(keep, reader.shape[-2] // keep.size)
    reader = np.compress(repeated, reader, axis=-2)
    return kernel[..., keep], [vector[keep] for vector in vectors], reader


# %% tags=["wrong:narrow:follows_flatten"]
def narrow(kernel, vectors, reader, keep):
    # a channel is one row, which it is not behind a Flatten
    reader = np.compress(keep, reader, axis=-2)
    return kernel[..., keep], [vector[keep] for vector in vectors], reader


# %% tags=["wrong:narrow:cuts_the_reader"]
def narrow(kernel, vectors, reader, keep):
    reader = reader[..., : keep.sum(), :]  # the first ones, whoever they are
    return kernel[..., keep], [vector[keep] for vector in vectors], reader


# %% tags=["wrong:narrow:cuts_the_layer"]
def narrow(kernel, vectors, reader, keep):
    blocks = reader.reshape(-1, keep.size, reader.shape[-1])[:, ~keep]
    reader = blocks.reshape(*reader.shape[:-2], -1, reader.shape[-1])
    return kernel[..., ~keep], [vector[~keep] for vector in vectors], reader


# %% tags=["check"]
narrow = lesson.accept("narrow", narrow)

# %% [markdown]
# ## 3. The same function, stored two ways
#
# Now LeNet-5. Half of the channels of each layer go, those with the smallest norms; the ten classes
# stay. First the **masked** model: the weights that make these channels are zero.

# %%
layers = ["conv1", "conv2", "dense1", "logits"]
weights_of = {name: model.get_layer(name).get_weights() for name in layers}
keep_of = {}
for name in layers[:-1]:
    norms = filter_norms(weights_of[name][0])
    keep_of[name] = np.ones(norms.size, dtype=bool)
    keep_of[name][np.argsort(norms, kind="stable")[: norms.size // 2]] = False

masked = ncl.copy_model(model)
for name, keep in keep_of.items():
    kernel, bias = weights_of[name]
    masked.get_layer(name).set_weights(
        [np.where(keep, each, 0) for each in (kernel, bias)]
    )

# %% [markdown]
# Then the **narrowed** model: your `narrow` goes from layer to layer, and what comes out is put into a
# LeNet-5 that was built with fewer filters and units.

# %%
from itertools import pairwise

left = dict(weights_of)
for name, reader in pairwise(layers):
    kernel, [bias], read = narrow(
        left[name][0], [left[name][1]], left[reader][0], keep_of[name]
    )
    left[name], left[reader] = [kernel, bias], [read, left[reader][1]]

make = keras.layers
narrowed = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        make.Conv2D(len(left["conv1"][1]), 5, name="conv1"),
        make.MaxPooling2D(),
        make.Conv2D(len(left["conv2"][1]), 5, name="conv2"),
        make.MaxPooling2D(),
        make.Flatten(),
        make.Dense(len(left["dense1"][1]), activation="relu", name="dense1"),
        make.Dense(10, name="logits"),
    ]
)
for name in layers:
    narrowed.get_layer(name).set_weights(left[name])

# %% tags=["check"]
outputs_of = {
    name: each.predict(images.x, verbose=0)
    for name, each in {"masked": masked, "narrowed": narrowed}.items()
}
difference = np.abs(outputs_of["masked"] - outputs_of["narrowed"]).max()
largest = np.abs(outputs_of["masked"]).max()
library = ncl.ChannelPruning(sparsity=0.5)(model)
same_weights = all(map(np.array_equal, narrowed.get_weights(), library.get_weights()))
print(
    "same outputs on 1,000 images, to 1e-5 of the largest:", difference < 1e-5 * largest
)
print("the library's ChannelPruning(sparsity=0.5) has the same weights:", same_weights)

# %% [markdown]
# ### Exercise 3 · Count what is left
#
# Before you look at what that saved: how many MACs should be left? A layer with $P$ positions, a
# window of $W$ places, $I$ inputs and $O$ outputs takes
#
# $$\text{MACs} = P \cdot W \cdot I \cdot O$$
#
# Write `macs_left` for a chain of layers, each given as `(positions, window, inputs, outputs)`. Each but
# the last keeps `round(fraction * outputs)` of its outputs, and the next one reads what is left. The
# inputs of the first layer and the outputs of the last stay: they are the image and the classes. (A
# Dense layer behind a Flatten counts the places of the image as its window.)


# %% tags=["exercise:macs_left"]
def macs_left(layers, fraction):
    """Return the MACs of a chain of layers after all have lost channels.

    layers: list of (positions, window, inputs, outputs). fraction: that stays, in (0, 1].
    """
    # BEGIN SOLUTION
    total, inputs = 0, layers[0][2]
    for place, (positions, window, _, outputs) in enumerate(layers, start=1):
        kept = outputs if place == len(layers) else round(fraction * outputs)
        total += positions * window * inputs * kept
        inputs = kept
    return total
    # END SOLUTION


# %% tags=["wrong:macs_left:shrinks_readers_too"]
def macs_left(layers, fraction):
    total = 0
    for place, (positions, window, inputs, outputs) in enumerate(layers, start=1):
        kept = outputs if place == len(layers) else round(fraction * outputs)
        total += positions * window * inputs * kept
    return total


# %% tags=["wrong:macs_left:shrinks_readers_too"]
def macs_left(layers, fraction):
    return sum(p * w * i * o * fraction**2 for p, w, i, o in layers)


# %% tags=["wrong:macs_left:keeps_the_ends_of_the_model"]
def macs_left(layers, fraction):
    total, inputs = 0, layers[0][2]
    for place, (positions, window, _, outputs) in enumerate(layers):
        last = place and place == len(layers) - 1
        kept = outputs if last else round(fraction * outputs)
        total += positions * window * inputs * kept
        inputs = kept
    return total


# %% tags=["wrong:macs_left:rounds_as_the_text_says"]
def macs_left(layers, fraction):
    total, inputs = 0, layers[0][2]
    for place, (positions, window, _, outputs) in enumerate(layers, start=1):
        kept = outputs if place == len(layers) else int(fraction * outputs)
        total += positions * window * inputs * kept
        inputs = kept
    return total


# %% tags=["check"]
macs_left = lesson.accept("macs_left", macs_left)

# %% tags=["predicted"]
lenet5 = [
    (24 * 24, 25, 1, 20),
    (8 * 8, 25, 20, 50),
    (1, 4 * 4, 50, 500),
    (1, 1, 500, 10),
]
counted = {fraction: macs_left(lenet5, fraction) for fraction in (1.0, 0.75, 0.5, 0.25)}
print("as measure.macs counts:", counted[1.0] == measure.macs(model))
print("and for the narrowed model:", counted[0.5] == measure.macs(narrowed))
figures.bars(
    "Half of the channels are nearly a quarter of the MACs",
    {
        f"{fraction:.0%} of the channels": macs / 1e6
        for fraction, macs in counted.items()
    },
    "million MACs an image",
    marked=["50% of the channels"],
)

# %% [markdown]
# A layer in the middle shrinks on both of its sides. Only the first and the last shrink on one.
#
# ## 4. What did it save?
#
# Three models: as trained, half of the channels at zero, half of the channels gone. Two epochs of training
# follow for the narrowed one (`FineTune`), as is usual after any pruning.

# %%
context = ncl.Context.of(data, progress=False)
with lesson.working("Training for two epochs", seconds=8):
    tuned = ncl.FineTune(epochs=2)(library, context)

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

stages = {
    "original": model,
    "half at zero": masked,
    "half gone": library,
    "half gone, trained": tuned,
}
with lesson.working("Measuring four models", seconds=12):
    report = measure_stages(stages, data=data.validation)
report

# %% [markdown]
# Read the second and the third line together: they are one function, stored two ways.
#
# - **Accuracy**: equal, of course, and far below the original. It comes back with training; more of
#   this in the next section.
# - **MACs, in memory, .keras**: zeros save nothing, narrow layers nearly three quarters.
# - **Latency**: the runtime multiplies by zeros as fast as by other numbers. The narrow model has 3.5
#   times fewer multiplications, and is two to four times as fast: how much of it you see depends on the
#   machine, since every layer has a fixed cost too.
#
# No format, no special kernel and no support for sparsity were needed. It is a smaller LeNet-5.

# %% tags=["check"]
by_name = {stage.name: stage for stage in report.stages}
zeros, gone = by_name["half at zero"], by_name["half gone"]
print(
    "same accuracy to one image of 2,000:", abs(zeros.accuracy - gone.accuracy) < 0.001
)
print("MACs of the masked model as before:", zeros.macs == by_name["original"].macs)
print("bytes in memory, times fewer:", round(zeros.memory_bytes / gone.memory_bytes, 1))

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one
#
# In Keras itself, one image at a time and 64 together:

# %% tags=["timing", "predicted"]
three = {"original": model, "half at zero": masked, "half gone": library}
with lesson.working("Timing three models, twice", seconds=10):
    times = measure.time_on_devices(three, batch_sizes=(1, 64))
times

# %% [markdown]
# ## 5. Your turn, with the control
#
# How far can LeNet-5 go without any training? The control removes channels from the real model. The
# bars are its layers, drawn to their channels; below them are the filters of one layer, the
# best first, and those that go are grey. Choose a layer and its width, or a budget of MACs for
# all. The **criterion** says which channels go first: a norm of their weights (`l1`, `l2`), or, with
# `taylor`, by how much the loss would change without them, estimated on 512 training images from the
# gradient. The button below trains the narrow model for one epoch.
#
# ### Exercise 4 · Meet the goal with the control
#
# Reach the goal that the control states, **without any training**. Press **Register** when the goal is met,
# then **Use this in my code** and **Insert as my answer**: the setting stands in the cell here as code.
# Run that cell, then the check. (Or write the pass by hand: it is one line.)

# %% tags=["exercise:chosen_channels"]
# BEGIN SOLUTION
chosen_channels = ncl.ChannelPruning(macs=0.5, criterion="taylor")
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import ChannelExplorer, Goal

explorer = ChannelExplorer(
    model,
    data,
    goal=Goal(macs=1_150_000, accuracy_drop=0.05),
    answer="chosen_channels",
)
explorer

# %% tags=["wrong:chosen_channels:keeps_enough_accuracy"]
chosen_channels = ncl.ChannelPruning(macs=0.5)

# %% tags=["wrong:chosen_channels:takes_few_enough_macs"]
chosen_channels = ncl.ChannelPruning(macs=0.7, criterion="taylor")

# %% tags=["wrong:chosen_channels:takes_few_enough_macs"]
chosen_channels = ncl.MagnitudePruning(sparsity=0.5)

# %% tags=["wrong:chosen_channels:is_registered"]
chosen_channels = ncl.pipeline(ncl.ChannelPruning(macs=0.5), ncl.FineTune(epochs=1))

# %% tags=["wrong:chosen_channels:is_registered"]
chosen_channels = 0.5

# %% tags=["check"]
lesson.check("chosen_channels", chosen_channels)

# %% tags=["predicted"]
name, choice = "half of the MACs", ncl.ChannelPruning(macs=0.5)
if isinstance(chosen_channels, ncl.Pass):
    name, choice = "your choice", chosen_channels
with lesson.working(f"Measuring {name}", seconds=5):
    pair = {"original": model, name: choice(model, context)}
    report_of_choice = measure_stages(pair, data=data.validation)
report_of_choice

# %% [markdown]
# ## 6. What an addition ties together, and what a cut does to statistics
#
# ResNet-20 has shortcuts: the input of a block is *added* to its output. Channel 7 of a sum is made by
# channel 7 of both of its inputs, so none of the two can lose it alone. The library follows the
# channels through the network and lists what goes together:

# %% tags=["check"]
resnet = ncl.zoo.resnet20()
for group in ncl.channel_groups(resnet):
    if len(group.made_by) > 1:
        print(group.channels, "channels, cut together:", ", ".join(group.made_by))

# %% [markdown]
# Take a quarter of the channels of every group out. Then let the narrow network look at 512
# training images, *without their labels*: `ReestimateBatchNorm` measures the mean and the variance of
# what comes into each BatchNormalization, one layer after the other, and writes them into it.

# %% tags=["predicted"]
with lesson.working("ResNet-20: pruning and measuring three times", seconds=12):
    quarter = ncl.ChannelPruning(sparsity=0.25)(resnet)
    # 128 images at a time, for less memory.
    remeasure = ncl.ReestimateBatchNorm(examples=512, batch_size=128)
    remeasured = remeasure(quarter, context)
    resnet_accuracy = {
        "original": measure.accuracy(resnet, images),
        "a quarter gone": measure.accuracy(quarter, images),
        "statistics measured again": measure.accuracy(remeasured, images),
    }
figures.bars(
    "Nothing was trained: 512 images without labels brought most of it back",
    resnet_accuracy,
    "validation accuracy",
    marked=["statistics measured again"],
)

# %% tags=["check"]
kernels = [
    [weight for weight in each.get_weights() if weight.ndim > 1]
    for each in (quarter, remeasured)
]
print("same kernels:", all(map(np.array_equal, *kernels)))
print("same MACs:", measure.macs(quarter) == measure.macs(remeasured))
print("of what was lost, more than half came back:", end=" ")
lost, regained = (
    resnet_accuracy[name] - resnet_accuracy["a quarter gone"]
    for name in ("original", "statistics measured again")
)
print(regained > lost / 2)

# %% [markdown]
# ### Exercise 5 · What did 512 images without labels repair?
#
# a) They trained the kernels that are left.
#
# b) They told which channels were removed by mistake, and these came back.
#
# c) Sums of fewer channels have another mean and variance; the stored ones were those of the original
# model.
#
# d) The images came from the validation set, so the accuracy is not honest.

# %% tags=["exercise:why_statistics"]
# BEGIN SOLUTION
why_statistics = "c"
# END SOLUTION

# %% tags=["wrong:why_statistics:is_not_a"]
why_statistics = "a"

# %% tags=["wrong:why_statistics:is_not_d"]
why_statistics = "d"

# %% tags=["check"]
lesson.check("why_statistics", why_statistics)

# %% [markdown]
# ### ★ Exercise 6 · What an addition ties together
#
# Write `tied_layers`, the heart of what the library does with a network of additions. It gets a
# dictionary: the name of each sum with the names of its two inputs, which are layers or sums that came
# before. It returns a list of sets, each with the *layers* that must lose their channels together.
# There is no recipe for this one. An example:
# `{"sum": ("conv1", "conv2")}` gives `[{"conv1", "conv2"}]`.


# %% tags=["exercise:tied_layers"]
def tied_layers(adds):
    """Return a list of sets of layers whose channels are added to each other.

    adds: dict from the name of a sum to the names of its two inputs, in order.
    """
    # BEGIN SOLUTION
    tied = []
    for name, inputs in adds.items():
        group = {name, *inputs}
        touching = [one for one in tied if one & group]
        tied = [one for one in tied if one not in touching]
        tied.append(group.union(*touching))
    return [group - set(adds) for group in tied]
    # END SOLUTION


# %% tags=["wrong:tied_layers:names_layers_and_no_sums"]
def tied_layers(adds):
    return [set(inputs) for inputs in adds.values()]


# %% tags=["wrong:tied_layers:follows_sums_of_sums"]
def tied_layers(adds):
    return [set(inputs) - set(adds) for inputs in adds.values()]


# %% tags=["wrong:tied_layers:keeps_other_stages_apart"]
def tied_layers(adds):
    return [{name for inputs in adds.values() for name in inputs} - set(adds)]


# %% tags=["wrong:tied_layers:joins_groups_that_meet_later"]
def tied_layers(adds):
    tied = []
    for name, inputs in adds.items():
        for group in tied:
            if group & set(inputs):
                group |= {name, *inputs}
                break
        else:
            tied.append({name, *inputs})
    return [group - set(adds) for group in tied]


# %% tags=["check"]
tied_layers = lesson.accept("tied_layers", tied_layers)

# %% tags=["check"]
adds = {}
before = "stem"
for block in (f"stage{stage}_{number}" for stage in range(3) for number in range(3)):
    wider = any(layer.name == f"{block}_shortcut" for layer in resnet.layers)
    adds[f"{block}_add"] = (f"{block}_shortcut" if wider else before, f"{block}_conv2")
    before = f"{block}_add"
yours = {frozenset(group) for group in tied_layers(adds)}
groups = [group for group in ncl.channel_groups(resnet) if len(group.made_by) > 1]
print(
    "same groups as the library's:", yours == {frozenset(one.made_by) for one in groups}
)

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
lesson.compare_predictions(
    {
        "LeNet-5, half of the channels at zero: how many times faster": round(
            zeros.speedup or 0, 2
        ),
        "LeNet-5, half of the channels gone: how many times faster": round(
            gone.speedup or 0, 2
        ),
        "LeNet-5, half of the channels gone: how many times fewer MACs": round(
            zeros.macs / gone.macs, 1
        ),
        "ResNet-20 without a quarter of its channels: accuracy": round(
            resnet_accuracy["a quarter gone"], 2
        ),
        "and after it has seen 512 images, without their labels": round(
            resnet_accuracy["statistics measured again"], 2
        ),
    }
)

# %% [markdown]
# ## Into the table
#
# Your models beside those of the lessons before:

# %% tags=["predicted"]
for each in (report, report_of_choice):
    lesson.table.add(each, model="LeNet-5", technique="channel pruning")
lesson.table

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in, and train on all of it. `ncl.channel_groups(my_model)` says
# what is tied together, and why some channels cannot be cut.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()

result = ncl.compress(
    my_model,
    ncl.ChannelPruning(macs=0.5, criterion="taylor", round_to=4),
    ncl.ReestimateBatchNorm(),  # does nothing to a model without BatchNormalization
    ncl.FineTune(epochs=1),
    context=ncl.Context.of(my_data, train=my_data.train.take(2560), progress=False),
)
result.measured(latency=False)

# %% [markdown]
# ## Further reading
#
# - Li, Kadav, Durdanovic, Samet, Graf, [Pruning Filters for Efficient
#   ConvNets](https://arxiv.org/abs/1608.08710), ICLR 2017: norms, readers, shortcuts.
# - Molchanov, Mallya, Tyree, Frosio, Kautz, [Importance Estimation for Neural Network
#   Pruning](https://arxiv.org/abs/1906.10771), CVPR 2019: the Taylor criterion.
# - Li, Wu, Su, Wang, [EagleEye: Fast Sub-net Evaluation for Efficient Neural Network
#   Pruning](https://arxiv.org/abs/2007.02491), ECCV 2020: why a pruned network must be judged with its own
#   statistics.

# %% tags=["check"]
lesson.score()
