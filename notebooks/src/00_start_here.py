# ---
# jupyter:
#   nncompress:
#     lesson: "00"
#     title: Start here
#     minutes: 15
#     difficulty: 1
#     cell_seconds: 120
# ---

# %% [markdown]
# # Start here
#
# | | |
# |---|---|
# | You will be able to | say what the five remedies change and what not; use the lessons; compress a real model and read the report |
# | Time | 15 minutes, of which the computer needs about half a minute |
# | Difficulty | 1 of 5 |
# | You need | Python; it helps to have seen Keras and NumPy once |
# | Points | four exercises, one of them with a star; 7 points |
#
# ## The wall
#
# Sooner or later a neural network meets a wall. It is **too big**: for the memory of a phone, for
# a download, for the budget of a server. Or it is **too slow**: for a camera that must answer at
# once, for a battery. The network is good, and you cannot use it.
#
# There are five remedies, and each is good for something else. People are often disappointed
# because they take the right remedy for the other problem, so look at the last two columns:
#
# | Remedy | What it does to the model | Fewer bytes? | Fewer milliseconds? |
# |---|---|---|---|
# | **Weight pruning** | sets unimportant weights to zero | only if something *codes* the zeros, such as a packed file; the ordinary file stays as it is | not without removing whole channels: a runtime multiplies by zeros as by other numbers |
# | **Quantization** | stores each weight in 8 bits or fewer instead of 32 | yes, if integers are really what is stored | only in a runtime that *computes* with integers |
# | **Knowledge distillation** | trains a small model (the student) with the help of the large one (the teacher) | yes: the student is small | yes, for this reason too; what it costs is training |
# | **Low-rank approximation** | replaces a matrix by the product of two thin ones | yes, if they are thin enough; otherwise the model *grows* | often, and less than the number of multiplications promises |
# | **Model factorization** | replaces a layer by several smaller layers in a row | yes, if the small layers hold fewer weights together | sometimes; several small layers can take longer than one large layer |
#
# None of this is to be believed. In these lessons you measure it.
#
# ## How the lessons work
#
# Run the cells one after the other, from top to bottom. Each lesson has this rhythm:
#
# 1. **Predict.** Guess what will come out. Guesses are kept and earn no points.
# 2. **Do.** Write a few lines of code, or move a slider.
# 3. **Check.** You read at once what is right, or which mistake it is.
# 4. Stuck? Ask for a **hint**. There are two or three, from gentle to nearly complete.
# 5. Still stuck? Read the **solution**. It costs nothing.
# 6. **Go on.** An exercise that you did not solve does not stop the lesson: the rest works with
#    the reference answer, and says so where it runs. Your best answer is what counts.
#
# Nothing is hidden: the checks are ordinary Python that you can read. Nothing is sent anywhere:
# your points lie in one small file on this computer.
#
# | Keys | |
# |---|---|
# | Shift + Enter | run this cell and go to the next |
# | Tab | complete a name |
# | Shift + Tab, in the brackets of a call | what the function does |
# | Esc, then B | a new cell below, to try something |
# | Esc, then I twice | stop a cell that does not end (or the button with the square) |
# | Esc, then 0 twice | restart Python, if it behaves strangely; then run the cells again |
#
# The panel with the **course** at the left edge of JupyterLab lists all lessons and your points.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("00")

import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

lesson

# %% [markdown]
# ## 1. The data and the model
#
# The images are photographs of clothes, 28 x 28 grey pixels in ten classes (Fashion-MNIST). The
# model is **LeNet-5**, already trained. Both are inside the package, so there is nothing to
# download.

# %%
model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
data

# %%
images = data.validation
predicted = np.argmax(model.predict(images.x, batch_size=256, verbose=0), axis=1)
right = predicted == images.y
shown = np.sort(np.r_[np.flatnonzero(right)[:7], np.flatnonzero(~right)[:1]])

names = []
for index in shown:
    label, guess = (data.class_names[k] for k in (images.y[index], predicted[index]))
    names.append(label if right[index] else f"{label}?\nmodel: {guess}")
