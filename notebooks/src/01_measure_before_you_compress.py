# ---
# jupyter:
#   nncompress:
#     lesson: "01"
#     title: Measure before you compress
#     minutes: 30
#     difficulty: 2
#     cell_seconds: 120
# ---

# %% [markdown]
# # Measure before you compress
#
# | | |
# |---|---|
# | You will be able to | tell four sizes of one model apart; count multiply-accumulates; time a model so that a busy machine cannot fool you; say "no measurable change" when it is true |
# | Time | 30 minutes, of which the computer needs less than one |
# | Difficulty | 2 of 5 |
# | You need | lesson 00 and some NumPy |
# | Points | six exercises, one of them with a star; 13 points |
#
# "We made the model three times smaller and twice as fast." Smaller in what? Faster where, and
# compared with which run? **Parameters, multiply-accumulates, bytes and milliseconds are four
# different things.** A compression can improve one of them and leave the other three alone, and a
# careless measurement can show an improvement where there is none.
#
# At the end of this lesson you will have made a "compression" that changes no weight, and a
# "speed-up" of a model against itself. Then nobody can sell them to you.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("01")

import functools
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

data = ncl.data.fashion_mnist()
models = {
    "LeNet-300-100": ncl.zoo.lenet_300_100(),
    "LeNet-5": ncl.zoo.lenet5(),
    "ResNet-20": ncl.zoo.resnet20(),
}
model = models["LeNet-5"]
lesson

# %% tags=["check"]
for name, each in models.items():
    print(f"{name:14} {measure.parameters(each):8,} parameters")

# %% [markdown]
# ## Predict
#
# Guess first: replace each `...` in the cell below. Guesses are kept and earn no points.
#
# 1. Which of the three models above is the slowest?
# 2. You train LeNet-5 for a moment and save it. How many times larger is the file than the file
#    of the model before training?
# 3. You time one model 200 times. How many times longer does the slowest run take
#    than the fastest?

# %%
lesson.predict(
    {
        "the slowest model": ...,  # "LeNet-300-100", "LeNet-5" or "ResNet-20"
        "how many times larger the file is after training": ...,  # 1 for equally large
        "slowest divided by fastest of 200 timings": ...,  # a number
    }
)

# %% [markdown]
# ## 1. Four sizes of one model
#
# A copy of LeNet-5 is trained on a few images, as everybody does before saving a model. Then we
# look at four sizes: the weights in memory, the `.keras` file of the model as it was, that file
# **packed** (by `ncl.pack`, in as few bytes as its numbers need), and the file of the trained copy.

# %%
trained = ncl.copy_model(model)
trained.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
with lesson.working("Training", seconds=4):
    trained.fit(data.train.x[:512], data.train.y[:512], verbose=0)
saved = Path("lenet5-after-training.keras")
trained.save(saved)

plain = measure.file_sizes(model)
sizes = {
    "after training: the .keras file": saved.stat().st_size,
    "as it was: the .keras file": plain.keras,
    "as it was: weights in memory": measure.bytes_in_memory(model),
    "as it was: packed by ncl.pack": plain.packed,
}

# %% tags=["predicted"]
larger = sizes["after training: the .keras file"] / sizes["as it was: the .keras file"]
figures.bars(
    f"The file after training is {larger:.1f} times as large, with as many weights",
    {name: size / 1e6 for name, size in sizes.items()},
    "megabytes (1 MB = 1,000,000 bytes)",
    marked=["after training: the .keras file"],
)

# %% [markdown]
# What is in the large file? A `.keras` file is a zip archive, and the weights are in an HDF5 file
# inside it.


# %% tags=["predicted"]
def bytes_in(group):
    """Bytes of all arrays in a group of an HDF5 file."""
    found = []
    group.visititems(lambda _, item: found.append(getattr(item, "nbytes", 0)))
    return sum(found)


with zipfile.ZipFile(saved) as archive:
    for member in archive.infolist():
        how = "stored" if member.compress_type == zipfile.ZIP_STORED else "compressed"
        print(f"{member.filename:18} {member.file_size:10,} bytes, {how}")
    with h5py.File(archive.open("model.weights.h5")) as weights:
        for name in ("layers", "optimizer"):
            print(f"   {name:15} {bytes_in(weights[name]):10,} bytes")

