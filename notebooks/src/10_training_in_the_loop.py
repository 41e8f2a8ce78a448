# ---
# jupyter:
#   nncompress:
#     lesson: "10"
#     title: Training with compression in the loop
#     minutes: 60
#     difficulty: 4
#     cell_seconds: 240
# ---

# %% [markdown]
# # Training with compression in the loop
#
# | | |
# |---|---|
# | You will be able to | prune a network while it trains, with zeros that stay zero; train weights through their own rounding; tell what the schedule brought, and what the training |
# | Time | 60 minutes, of which the computer needs about one |
# | Difficulty | 4 of 5 |
# | You need | lessons 02 (masks) and 04 (scale, codes); a gradient is the slope of a loss |
# | Points | seven exercises, one of them with a star; 16 points |
#
# In lesson 02 LeNet-5 broke when most of its weights were set to zero, in lesson 04 when its weights had two bits.
# Both times the network was given no chance to adapt. Now it trains *while* it is compressed, and ends with 95 % of its
# weights at zero, or with two bits a weight, a few points below the original.
#
# Two things stand in the way, and you write what removes them: training fills zeros again, and rounding has no
# slope that a training could follow.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("10")

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
# Guess first: replace each `...`. Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "accuracy with 95 % zeros, pruned at once by one threshold": ...,  # 0 to 1
        "accuracy with 95 % zeros, after four epochs that prune meanwhile": ...,  # 0 to 1
        "accuracy with 2-bit weights, after two epochs through the rounding": ...,
    }
)

# %% [markdown]
# ## 1. At once, or slowly
#
# Six weights of a linear model, $\hat y = x^\top w$, whose inputs resemble each other. Four of them are to go. At once:
# the four smallest. Slowly: the smallest, then the others are fitted again, then the smallest of those that are left,
# and so on. What stays can take over what went, and *which* weights stay changes too:

# %%
random = np.random.default_rng(3)
shared = random.normal(size=(400, 2))
x = shared @ random.normal(size=(2, 6)) + 0.4 * random.normal(size=(400, 6))
weights = np.array([0.9, -0.5, 0.45, 0.7, -0.4, 0.6])
y = x @ weights


def fitted(kept):
    """The weights that fit y best if only those in `kept` are used."""
    found = np.zeros(6)
    found[kept] = np.linalg.lstsq(x[:, kept], y, rcond=None)[0]
    return found


slowly = weights
for count in (5, 4, 3, 2):
    slowly = fitted(np.sort(np.argsort(np.abs(slowly))[-count:]))
at_once = np.where(np.abs(weights) >= np.sort(np.abs(weights))[-2], weights, 0)
fitted_after = fitted(np.flatnonzero(at_once))
figures.matrices(
    "Two of six weights stay: slowly, others stay, and they take over",
    weights=weights.reshape(3, 2),
    at_once=at_once.reshape(3, 2),
    then_fitted=fitted_after.reshape(3, 2),
    slowly=slowly.reshape(3, 2),
)

# %% tags=["check"]
for name, each in (
    ("at once", at_once),
    ("at once, then fitted", fitted_after),
    ("slowly", slowly),
):
    lost = np.mean((x @ each - y) ** 2) / np.mean(y**2)
    print(f"{name}: {lost:.0%} of the output is lost")

# %% [markdown]
# How fast is slowly? At the beginning there are many weights to spare, at the end few. The **cubic schedule** (Zhu and
# Gupta, 2017) prunes fast at first and then ever more carefully. Between the steps $b$ and $e$ of a training, to the
# final sparsity $S$:
#
# $$s(t) = S \cdot \left(1 - \left(1 - \frac{t - b}{e - b}\right)^3\right)$$
#
# A **step** $t$ is one update of the weights, for one batch. For comparison a straight line, which is this code:

# %%
steps = np.arange(0, 101, 10)
line = [0.95 * min(max((step - 20) / (80 - 20), 0), 1) for step in steps]
figures.curves(
    "A straight line from step 20 to step 80: as many weights at the end as at the start",
    {"straight line": line},
    steps,
    xlabel="step",
    ylabel="sparsity",
    level=("final sparsity", 0.95),
)

# %% [markdown]
# ### Exercise 1 · The cubic schedule
#
# Write `sparsity_at`. Before `begin` it is 0, after `end` it stays at the final sparsity.


# %% tags=["exercise:sparsity_at"]
def sparsity_at(step, begin, end, sparsity):
    """Return the sparsity at this step of a pruning from step begin to step end."""
    # BEGIN SOLUTION
    part = min(max((step - begin) / (end - begin), 0), 1)
    return sparsity * (1 - (1 - part) ** 3)
    # END SOLUTION


# %% tags=["wrong:sparsity_at:stays_within_the_two_ends"]
def sparsity_at(step, begin, end, sparsity):
    part = (step - begin) / (end - begin)
    return sparsity * (1 - (1 - part) ** 3)