figures.images(
    f"LeNet-5 names {right[shown].sum()} of these {len(shown)} images correctly",
    images.x[shown, :, :, 0],
    names,
    framed=np.flatnonzero(~right[shown]),
)

# %% tags=["check"]
accuracy = measure.accuracy(model, images)
print(f"validation accuracy: {accuracy:.2f} on {len(images)} images")

# %% [markdown]
# The row was chosen so that one image is wrong: the framed one. Would you have known?
#
# The accuracy is the fraction of right answers. With the labels $y_i$ of $n$ images and the model's answers
# $\hat y_i$ it is
#
# $$\text{accuracy} = \frac{1}{n} \sum_{i=1}^{n} \big[\hat y_i = y_i\big]$$
#
# where $[\ldots]$ counts 1 for what is true and 0 for what is not: `np.mean(predicted == images.y)`.
#
# Here it is measured on the **validation** images,
# which serve to choose and to try. The **test** images serve for the final figure only; whoever
# chooses by the test images reports a figure that is too good.
#
# ## 2. A model is a list of arrays
#
# All that this model has learned is in these arrays. Layers have a **kernel**, with which they
# multiply, and a **bias**, which they add. For the inputs $x$ a Dense layer with the kernel $W$ and the bias $b$
# computes
#
# $$y = x\,W + b$$
#
# and in NumPy that is `x @ kernel + bias`.

# %% tags=["check"]
for weight in model.weights:
    print(f"{weight.path:15} shape {tuple(weight.shape)!s}")

# %% [markdown]
# ### Exercise 1 · Count the weights
#
# Write `count_weights`. It takes a list of NumPy arrays, of any shapes, and returns how many
# numbers they hold together.


# %% tags=["exercise:count_weights"]
def count_weights(arrays):
    """Return the number of entries of all arrays together.

    arrays: list of NumPy arrays with any number of axes, also none (a scalar).
    """
    # BEGIN SOLUTION
    return sum(array.size for array in arrays)
    # END SOLUTION


# %% tags=["wrong:count_weights:counts_both_axes_of_a_matrix"]
def count_weights(arrays):
    return sum(len(array) for array in arrays)


# %% tags=["wrong:count_weights:counts_all_axes_of_a_convolution"]
def count_weights(arrays):
    total = 0
    for array in arrays:
        rows, *columns = array.shape
        total += rows * (columns[0] if columns else 1)
    return total


# %% tags=["wrong:count_weights:counts_biases"]
def count_weights(arrays):
    return sum(array.size for array in arrays if array.ndim > 1)


# %% tags=["wrong:count_weights:counts_all_arrays"]
def count_weights(arrays):
    for array in arrays:
        total = array.size
    return total


# %% [markdown]
# The next cell grades your function and tells you what it found. Not done yet? Run it
# anyway, and see what it says.

# %% tags=["check"]
count_weights = lesson.accept("count_weights", count_weights)

# %% [markdown]
# This is how you ask for a hint. `lesson.hint("count_weights", 2)` is the next one, and
# `lesson.solution("count_weights")` shows the code.

# %%
lesson.hint("count_weights")

# %% tags=["check"]
count = count_weights(model.get_weights())
print(f"LeNet-5 has {count:,} weights.")
print(f"At 4 bytes each (float32) these are {4 * count:,} bytes.")

# %% [markdown]
# ## 3. Zeros
#
# Pruning sets weights to zero. This is a small piece of LeNet-5's largest kernel, and this
# piece after the smaller half of the kernel's weights was set to zero:

# %%
largest = model.get_layer("dense1")
pruned_model = ncl.MagnitudePruning(sparsity=0.5, scope="layer")(model)
piece = largest.get_weights()[0][:5, 4:9]
pruned_piece = pruned_model.get_layer("dense1").get_weights()[0][:5, 4:9]

figures.matrices(
    "Pruning keeps what is far from zero", reach=0.5, before=piece, after=pruned_piece
)