# %% [markdown]
# - **stored** means that the archive does not compress its members. So a zero takes as many bytes
#   as any other number, and only the *packed* file shows that there are zeros.
# - **optimizer**: Adam keeps two numbers for every weight, to go on with the training. They are
#   no part of the model, and they are twice as large as the model.
#
# Here is the fake: report the file after `fit` as the size before, and the file without the
# optimizer as the size after. No weight has changed. It happens by accident, because the functions
# that compress a model often return one without an optimizer.
#
# One more trap is in the packed size. LeNet-5 as it was packs well, because its shipped weights are
# rounded to 16 bits. Weights that come fresh from training are not, and pack badly:

# %%
print(f"packed, shipped weights:         {plain.packed:9,} bytes")
print(f"packed, freshly trained weights: {measure.file_sizes(trained).packed:9,} bytes")

# %% [markdown]
# ### Exercise 1 · The size without the optimizer
#
# Write `honest_size`: the bytes of a model's `.keras` file without the state of the optimizer.
# The model that goes in may be compiled, and must stay as it is: its training must be able to go
# on.


# %% tags=["exercise:honest_size"]
def honest_size(model):
    """Return the bytes of the model's .keras file without the optimizer's state.

    model: a Keras model, compiled or not. It is not changed.
    """
    # BEGIN SOLUTION
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        ncl.copy_model(model).save(path)
        return path.stat().st_size
    # END SOLUTION


# %% tags=["wrong:honest_size:leaves_the_optimizer_out"]
def honest_size(model):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size


# %% tags=["wrong:honest_size:leaves_the_optimizer_out"]
def honest_size(model):
    import tempfile
    from pathlib import Path

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        copy.save(path)
        return path.stat().st_size


# %% tags=["wrong:honest_size:counts_the_whole_file"]
def honest_size(model):
    return sum(weight.nbytes for weight in model.get_weights())


# %% tags=["wrong:honest_size:leaves_the_model_as_it_is"]
def honest_size(model):
    import tempfile
    from pathlib import Path

    model.compile()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size


# %% tags=["check"]
honest_size = lesson.accept("honest_size", honest_size)

# %% [markdown]
# The library has it as `measure.file_sizes(model).keras`, and every report uses that. The trained
# copy is as large as the model it came from, within 1 % (the names in the file may differ):

# %% tags=["check"]
print("trained / as it was:", f"{honest_size(trained) / plain.keras:.2f}")
print("within 1 % of the library:", abs(honest_size(model) / plain.keras - 1) < 0.01)

# %% [markdown]
# ## 2. Multiply-accumulates
#
# A **MAC** is one multiplication and one addition: `sum += weight * input`. (FLOPs count both, so
# they are twice the MACs.) A Dense layer uses each weight once for an image. A convolution uses
# its few weights **again at every place**. With a kernel $w$ of 3 x 3 weights and an image $x$, the output in row
# $i$ and column $j$ is
#
# $$y_{ij} = \sum_{u=0}^{2} \sum_{v=0}^{2} w_{uv}\, x_{i+u,\,j+v}$$
#
# nine MACs: `np.sum(kernel * image[i : i + 3, j : j + 3])`.

# %%
figures.sliding_kernel(
    f"9 weights, {3 * 3} places: {9 * 3 * 3} MACs", image=5, kernel=3
)

# %% [markdown]
# With several input channels the kernel has an axis for them, and with several filters another:
# a Conv2D kernel has the shape (height, width, input channels, filters), a Dense kernel (inputs,
# outputs).
#
# ### Exercise 2 · Count multiply-accumulates
#
# Write `layer_macs` for Dense and Conv2D layers. Both shapes are without the batch axis; biases
# do not count.