# %% tags=["wrong:sparsity_at:is_fast_at_first"]
def sparsity_at(step, begin, end, sparsity):
    part = min(max((step - begin) / (end - begin), 0), 1)
    return sparsity * part**3


# %% tags=["wrong:sparsity_at:begins_with_nothing_and_ends_with_all"]
def sparsity_at(step, begin, end, sparsity):
    part = min(max((step - begin) / (end - begin), 0), 1)
    return sparsity * (1 - part) ** 3


# %% tags=["wrong:sparsity_at:begins_with_nothing_and_ends_with_all"]
def sparsity_at(step, begin, end, sparsity):
    part = min(max(step / end, 0), 1)
    return sparsity * (1 - (1 - part) ** 3)


# %% tags=["check"]
sparsity_at = lesson.accept("sparsity_at", sparsity_at)

# %% [markdown]
# A schedule is told its ends in *steps*. Many snippets hand it *epochs*, and it takes them without a word:

# %% tags=["check"]
steps_per_epoch = data.train.steps(128)
for end in (3, 3 * steps_per_epoch):
    after = [round(sparsity_at(step, 0, end, 0.95), 2) for step in (1, 3, 60)]
    print(f"end={end}: sparsity after 1, 3 and 60 steps:", after)

# %% [markdown]
# With `end=3`, meant as three epochs, everything is over after three batches: that is pruning at once, under another
# name. The library's passes take fractions of the training, so that there is nothing to mix up.
#
# ## 2. Training fills the zeros
#
# What circulates: set the small weights to zero, then call `fit`. Here with 2,560 images, which is enough to see it:

# %%
few = data.train.take(2560)


def trained_briefly(pruned, prepare=lambda copy: None):
    """A copy of a model after one epoch on the few images; `prepare` is called before it."""
    copy = keras.models.clone_model(pruned)
    copy.set_weights(pruned.get_weights())
    copy.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    prepare(copy)
    copy.fit(few.x, few.y, batch_size=128, verbose=0)
    return copy


def zeros_of(one):
    """The part of the kernel weights that is zero."""
    kernels = [w for w in one.get_weights() if w.ndim > 1]
    return sum(np.sum(w == 0) for w in kernels) / sum(w.size for w in kernels)


pruned = ncl.MagnitudePruning(sparsity=0.95, scope="adaptive")(model)
filled = trained_briefly(pruned)

# %% tags=["check"]
print(f"zeros before: {zeros_of(pruned):.0%}")
print("hardly one in fifty is left after one epoch:", zeros_of(filled) < 0.02)

# %% [markdown]
# The optimizer knows nothing of masks: it moves each weight that has a gradient. So it must be told. Keras applies the
# **constraint** of a variable after each update, a function from the new weights to those that are allowed. This one keeps
# a kernel within ±0.1; note that its limit is bound when it is made:

# %% tags=["check"]
narrow = keras.models.clone_model(model)
narrow.set_weights(model.get_weights())
for layer in narrow.layers:
    if hasattr(layer, "kernel"):
        layer.kernel.constraint = lambda w, limit=0.1: keras.ops.clip(w, -limit, limit)
narrow.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
narrow.train_on_batch(few.x[:128], few.y[:128])
largest = [
    float(keras.ops.max(keras.ops.abs(layer.kernel)))
    for layer in narrow.layers
    if hasattr(layer, "kernel")
]
print("largest weights after one step:", np.round(largest, 2).tolist())

# %% [markdown]
# ### Exercise 2 · Zeros that survive the training
#
# Write `keep_zeros`: from the call on, kernel weights that are zero *now* stay zero in training, and everything else
# trains, biases too. The model is compiled, and was perhaps trained before. Keras compiles a training step at the first
# `fit` and goes on with it: `model.train_function = None` makes it build the step anew.


# %% tags=["exercise:keep_zeros"]
def keep_zeros(model):
    """Let the kernel weights that are zero now stay zero in training. Returns nothing."""
    # BEGIN SOLUTION
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            mask = keras.ops.convert_to_numpy(layer.kernel) != 0
            layer.kernel.constraint = lambda w, mask=mask: w * mask
    model.train_function = None
    # END SOLUTION


# %% tags=["wrong:keep_zeros:works_after_a_first_fit"]
def keep_zeros(model):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            mask = keras.ops.convert_to_numpy(layer.kernel) != 0
            layer.kernel.constraint = lambda w, mask=mask: w * mask


# %% tags=["wrong:keep_zeros:holds_the_zeros"]
def keep_zeros(model):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            mask = keras.ops.convert_to_numpy(layer.kernel) != 0
            layer.kernel.constraint = lambda w: w * mask  # noqa: B023
    model.train_function = None


# %% tags=["wrong:keep_zeros:holds_the_zeros"]
def keep_zeros(model):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            mask = keras.ops.convert_to_numpy(layer.kernel) != 0
            layer.kernel.assign(layer.kernel * mask)
    model.train_function = None