# %% [markdown]
# The fraction of zeros is called the **sparsity**: 0 means that there is no zero, 0.9 that nine
# of ten weights are zero.
#
# ### Exercise 2 · Which fraction is zero?
#
# Write `sparsity`, for an array of any shape. Only an exact 0 counts: a weight of 0.000001 has to
# be stored and multiplied like any other.


# %% tags=["exercise:sparsity"]
def sparsity(weights):
    """Return the fraction of the entries that are exactly zero, from 0 to 1."""
    # BEGIN SOLUTION
    return np.mean(weights == 0)
    # END SOLUTION


# %% tags=["wrong:sparsity:is_a_fraction"]
def sparsity(weights):
    return np.sum(weights == 0)


# %% tags=["wrong:sparsity:counts_zeros_and_not_the_others"]
def sparsity(weights):
    return np.count_nonzero(weights) / weights.size


# %% tags=["wrong:sparsity:counts_exact_zeros_only"]
def sparsity(weights):
    return np.mean(np.isclose(weights, 0))


# %% tags=["wrong:sparsity:divides_by_the_size_of_the_array"]
def sparsity(weights):
    return np.mean(np.all(weights == 0, axis=0))


# %% tags=["check"]
sparsity = lesson.accept("sparsity", sparsity)

# %% tags=["check"]
for weight, pruned in zip(model.weights, pruned_model.weights, strict=True):
    before, after = sparsity(weight.numpy()), sparsity(pruned.numpy())
    print(f"{weight.path:15} sparsity {before:.2f} -> {after:.2f}")

# %% [markdown]
# Only the kernels were pruned. Biases are few, and a model misses each of them.
#
# ## 4. One compression, from end to end
#
# Now both at once: half of the weights to zero, then every kernel stored as 8-bit integers. No
# training. Guess before you run it: replace each `...`.

# %%
lesson.predict(
    {
        "how many times smaller the .keras file is": ...,  # for example 2.5
        "the accuracy after pruning and quantization": ...,  # 0 to 1
    }
)

# %% tags=["predicted"]
with lesson.working("Compressing and measuring", seconds=8):
    result = ncl.compress(
        model,
        ncl.MagnitudePruning(sparsity=0.5, scope="global"),
        ncl.UniformQuantization(bits=8),
        context=ncl.Context.of(data, progress=False),
    )
result.report

# %% [markdown]
# Each line is the model after one step, and the small text compares it with the first line.
#
# - **accuracy** is measured on the test images, this once.
# - **parameters** and **non-zeros** are counts; **in memory** and **.keras file** are bytes.
# - **packed** is the file that `ncl.pack` writes, in as few bytes as the numbers need: what a
#   download could take.
# - **MACs** are multiply-accumulates, the multiplications for one image.
# - **latency** is the time for one image, measured in ONNX Runtime, which runs models on servers,
#   desktops and phones. Two runs differ a little; "no measurable change" means that the
#   difference is not larger than what this machine shows for one model against itself.
#
# ### Timing, on the CPU and on the GPU if there is one
#
# That latency is ONNX Runtime's. Here are the two models in Keras itself, one image at a time and 64 together.
# Lesson 04 shows why Keras is no faster with integers:

# %% tags=["timing", "predicted"]
with lesson.working("Timing two models", seconds=8):
    times = measure.time_on_devices(
        {"original": model, "compressed": result.model}, batch_sizes=(1, 64)
    )
times

# %% [markdown]
# ### Exercise 3 · Read the report
#
# What did the two passes do to the `.keras` file and to the latency? Write one letter.
#
# a) Pruning halved the file, because half of the weights are gone.
#
# b) Quantization made the file nearly four times smaller. The latency fell far less, if at all.
#
# c) Quantization made the model about four times faster, because an 8-bit number is four times
# shorter.
#
# d) Nothing: the model has as many parameters as before.

# %% tags=["exercise:first_reading"]
# BEGIN SOLUTION
first_reading = "b"
# END SOLUTION

# %% tags=["wrong:first_reading:is_not_a"]
first_reading = "a"