# %% tags=["exercise:layer_macs"]
def layer_macs(kernel_shape, output_shape):
    """Return the multiply-accumulates of a layer for one example.

    kernel_shape: (inputs, outputs) or (height, width, input channels, filters).
    output_shape: (outputs,) or (rows, columns, filters).
    """
    # BEGIN SOLUTION
    return int(np.prod(kernel_shape) * np.prod(output_shape[:-1]))
    # END SOLUTION


# %% tags=["wrong:layer_macs:counts_every_position_of_the_output"]
def layer_macs(kernel_shape, output_shape):
    return int(np.prod(kernel_shape))


# %% tags=["wrong:layer_macs:multiplies_each_weight_of_a_dense_layer_once"]
def layer_macs(kernel_shape, output_shape):
    return int(2 * np.prod(kernel_shape) * np.prod(output_shape[:-1]))


# %% tags=["wrong:layer_macs:counts_every_input_channel"]
def layer_macs(kernel_shape, output_shape):
    if len(kernel_shape) == 2:
        return int(np.prod(kernel_shape))
    height, width, _, filters = kernel_shape
    rows, columns, _ = output_shape
    return height * width * filters * rows * columns


# %% tags=["wrong:layer_macs:counts_the_filters_once"]
def layer_macs(kernel_shape, output_shape):
    if len(kernel_shape) == 2:
        return int(np.prod(kernel_shape))
    return int(np.prod(kernel_shape) * np.prod(output_shape))


# %% tags=["check"]
layer_macs = lesson.accept("layer_macs", layer_macs)

# %% [markdown]
# And for a whole model, beside the library's count:

# %% tags=["check"]
kernels = {
    layer.name: (tuple(layer.kernel.shape), tuple(layer.output.shape[1:]))
    for layer in model.layers
    if hasattr(layer, "kernel")
}
counts = {name: layer_macs(*shapes) for name, shapes in kernels.items()}
for name, (kernel, output) in kernels.items():
    print(f"{name:7} kernel {kernel!s:15} output {output!s:13} {counts[name]:9,} MACs")
print("the same sum as the library:", sum(counts.values()) == measure.macs(model))

# %%
weights_of = {name: int(np.prod(kernel)) for name, (kernel, _) in kernels.items()}
most_weights, most_macs = (
    max(weights_of, key=weights_of.get),
    max(counts, key=counts.get),
)
figures.shares(
    f"LeNet-5: {most_weights} holds the bytes, {most_macs} does the work",
    {"of the weights": weights_of, "of the MACs": counts},
)

# %% [markdown]
# So where you compress depends on what you want: fewer bytes are to be found in one layer, less
# work in another.
#
# ### Three models
#
# These figures for three models. The accuracy is that on the validation images; the line
# below the table says in which runtime the latency was measured.

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

with lesson.working("Measuring three models", seconds=15):
    report = measure_stages(models, data=data.validation)
report

# %% tags=["predicted"]
small, *_, large = report.stages
figures.panels(
    f"{large.name} against {small.name}: "
    f"{large.parameters / small.parameters:.2f} times the parameters, "
    f"{large.macs / small.macs:.0f} times the MACs, "
    f"{large.latency_ms / small.latency_ms:.0f} times the time",
    {
        "parameters (thousands)": {
            stage.name: stage.parameters / 1e3 for stage in report.stages
        },
        "MACs (millions)": {stage.name: stage.macs / 1e6 for stage in report.stages},
        "latency (ms)": {stage.name: stage.latency_ms for stage in report.stages},
    },
)

# %% tags=["predicted"]
for stage in report.stages:
    speed = stage.macs / stage.latency_ms / 1e6
    print(f"{stage.name:14} {speed:5.1f} million MACs in a millisecond")

# %% [markdown]
# The number of parameters says nothing about the time. MACs say something, and not all: the last
# lines differ from model to model, because a processor also loads weights, starts layers and waits
# for memory. Whoever wants a time has to measure a time.
#
# ## 3. Time and its noise
#
# One model, one image, 200 runs, each timed by itself:

# %%
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime

image = data.validation.x[:1]
convert = functools.cache(to_onnx)


def runner(model):
    """Load a model; returns a function that runs it on one image and does nothing else."""
    return OnnxRuntime(convert(model)).runner(image)