# %% tags=["wrong:keep_zeros:holds_the_zeros"]
def keep_zeros(model):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.constraint = lambda w: w * keras.ops.cast(w != 0, w.dtype)
    model.train_function = None


# %% tags=["wrong:keep_zeros:holds_the_zeros"]
def keep_zeros(model):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            mask = keras.ops.convert_to_numpy(layer.kernel) != 0
            layer.kernel_constraint = lambda w, mask=mask: w * mask
    model.train_function = None


# %% tags=["wrong:keep_zeros:holds_the_zeros"]
def keep_zeros(model):
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            mask = keras.ops.convert_to_numpy(layer.kernel) != 0
            layer.kernel.constraint = lambda w, mask=mask: w * mask
    model.train_function = None


# %% tags=["wrong:keep_zeros:lets_the_other_weights_train"]
def keep_zeros(model):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            mask = np.abs(keras.ops.convert_to_numpy(layer.kernel)) > 0.01
            layer.kernel.constraint = lambda w, mask=mask: w * mask
    model.train_function = None


# %% tags=["wrong:keep_zeros:hands_back_the_weights"]
def keep_zeros(model):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            mask = keras.ops.convert_to_numpy(layer.kernel) != 0
            layer.kernel.constraint = lambda w, mask=mask: keras.ops.cast(mask, w.dtype)
    model.train_function = None


# %% tags=["wrong:keep_zeros:lets_biases_train"]
def keep_zeros(model):
    for weight in model.trainable_variables:
        mask = keras.ops.convert_to_numpy(weight) != 0
        weight.constraint = lambda w, mask=mask: w * mask
    model.train_function = None


# %% tags=["wrong:keep_zeros:lets_the_other_weights_train"]
def keep_zeros(model):
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.constraint = lambda w, kernel=kernel: (
                keras.ops.convert_to_tensor(kernel)
            )
    model.train_function = None


# %% tags=["check"]
keep_zeros = lesson.accept("keep_zeros", keep_zeros)

# %% tags=["check"]
kept = trained_briefly(pruned, prepare=keep_zeros)
print(f"zeros before and after: {zeros_of(pruned):.0%} and {zeros_of(kept):.0%}")

# %% tags=["predicted"]
print(f"accuracy before and after: {measure.accuracy(pruned, images):.2f}", end=" ")
print(f"and {measure.accuracy(kept, images):.2f}")

# %% [markdown]
# Twenty steps of training bring back a part of what was lost. In a training of your own, `with ncl.keeping_zeros(model):`
# around `fit` does what you wrote, on every backend, and takes the masks away again.
#
# ## 3. Pruned slowly
#
# Schedule and masks together: `ncl.GradualPruning` trains and prunes a little more again and again. In `fit` of your own
# it is the callback `ncl.GradualPruningCallback`. The same 95 %, four epochs on the 2,560 images from above; layers
# compete by the share of what each would still hold (`scope="adaptive"`):

# %%
context = ncl.Context(train=few, validation=images, progress=False)
slow_pass = ncl.GradualPruning(sparsity=0.95, scope="adaptive", epochs=4)
with lesson.working("Training for four epochs", seconds=10):
    slow = slow_pass(model, context)

# %% tags=["predicted"]
at_once = ncl.MagnitudePruning(sparsity=0.95, scope="global")(model)
pruned_accuracy = {
    "original": original_accuracy,
    "at once, one threshold": measure.accuracy(at_once, images),
    "at once, adaptive": measure.accuracy(pruned, images),
    "slowly, adaptive": measure.accuracy(slow, images),
}
figures.bars(
    "95 % zeros: by one threshold they cost nearly everything, in the loop a few points",
    pruned_accuracy,
    "validation accuracy",
    marked=["slowly, adaptive"],
)

# %% tags=["check"]
shares = [f"{zeros_of(each):.3f}" for each in (at_once, pruned, slow)]
print("zeros in the three:", *shares, "- the same:", len(set(shares)) == 1)
lost = original_accuracy - pruned_accuracy["slowly, adaptive"]
print("in the loop they cost fewer than six points:", lost < 0.06)

# %% [markdown]
# So slowly is better than at once? That compares a training with none. The honest rival is: prune at once, then train for
# as long with the zeros held. That takes too long for a lesson, with three seeds: `benchmarks/in_the_loop.py` did it and the
# results are in the package. This is the *test* accuracy after four epochs on all 10,000 training images, with 95 %
# intervals over three runs:

# %% tags=["check"]
from nncompress_lab.course import measured

rows = measured.rows("in_the_loop")
(before,) = (row["accuracy"] for row in rows if row["way"] == "original")


def runs_of(ways, setting):
    """The accuracies of some ways at a sparsity or a number of bits."""
    return {
        way: [
            row["accuracy"]
            for row in rows
            if row["way"] == way and row["setting"] == setting
        ]
        for way in ways
    }