# %% tags=["wrong:first_reading:is_not_c"]
first_reading = "c"

# %% tags=["wrong:first_reading:is_not_d"]
first_reading = "d"

# %% tags=["check"]
lesson.check("first_reading", first_reading)

# %% [markdown]
# ### ★ Exercise 4 · Bytes of short numbers
#
# An exercise with a star comes without a recipe. Write `bytes_needed`: the bytes that a list of
# arrays takes when each number is stored in `bits` bits. The numbers of an array stand next to each
# other without gaps; each array begins at a whole byte.


# %% tags=["exercise:bytes_needed"]
def bytes_needed(arrays, bits):
    """Return the bytes of all arrays at `bits` bits a number, 1 to 32."""
    # BEGIN SOLUTION
    return sum(int(np.ceil(array.size * bits / 8)) for array in arrays)
    # END SOLUTION


# %% tags=["wrong:bytes_needed:counts_bytes_not_bits"]
def bytes_needed(arrays, bits):
    return sum(array.size * bits for array in arrays)


# %% tags=["wrong:bytes_needed:packs_short_numbers"]
def bytes_needed(arrays, bits):
    return sum(array.size * (bits // 8) for array in arrays)


# %% tags=["wrong:bytes_needed:rounds_up"]
def bytes_needed(arrays, bits):
    return sum(array.size * bits // 8 for array in arrays)


# %% tags=["wrong:bytes_needed:begins_each_array_at_a_byte"]
def bytes_needed(arrays, bits):
    return int(np.ceil(sum(array.size for array in arrays) * bits / 8))


# %% tags=["check"]
bytes_needed = lesson.accept("bytes_needed", bytes_needed)

# %% tags=["check"]
for bits in (32, 8, 4, 1):
    print(
        f"LeNet-5 at {bits:2} bits: {bytes_needed(model.get_weights(), bits):9,} bytes"
    )

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
original, *_, compressed = result.report.stages
times_smaller = round(original.keras_bytes / compressed.keras_bytes, 1)
lesson.compare_predictions(
    {
        "how many times smaller the .keras file is": times_smaller,
        "the accuracy after pruning and quantization": round(compressed.accuracy, 2),
    }
)

# %% [markdown]
# One table travels through the course: each model that you measure can be a row of it. This is the first.

# %% tags=["predicted"]
last = result.report.stages[-1].name
lesson.table.add(result.report, model="LeNet-5", technique={last: "zeros and 8 bits"})

# %% [markdown]
# ## 5. Keep it and look into it
#
# The result is an ordinary Keras model. Save it:

# %%
result.model.save("my-first-compressed-model.keras")

# %% [markdown]
# Now **double-click** `my-first-compressed-model.keras` in JupyterLab's file browser, at the left.
# It opens as a page that shows each layer with its shapes, bytes, zeros and a histogram, without
# running the model.
#
# Where to go from here:
#
# - **Lesson 01** is about measuring, and how easy it is to measure a compression that is none.
# - **Lesson 02** is about pruning; there are the sliders that move a real model.
# - The **course panel** at the left opens them.
#
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own in: a model from a file with
# `ncl.load_model("mine.keras")`, your arrays with `ncl.Data(x, y)`.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist().validation

small = ncl.UniformQuantization(bits=8)(my_model)
ncl.compare(my_model, small, data=my_data, latency=False)

# %% [markdown]
# ## Further reading
#
# - Cheng, Wang, Zhou, Zhang, [A Survey of Model Compression and Acceleration for Deep Neural
#   Networks](https://arxiv.org/abs/1710.09282), 2017: the remedies in one overview.
# - Han, Mao, Dally, [Deep Compression](https://arxiv.org/abs/1510.00149), ICLR 2016: pruning,
#   quantization and coding, one after the other, also on LeNet-5.
# - Xiao, Rasul, Vollgraf, [Fashion-MNIST](https://arxiv.org/abs/1708.07747), 2017: the images.

# %% tags=["check"]
lesson.score()