def timings(run, count):
    """Seconds of single runs."""
    seconds = np.empty(count)
    for number in range(count):
        start = time.perf_counter()
        run()
        seconds[number] = time.perf_counter() - start
    return seconds


microseconds = 1e6 * timings(runner(model), 200)
spread = microseconds.max() / microseconds.min()

# %% tags=["predicted"]
figures.times(
    f"One model, 200 times: the slowest run takes {spread:.1f} times the fastest",
    microseconds,
)

# %% [markdown]
# Nothing changed between the runs, except what else the computer had to do. That other work can
# make a run slower; it cannot make one faster. So the times pile up near the fastest one, with a
# long tail to the right. For run $k$, with the time $t$ that the work itself takes:
#
# $$t_k = t + \varepsilon_k, \qquad \varepsilon_k \ge 0$$
#
# The errors $\varepsilon_k$ all have one sign, so a mean does not cancel them out: `microseconds.mean()` is $t$ and
# what the neighbours took on average.
#
# ### One model against itself
#
# The best test of a measurement is one whose result you know. We load one model twice and
# race the two **twins**. They take turns in short blocks (**interleaved**), so that what disturbs
# one disturbs the other, too. The true speed-up is 1. And to make it hard, two threads of this
# notebook are bad neighbours meanwhile: they multiply matrices in bursts.