of = runs_of(
    (
        "at once, then trained",
        "slowly",
        "at once, adaptive, then trained",
        "slowly, adaptive",
    ),
    0.95,
)
print("runs of each:", {way: len(runs) for way, runs in of.items()})

# %%
figures.intervals(
    "95 % zeros, four epochs: which weights go matters more than how slowly",
    of,
    "test accuracy",
    level=("original", before),
)

# %% [markdown]
# ### Exercise 3 · What brought the accuracy back?
#
# Read the figure: four ways to one sparsity, each with four epochs.
#
# a) The slow schedule: pruned slowly the network ends far ahead of one that is pruned at once.
#
# b) The training with the zeros held, and the choice of the weights that go; how slowly they went made little difference.
#
# c) The training alone: which weights go does not matter, because the others adapt.
#
# d) Chance: the intervals of all four overlap.

# %% tags=["exercise:what_brought_it_back"]
# BEGIN SOLUTION
what_brought_it_back = "b"
# END SOLUTION

# %% tags=["wrong:what_brought_it_back:is_not_a"]
what_brought_it_back = "a"

# %% tags=["wrong:what_brought_it_back:is_not_c"]
what_brought_it_back = "c"

# %% tags=["wrong:what_brought_it_back:is_not_d"]
what_brought_it_back = "d"

# %% tags=["check"]
lesson.check("what_brought_it_back", what_brought_it_back)

# %% [markdown]
# ### Exercise 4 · Meet the goal, with the control
#
# The tab **Over time** trains LeNet-5 on 2,560 images while it prunes, in some seconds, and keeps what happened on the way.
# Then drag the moment and watch the hole grow in the histogram, and the accuracy bend beside the sparsity. The dashed
# line is what pruning at once leaves. It begins with two epochs and prunes each layer by itself, which is not enough: reach
# the goal that it states, with at most four epochs. Press **Register**, then **Use this in my code** and **Insert as my
# answer**. (Or write the pass by hand, `ncl.GradualPruning(...)`.)

# %% tags=["exercise:chosen_schedule"]
# BEGIN SOLUTION
chosen_schedule = ncl.GradualPruning(sparsity=0.95, scope="adaptive", epochs=4)
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import Goal, PruningExplorer

explorer = PruningExplorer(
    model,
    data,
    goal=Goal(zeros=0.95, accuracy_drop=0.05),
    answer="chosen_schedule",
    trains=True,
)
explorer.over_time.scope, explorer.over_time.epochs = "layer", 2
explorer

# %% tags=["wrong:chosen_schedule:prunes_enough"]
chosen_schedule = ncl.GradualPruning(sparsity=0.9, scope="adaptive", epochs=4)

# %% tags=["wrong:chosen_schedule:keeps_enough_accuracy"]
chosen_schedule = ncl.GradualPruning(sparsity=0.95, scope="global", epochs=4)

# %% tags=["wrong:chosen_schedule:trains_in_the_loop"]
chosen_schedule = ncl.MagnitudePruning(sparsity=0.95, scope="adaptive")

# %% tags=["wrong:chosen_schedule:trains_no_longer_than_allowed"]
chosen_schedule = ncl.GradualPruning(sparsity=0.95, scope="adaptive", epochs=20)

# %% tags=["wrong:chosen_schedule:is_registered"]
chosen_schedule = 0.95

# %% tags=["check"]
lesson.check("chosen_schedule", chosen_schedule)

# %% [markdown]
# ## 4. Rounding has no slope
#
# Now to bits. Fake quantization (lesson 05) rounds the weights and computes with what the codes stand for. So why not
# train through it? Six weights, the step 0.5, codes from -3 to 3, in the form that circulates:

# %%
from nncompress_lab.training.gradients import gradient_of


def rounded_snippet(weights, step, qmax):
    codes = keras.ops.round(weights / step)
    return step * keras.ops.clip(codes, -qmax, qmax)


some = np.array([[-1.9, -0.6, 0.2], [0.45, 1.2, 2.4]])
figures.matrices(
    "The value is right, and the gradient is nothing: a staircase is flat",
    reach=2.6,
    weights=some,
    rounded=keras.ops.convert_to_numpy(rounded_snippet(some, 0.5, 3)),
    gradient=gradient_of(lambda w: keras.ops.sum(rounded_snippet(w, 0.5, 3)), some),
)

# %% [markdown]
# A Dense layer of its own that rounds its kernel whenever it is called. With the snippet in it, trained for an epoch:


# %%
class RoundedDense(keras.layers.Dense):
    """A Dense layer that computes with rounded weights."""

    def __init__(self, units, rounding, **options):
        super().__init__(units, **options)
        self.rounding = rounding

    def call(self, inputs):
        kernel = self.rounding(self.kernel, 0.25, 1)
        outputs = keras.ops.matmul(inputs, kernel) + self.bias
        return self.activation(outputs)