# %%
def neighbour(stop, seed):
    """Keep the machine busy, in bursts."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((300, 300))
    while not stop.is_set():
        for _ in range(rng.integers(1, 40)):
            matrix @ matrix
        time.sleep(rng.uniform(0, 0.03))


def interleaved(runs, blocks, calls=10):
    """Mean seconds of a run in each block; one row a block, one column a model."""
    times = np.empty((blocks, len(runs)))
    for block, column in np.ndindex(times.shape):
        times[block, column] = timings(runs[column], calls).mean()
    return times


twins = [runner(model) for _ in range(2)]
stop = threading.Event()
neighbours = [threading.Thread(target=neighbour, args=(stop, seed)) for seed in (1, 2)]
for thread in neighbours:
    thread.start()
try:
    with lesson.working("16 trials among bad neighbours", seconds=8):
        trials = [interleaved(twins, blocks=30) for _ in range(16)]
finally:
    stop.set()
    for thread in neighbours:
        thread.join()

of_means = np.array([trial[:, 0].mean() / trial[:, 1].mean() for trial in trials])

# %%
figures.dots(
    f"Means say {of_means.min():.2f} to {of_means.max():.2f}; the truth is 1",
    {"ratio of means": of_means},
    "speed-up of a model against itself, 16 trials",
    truth=("truth", 1),
)

# %% [markdown]
# Each triangle to the right of the dotted line could have been a headline: "we made it faster",
# and nothing was changed. (If your triangles lie close together, your computer has processors to
# spare. A shared server or a phone has not.)
#
# ### Exercise 3 · A speed-up that noise cannot fake
#
# Write `speedup`. It gets the block times of two models, measured in turns on a busy machine, and
# returns how many times faster the second is: 2 if it needs half the time.


# %% tags=["exercise:speedup"]
def speedup(times_before, times_after):
    """Return how many times faster the second model is.

    times_before, times_after: arrays, one time for each block.
    """
    # BEGIN SOLUTION
    return times_before.min() / times_after.min()
    # END SOLUTION


# %% tags=["wrong:speedup:finds_twins_equal"]
def speedup(times_before, times_after):
    return times_before.mean() / times_after.mean()


# %% tags=["wrong:speedup:finds_twins_equal"]
def speedup(times_before, times_after):
    return np.median(times_before) / np.median(times_after)


# %% tags=["wrong:speedup:is_above_one_when_faster"]
def speedup(times_before, times_after):
    return times_after.min() / times_before.min()


# %% tags=["wrong:speedup:looks_past_the_first_block"]
def speedup(times_before, times_after):
    return times_before[0] / times_after[0]


# %% tags=["check"]
speedup = lesson.accept("speedup", speedup)

# %%
ratios = np.array([speedup(trial[:, 0], trial[:, 1]) for trial in trials])
figures.dots(
    f"The 16 trials again: your function says {ratios.min():.2f} to {ratios.max():.2f}",
    {"ratio of means": of_means, "your function": ratios},
    "speed-up of a model against itself",
    truth=("truth", 1),
)

# %% [markdown]
# In the library this is `measure.race`. It prepares each candidate, lets them take turns, and
# runs the first one twice, as itself and as its own twin. What the twins differ by is noise; it
# returns that as the **band**. Here LeNet-5 races itself and a
# smaller model:

# %%
race = measure.race(
    {
        "LeNet-5": lambda: runner(model),
        "LeNet-5 again": lambda: runner(model),
        "LeNet-300-100": lambda: runner(models["LeNet-300-100"]),
    }
)
for name, milliseconds in race.milliseconds.items():
    print(f"{name:14} {milliseconds:.4f} ms   {race.verdict(name)}")
print(f"band: {race.band:.1%}")

# %% [markdown]
# ### Exercise 4 · Faster, or only noise?
#
# Write `verdict`. It gets a speed-up and the noise band, for example 0.05 for 5 %, and returns
# `"faster"`, `"slower"` or `"no measurable change"`. It must be **fair**: what it says about A
# against B (a ratio) must mirror what it says about B against A (1 / ratio).


# %% tags=["exercise:verdict"]
def verdict(ratio, band):
    """Return "faster", "slower" or "no measurable change".

    ratio: old time / new time. band: the noise as a fraction, at least 0.
    """
    # BEGIN SOLUTION
    if max(ratio, 1 / ratio) - 1 <= band:
        return "no measurable change"
    return "faster" if ratio > 1 else "slower"
    # END SOLUTION


# %% tags=["wrong:verdict:takes_noise_for_no_change"]
def verdict(ratio, band):
    return "faster" if ratio > 1 else "slower"


# %% tags=["wrong:verdict:is_the_same_from_both_sides"]
def verdict(ratio, band):
    if abs(ratio - 1) <= band:
        return "no measurable change"
    return "faster" if ratio > 1 else "slower"


# %% tags=["wrong:verdict:tells_faster_from_slower"]
def verdict(ratio, band):
    if abs(ratio - 1) <= band:
        return "no measurable change"
    return "slower" if ratio > 1 else "faster"


# %% tags=["wrong:verdict:judges_small_changes_too"]
def verdict(ratio, band):
    if max(ratio, 1 / ratio) - 1 <= 2 * band:
        return "no measurable change"
    return "faster" if ratio > 1 else "slower"


# %% tags=["check"]
verdict = lesson.accept("verdict", verdict)

# %%
for name in race.milliseconds:
    print(f"{name:14} {verdict(race.speedup(name), race.band)}")

# %% [markdown]
# "No measurable change" is a result. Write it down when it is one.
#
# ### ★ Exercise 5 · Who may be the fastest?
#
# An exercise with a star comes without a recipe. Write `fastest`. It gets the times of several
# models, a dictionary of milliseconds by name, and the noise band. It returns a list of the names
# that may be the fastest: all that are not measurably slower than the one with the smallest time,
# in the order of their times.


# %% tags=["exercise:fastest"]
def fastest(milliseconds, band):
    """Return the names of the models that may be the fastest, by time.

    milliseconds: dictionary of times by name. band: the noise as a fraction.
    """
    # BEGIN SOLUTION
    best = min(milliseconds.values())
    by_time = sorted(milliseconds, key=milliseconds.get)
    return [name for name in by_time if milliseconds[name] / best - 1 <= band]
    # END SOLUTION


# %% tags=["wrong:fastest:keeps_what_is_within_the_noise"]
def fastest(milliseconds, band):
    return [min(milliseconds, key=milliseconds.get)]


# %% tags=["wrong:fastest:takes_the_band_for_a_fraction"]
def fastest(milliseconds, band):
    best = min(milliseconds.values())
    by_time = sorted(milliseconds, key=milliseconds.get)
    return [name for name in by_time if milliseconds[name] - best <= band]


# %% tags=["wrong:fastest:orders_by_time"]
def fastest(milliseconds, band):
    best = min(milliseconds.values())
    return [name for name, time in milliseconds.items() if time / best - 1 <= band]


# %% tags=["check"]
fastest = lesson.accept("fastest", fastest)

# %%
print("may be the fastest:", fastest(race.milliseconds, race.band))
#
# ## 4. Which computer? CPU and GPU
#
# A latency belongs to a model, a runtime, a machine **and** a batch size. The next cell times the
# three models in Keras itself, one image at a time and 64 together, on the CPU and on the GPU if
# there is one. Everything that a user of `predict_on_batch` waits for is in these times: also
# Python, and copying the images in and the outputs out.

# %% tags=["timing"]
with lesson.working("Timing three models, twice", seconds=15):
    times = measure.time_on_devices(models, batch_sizes=(1, 64), rounds=12)
times

# %% [markdown]
# - 64 images do not take 64 times as long as one: with one small image much of the time goes into
#   everything *around* the arithmetic. Compare it also with the latency in the report above.
# - That is also why a GPU may be no faster for one image, or slower: it has to be fed. It shows
#   what it can do with large batches of large models.
# - The noise band of such a Python-driven measurement is wide. Small differences in this table
#   mean nothing; the table says so itself.
#
# ### Exercise 6 · Which number decides?
#
# A camera app has 20 ms for one image. Which number decides whether a model fits?
#
# a) Its parameters: fewer numbers, less to do.
#
# b) Its MACs: they are what the processor does.
#
# c) Its latency, measured in the runtime and on the device that the app uses, with the noise
# beside it.
#
# d) The bytes of its file: a smaller file is read faster.

# %% tags=["exercise:which_number"]
# BEGIN SOLUTION
which_number = "c"
# END SOLUTION

# %% tags=["wrong:which_number:is_not_a"]
which_number = "a"

# %% tags=["wrong:which_number:is_not_b"]
which_number = "b"

# %% tags=["wrong:which_number:is_not_d"]
which_number = "d"

# %% tags=["check"]
lesson.check("which_number", which_number)

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
slowest = max(report.stages, key=lambda stage: stage.latency_ms).name
lesson.compare_predictions(
    {
        "the slowest model": slowest,
        "how many times larger the file is after training": round(larger, 1),
        "slowest divided by fastest of 200 timings": round(float(spread), 1),
    }
)

# %% [markdown]
# ## Into the table
#
# One table travels through the course. The three models are rows of it: what all that follows is
# compared with.

# %% tags=["predicted"]
names = {stage.name: stage.name for stage in report.stages}
lesson.table.add(report, model=names, technique=dict.fromkeys(names, "original"))

# %% tags=["predicted"]
lesson.table.scatter()

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own two models in (`ncl.load_model("a.keras")`)
# and report all columns, with the footnotes.

# %%
import nncompress_lab as ncl

before = ncl.zoo.lenet5()
after = ncl.MagnitudePruning(sparsity=0.5)(before)

ncl.compare(before, after, data=ncl.data.fashion_mnist().validation)

# %% [markdown]
# ## Further reading
#
# - Dehghani, Arnab, Beyer, Vaswani, Tay, [The Efficiency Misnomer](https://arxiv.org/abs/2110.12894),
#   ICLR 2022: parameters, FLOPs and speed contradict each other, and how to report them.
# - Chen, Revels, [Robust benchmarking in noisy environments](https://arxiv.org/abs/1608.04295),
#   2016: why the minimum is the estimator to take.
# - Mytkowicz, Diwan, Hauswirth, Sweeney, [Producing Wrong Data Without Doing Anything Obviously
#   Wrong!](https://doi.org/10.1145/1508244.1508275), ASPLOS 2009: even the length of a user's name
#   can change a measured time.
# - Ma, Zhang, Zheng, Sun, [ShuffleNet V2](https://arxiv.org/abs/1807.11164), ECCV 2018, sections 1
#   and 2: models with equal FLOPs and unequal speed.

# %% tags=["check"]
lesson.score()