def moved_by_training(rounding):
    """The part of the kernel's weights that an epoch moves in a small network."""
    keras.utils.set_random_seed(0)
    small = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.AveragePooling2D(4),
            keras.layers.Flatten(),
            RoundedDense(32, rounding, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    small.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    first = small.layers[2]
    before = keras.ops.convert_to_numpy(first.kernel)
    small.fit(few.x, few.y, batch_size=128, verbose=0)
    return np.mean(keras.ops.convert_to_numpy(first.kernel) != before)


# %% tags=["check"]
import warnings

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    moved = moved_by_training(rounded_snippet)
print(f"weights that an epoch moved: {moved:.0%}")
said = {str(one.message).split(" [")[0] for one in told}
print("Keras warned:", *(each for each in said if each.startswith("Gradients")))

# %% [markdown]
# Not one, and the training goes on all the same, with a warning among its lines. The way out is a small lie, the **straight-through estimator** (Bengio et al.,
# 2013): forward the weight is rounded, backward the gradient passes as if it had not been. Only where the range ends,
# at the largest code, the gradient is 0, because a weight out there changes nothing:
#
# $$\hat w = s \cdot \mathrm{round}\left(\mathrm{clip}\left(\frac{w}{s}, -q_{max}, q_{max}\right)\right)
# \qquad \frac{\partial \hat w}{\partial w} := \begin{cases} 1 & |w/s| \le q_{max} \\ 0 & \text{beyond}\end{cases}$$
#
# The tool for such lies is `keras.ops.stop_gradient(x)`: x, with a gradient of 0. For example a square whose slope is
# taken for that of a straight line:

# %% tags=["check"]


def square_with_slope_one(x):
    return x + keras.ops.stop_gradient(x**2 - x)


print(
    "values:", keras.ops.convert_to_numpy(square_with_slope_one(np.array([2.0, 3.0])))
)
slopes = gradient_of(lambda x: keras.ops.sum(square_with_slope_one(x)), [2.0, 3.0])
print("slopes:", slopes)

# %% [markdown]
# ### Exercise 5 · Straight through the rounding
#
# Write `round_straight_through` with `keras.ops` (`round`, `clip`, `stop_gradient`), as the two formulas say.


# %% tags=["exercise:round_straight_through"]
def round_straight_through(weights, step, qmax):
    """Return the rounded weights, with a gradient for the weights.

    weights: a tensor. step: the distance of two levels. qmax: the largest code.
    """
    # BEGIN SOLUTION
    codes = keras.ops.clip(weights / step, -qmax, qmax)
    return step * (codes + keras.ops.stop_gradient(keras.ops.round(codes) - codes))
    # END SOLUTION


# %% tags=["wrong:round_straight_through:passes_the_gradient_through"]
def round_straight_through(weights, step, qmax):
    return step * keras.ops.round(keras.ops.clip(weights / step, -qmax, qmax))


# %% tags=["wrong:round_straight_through:has_no_gradient_beyond_the_range"]
def round_straight_through(weights, step, qmax):
    rounded = step * keras.ops.round(keras.ops.clip(weights / step, -qmax, qmax))
    return weights + keras.ops.stop_gradient(rounded - weights)


# %% tags=["wrong:round_straight_through:has_no_gradient_beyond_the_range"]
def round_straight_through(weights, step, qmax):
    codes = weights / step
    codes = codes + keras.ops.stop_gradient(keras.ops.round(codes) - codes)
    return step * keras.ops.clip(codes, -qmax, qmax)


# %% tags=["wrong:round_straight_through:rounds_to_the_nearest_level"]
def round_straight_through(weights, step, qmax):
    codes = keras.ops.clip(weights / step, -qmax, qmax)
    rounded = keras.ops.round(codes)
    return step * (rounded + keras.ops.stop_gradient(codes - rounded))


# %% tags=["wrong:round_straight_through:returns_weights_and_not_codes"]
def round_straight_through(weights, step, qmax):
    codes = keras.ops.clip(weights / step, -qmax, qmax)
    return codes + keras.ops.stop_gradient(keras.ops.round(codes) - codes)


# %% tags=["wrong:round_straight_through:ends_at_the_largest_code"]
def round_straight_through(weights, step, qmax):
    codes = weights / step
    return step * (codes + keras.ops.stop_gradient(keras.ops.round(codes) - codes))


# %% tags=["check"]
round_straight_through = lesson.accept("round_straight_through", round_straight_through)

# %% tags=["check"]
moved = moved_by_training(round_straight_through)
print("now more than half of the weights move:", moved > 0.5)

# %% [markdown]
# ## 5. A step that is learned
#
# With 2 bits and codes from -1 to 1 a weight is $-s$, 0 or $s$: now everything hangs on the step $s$. Lesson 04 chose it by
# the error of the *weights*. But what should be small is the *loss*, and it has a slope by the step as well. Within
# the range a larger step moves the level $s \cdot q$ up and the weight, counted in steps, down; beyond it the step carries
# the largest code:
#
# $$\frac{\partial \hat w}{\partial s} = \begin{cases} \mathrm{round}(w/s) - w/s & |w/s| \le q_{max} \\
# \mathrm{sign}(w)\, q_{max} & \text{beyond}\end{cases}
# \qquad \frac{\partial L}{\partial s} = g \sum_i \frac{\partial L}{\partial \hat w_i}\,\frac{\partial \hat w_i}{\partial s}
# \qquad g = \frac{1}{\sqrt{n\, q_{max}}}$$
#
# One step collects the gradients of all $n$ weights of its layer, so its gradient is large where a layer is large. The factor $g$
# of **learned step size quantization** (LSQ, Esser et al., 2020) makes up for that.
#
# ### Exercise 6 · The gradient of the step
#
# Write `step_gradient` in NumPy: the second formula, with the factor. `incoming` holds $\partial L / \partial \hat w_i$. A weight that lies
# at the last level counts as within the range.


# %% tags=["exercise:step_gradient"]
def step_gradient(weights, step, qmax, incoming):
    """Return the gradient of the loss by the step, times the factor of LSQ.

    weights, incoming: arrays of one shape. step: a number. qmax: the largest code.
    """
    # BEGIN SOLUTION
    codes = weights / step
    inside = np.abs(codes) <= qmax
    slopes = np.where(inside, np.rint(codes) - codes, np.sign(codes) * qmax)
    return np.sum(incoming * slopes) / np.sqrt(weights.size * qmax)
    # END SOLUTION


# %% tags=["wrong:step_gradient:counts_the_largest_code_beyond_the_range"]
def step_gradient(weights, step, qmax, incoming):
    codes = weights / step
    slopes = np.rint(codes) - codes
    return np.sum(incoming * slopes) / np.sqrt(weights.size * qmax)


# %% tags=["wrong:step_gradient:counts_the_largest_code_beyond_the_range"]
def step_gradient(weights, step, qmax, incoming):
    codes = weights / step
    slopes = np.where(np.abs(codes) <= qmax, np.rint(codes) - codes, qmax)
    return np.sum(incoming * slopes) / np.sqrt(weights.size * qmax)


# %% tags=["wrong:step_gradient:counts_the_rounding_error_within_the_range"]
def step_gradient(weights, step, qmax, incoming):
    codes = weights / step
    inside = np.abs(codes) <= qmax
    slopes = np.where(inside, np.rint(codes) - codes, np.sign(codes) * qmax)
    return np.sum(incoming * slopes)


# %% tags=["wrong:step_gradient:counts_the_rounding_error_within_the_range"]
def step_gradient(weights, step, qmax, incoming):
    codes = np.clip(weights / step, -qmax, qmax)
    return np.sum(incoming * np.rint(codes)) / np.sqrt(weights.size * qmax)


# %% tags=["wrong:step_gradient:weighs_each_weight_by_its_own_gradient"]
def step_gradient(weights, step, qmax, incoming):
    codes = weights / step
    inside = np.abs(codes) <= qmax
    slopes = np.where(inside, np.rint(codes) - codes, np.sign(codes) * qmax)
    return np.mean(incoming * slopes) / np.sqrt(weights.size * qmax)


# %% tags=["wrong:step_gradient:weighs_each_weight_by_its_own_gradient"]
def step_gradient(weights, step, qmax, incoming):
    codes = weights / step
    inside = np.abs(codes) <= qmax
    slopes = np.where(inside, np.rint(codes) - codes, np.sign(codes) * qmax)
    return np.sum(slopes) * np.mean(incoming) / np.sqrt(weights.size * qmax)


# %% tags=["check"]
step_gradient = lesson.accept("step_gradient", step_gradient)

# %% [markdown]
# Your formula by hand against automatic differentiation through exercise 5, on the kernel of `conv2` and incoming gradients
# that are drawn:

# %% tags=["check"]
kernel = keras.ops.convert_to_numpy(model.get_layer("conv2").kernel)
incoming = np.random.default_rng(1).normal(size=kernel.shape).astype("float32")
automatic = gradient_of(
    lambda step: keras.ops.sum(incoming * round_straight_through(kernel, step, 1)),
    np.float32(0.1),
)
by_hand = step_gradient(kernel, 0.1, 1, incoming) * np.sqrt(kernel.size * 1)
print("the same gradient:", np.isclose(by_hand, automatic, rtol=1e-3))

# %% [markdown]
# The library learns the logarithm of the step instead, with Adam, whose steps do not depend on the size of a gradient: one more
# way to make up for $g$. Two bits, one step for each layer, two epochs:

# %%
round_2 = ncl.UniformQuantization(bits=2, granularity="per_tensor", clipping="mse")
through_2 = ncl.QuantizationAwareTraining(
    bits=2, granularity="per_tensor", step_size="learned", epochs=2
)
with lesson.working("Training for two epochs", seconds=6):
    trained_2 = through_2(model, context)

# %% tags=["predicted"]
rounded_accuracy = {
    "original": original_accuracy,
    "2 bits, rounded": measure.accuracy(round_2(model), images),
    "2 bits, trained through it": measure.accuracy(trained_2, images),
}
figures.bars(
    "Rounded at once two bits cost about ten points, trained through it one or two",
    rounded_accuracy,
    "validation accuracy",
    marked=["2 bits, trained through it"],
)

# %% tags=["check"]
lost = {name: original_accuracy - found for name, found in rounded_accuracy.items()}
print("2 bits, rounded, cost more than five points:", lost["2 bits, rounded"] > 0.05)
print(
    "trained through it they cost fewer than four:",
    lost["2 bits, trained through it"] < 0.04,
)

# %% [markdown]
# And is the *learned* step worth it? Three seeds again, test accuracy, 2 bits with one step a layer, all 10,000 images: a
# step that follows the largest weight against one that is learned.

# %% tags=["check"]
of = runs_of(("trained, largest weight", "trained, learned step"), 2)
print("runs of each:", {way: len(runs) for way, runs in of.items()})

# %%
figures.intervals(
    "2 bits: a step that follows the largest weight, and one that is learned",
    of,
    "test accuracy",
    level=("original", before),
)

# %% [markdown]
# ## 6. What did it save?

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

report = measure_stages(
    {"original": model, "95 % zeros": slow, "2 bits": trained_2},
    data=data.validation,
)
report

# %% [markdown]
# The models are what lessons 02 and 04 made, zeros in kernels and small codes, so the same holds for them: zeros shrink the
# packed file and nothing else; codes shrink memory and `.keras` too. Training in the loop changes what is left of the accuracy,
# and not what a runtime can do with the result. As a real file:

# %% tags=["check"]
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "lenet5.ncz"
    ncl.pack(trained_2, file)
    again, small = ncl.unpack(file), file.stat().st_size
    predictions = [one.predict(few.x[:64], verbose=0) for one in (trained_2, again)]
print("packed and read again, the same predictions:", np.array_equal(*predictions))
print("2 bits pack into less than a sixth:", report.stages[0].packed_bytes > 6 * small)

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one

# %% tags=["timing", "predicted"]
measure.time_on_devices({"original": model, "2 bits": trained_2}, batch_sizes=(1, 64))

# %% [markdown]
# ### ★ Exercise 7 · Prune while it trains
#
# Write your own gradual pruning, `prune_while_training`: train a compiled model with `model.train_on_batch(x, y)` on each
# pair of `batches`, in order, and prune all kernels meanwhile, each by itself, the smallest magnitudes first. After three quarters
# of the batches each kernel has `round(sparsity * its size)` zeros; on the way there it follows the cubic schedule from the first
# batch on; and what was dropped once never returns. There is no recipe for this one. (You can call `sparsity_at`.)


# %% tags=["exercise:prune_while_training"]
def prune_while_training(model, batches, sparsity):
    """Train the compiled model on batches, a sequence of (x, y), and prune it meanwhile."""
    # BEGIN SOLUTION
    masks = {}
    for number, (x, y) in enumerate(batches, start=1):
        model.train_on_batch(x, y)
        now = sparsity_at(number, 0, 0.75 * len(batches), sparsity)
        for layer in model.layers:
            if hasattr(layer, "kernel"):
                kernel = keras.ops.convert_to_numpy(layer.kernel)
                mask = masks.setdefault(layer.name, np.ones(kernel.shape, bool))
                order = np.argsort(np.where(mask, np.abs(kernel), -1), axis=None)
                mask.flat[order[: round(now * kernel.size)]] = False
                layer.kernel.assign(np.where(mask, kernel, 0))
    # END SOLUTION


# %% tags=["wrong:prune_while_training:never_lets_a_weight_return"]
def prune_while_training(model, batches, sparsity):
    for number, (x, y) in enumerate(batches, start=1):
        model.train_on_batch(x, y)
        now = sparsity_at(number, 0, 0.75 * len(batches), sparsity)
        for layer in [one for one in model.layers if hasattr(one, "kernel")]:
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            order = np.argsort(np.abs(kernel), axis=None)
            mask = np.ones(kernel.shape, bool)
            mask.flat[order[: round(now * kernel.size)]] = False
            layer.kernel.assign(np.where(mask, kernel, 0))


# %% tags=["wrong:prune_while_training:prunes_kernels_alone"]
def prune_while_training(model, batches, sparsity):
    masks = {}
    for number, (x, y) in enumerate(batches, start=1):
        model.train_on_batch(x, y)
        now = sparsity_at(number, 0, 0.75 * len(batches), sparsity)
        for weight in model.trainable_variables:
            array = keras.ops.convert_to_numpy(weight)
            mask = masks.setdefault(weight.path, np.ones(array.shape, bool))
            order = np.argsort(np.where(mask, np.abs(array), -1), axis=None)
            mask.flat[order[: round(now * array.size)]] = False
            weight.assign(np.where(mask, array, 0))


# %% tags=["wrong:prune_while_training:ends_with_all_zeros"]
def prune_while_training(model, batches, sparsity):
    for number, (x, y) in enumerate(batches, start=1):
        now = sparsity_at(number, 0, 0.75 * len(batches), sparsity)
        for layer in [one for one in model.layers if hasattr(one, "kernel")]:
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            order = np.argsort(np.abs(kernel), axis=None)
            mask = np.ones(kernel.shape, bool)
            mask.flat[order[: round(now * kernel.size)]] = False
            layer.kernel.assign(np.where(mask, kernel, 0))
        model.train_on_batch(x, y)


# %% tags=["wrong:prune_while_training:follows_the_cubic_schedule"]
def prune_while_training(model, batches, sparsity):
    for layer in [one for one in model.layers if hasattr(one, "kernel")]:
        kernel = keras.ops.convert_to_numpy(layer.kernel)
        order = np.argsort(np.abs(kernel), axis=None)
        mask = np.ones(kernel.shape, bool)
        mask.flat[order[: round(sparsity * kernel.size)]] = False
        layer.kernel.assign(np.where(mask, kernel, 0))
    keep_zeros(model)
    for x, y in batches:
        model.train_on_batch(x, y)


# %% tags=["wrong:prune_while_training:trains_on_each_batch_once"]
def prune_while_training(model, batches, sparsity):
    keep_zeros(model)
    model.fit(*batches[0], verbose=0)


# %% tags=["wrong:prune_while_training:drops_the_smallest"]
def prune_while_training(model, batches, sparsity):
    masks = {}
    for number, (x, y) in enumerate(batches, start=1):
        model.train_on_batch(x, y)
        now = sparsity_at(number, 0, 0.75 * len(batches), sparsity)
        for layer in [one for one in model.layers if hasattr(one, "kernel")]:
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            mask = masks.setdefault(layer.name, np.ones(kernel.shape, bool))
            order = np.argsort(np.where(mask, kernel, -np.inf), axis=None)
            mask.flat[order[: round(now * kernel.size)]] = False
            layer.kernel.assign(np.where(mask, kernel, 0))


# %% tags=["check"]
prune_while_training = lesson.accept("prune_while_training", prune_while_training)

# %% tags=["check"]
by_hand = keras.models.clone_model(model)
by_hand.set_weights(model.get_weights())
by_hand.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
batches = [(few.x[i : i + 128], few.y[i : i + 128]) for i in range(0, 2560, 128)]
prune_while_training(by_hand, batches, 0.8)
print(f"your own gradual pruning of LeNet-5: {zeros_of(by_hand):.0%} zeros")

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
lesson.compare_predictions(
    {
        "accuracy with 95 % zeros, pruned at once by one threshold": round(
            pruned_accuracy["at once, one threshold"], 2
        ),
        "accuracy with 95 % zeros, after four epochs that prune meanwhile": round(
            pruned_accuracy["slowly, adaptive"], 2
        ),
        "accuracy with 2-bit weights, after two epochs through the rounding": round(
            rounded_accuracy["2 bits, trained through it"], 2
        ),
    }
)

# %% [markdown]
# ## Into the table
#
# Your models beside those of the lessons before:

# %% tags=["predicted"]
lesson.table.add(
    report,
    model="LeNet-5",
    technique={
        "95 % zeros": "gradual pruning",
        "2 bits": "quantization-aware training",
    },
)

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in, all of the images, and more epochs. The second
# step keeps the zeros of the first.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()

context = ncl.Context(
    train=my_data.train.take(1280),
    validation=my_data.validation.take(500),
    test=my_data.test,
    progress=False,
)
result = ncl.compress(
    my_model,
    ncl.GradualPruning(sparsity=0.8, scope="adaptive", epochs=1),
    ncl.QuantizationAwareTraining(bits=4, epochs=1),
    context=context,
)
result.measured(latency=False)

# %% [markdown]
# ## Further reading
#
# - Zhu, Gupta, [To prune, or not to prune: exploring the efficacy of pruning for model
#   compression](https://arxiv.org/abs/1710.01878), 2017: the cubic schedule.
# - Liu, Sun, Zhou, Huang, Darrell, [Rethinking the Value of Network Pruning](https://arxiv.org/abs/1810.05270), ICLR 2019: which
#   part of a pruned network's accuracy is the pruning's, and which the training's.
# - Esser et al., [Learned Step Size Quantization](https://arxiv.org/abs/1902.08153), ICLR 2020: the gradient of exercise 6, on
#   large networks with 2 to 8 bits.

# %% tags=["check"]
lesson.score()
