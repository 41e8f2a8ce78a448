# ---
# jupyter:
#   nncompress:
#     lesson: "09"
#     title: Knowledge distillation
#     minutes: 60
#     difficulty: 4
#     cell_seconds: 120
# ---

# %% [markdown]
# # Knowledge distillation
#
# | | |
# |---|---|
# | You will be able to | write the losses by which one network teaches another, and check a loss that somebody else wrote; design an experiment that tells what the teacher was worth, and read its interval |
# | Time | 60 minutes, of which the computer needs about one |
# | Difficulty | 4 of 5 |
# | You need | NumPy, what a softmax is, and that you have trained a Keras model once |
# | Points | eight exercises, one of them with a star; 15 points |
#
# All lessons before this one made a trained network smaller. This one trains a small network, the **student**, and
# lets the large one, the **teacher**, say more than the labels do: not "this is a shirt" but "shirt 60 %, coat
# 30 %, and surely no sandal". That is **knowledge distillation**.
#
# You will see such answers carry what no training image showed: a student that recognizes a class of which it has
# seen no example. And you will see them gain nothing at all, where many a tutorial reports a gain. What
# tells the two apart is the control experiment.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("09")

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures
from nncompress_lab.course.small_student import small_student
from nncompress_lab.training.teacher_outputs import teacher_logits

teacher, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
student = small_student(seed=0)
# Validation data chooses; the test data stays closed until the end.
images = data.validation.take(1000)
labels = np.asarray(images.y)
print("teacher:", measure.parameters(teacher), "parameters")
print("student:", measure.parameters(student), "parameters")
print("same inputs and outputs:", teacher.output_shape == student.output_shape)

# %% [markdown]
# ## Predict
#
# The student will be trained three times. Guess first: replace each `...`. Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "points that soft targets gain over labels, 10,000 labelled images": ...,
        "part of the ankle boots that are recognized, none shown, labels only": ...,
        "part of the ankle boots that are recognized, none shown, soft targets": ...,
    }
)

# %% [markdown]
# ## 1. What a teacher says
#
# The last layer of a classifier puts out a **logit** $z_i$ for each class, any real number. The softmax makes
# probabilities of them. A **temperature** $T$ divides the logits first:
#
# $$p_i = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}}$$
#
# At $T = 1$ that is the ordinary softmax. A higher one brings the classes nearer to each other: **soft targets**. Two
# examples with three classes:

# %%
logits = np.array([[4.0, 1.0, -1.0], [0.0, 0.5, 3.0]])
powers = {T: np.exp(logits / T) for T in (1, 4)}
figures.matrices(
    "Warmer: the first class gives to the others, and keeps its rank",
    reach=5.0,
    logits=logits,
    at_T_1=powers[1] / powers[1].sum(axis=1, keepdims=True),
    at_T_4=powers[4] / powers[4].sum(axis=1, keepdims=True),
)

# %% [markdown]
# A real teacher is sure of most images, and of some it is not. These are the five of which it is least sure, with their labels:

# %%
answers = teacher_logits(teacher, images.x)
first_two = np.sort(answers, axis=1)[:, -2:]
unsure = np.argsort(first_two[:, 1] - first_two[:, 0])[:5]
place = int(unsure[0])
figures.images(
    "Would you be sure?",
    images.x[unsure, :, :, 0],
    [data.class_names[label] for label in labels[unsure]],
)

# %% [markdown]
# On the web the softmax for distillation often looks like this:


# %% tags=["check"]
def softmax_snippet(logits):
    powers = np.exp(logits)
    return powers / np.sum(powers)


found = softmax_snippet(logits)
print("each row sums to:", np.round(found.sum(axis=1), 2), "and all together to 1")
with np.errstate(all="ignore"):
    print("with large logits:", softmax_snippet(np.array([[1000.0, 0.0]])))
print(
    "same at every temperature:",
    "temperature" not in softmax_snippet.__code__.co_varnames,
)

# %% [markdown]
# It sums over the whole batch, where it should sum over the classes of each example; it overflows; and it has no
# temperature.
#
# ### Exercise 1 · Soft targets
#
# Repair it. The classes are the last axis, whatever comes before. Large logits must not overflow: softmax does
# not change when the same number is taken from all logits of an example.


# %% tags=["exercise:soft_targets"]
def soft_targets(logits, temperature):
    """Return probabilities of the shape of logits; the classes are the last axis."""
    # BEGIN SOLUTION
    scaled = (logits - np.max(logits, axis=-1, keepdims=True)) / temperature
    powers = np.exp(scaled)
    return powers / np.sum(powers, axis=-1, keepdims=True)
    # END SOLUTION


# %% tags=["wrong:soft_targets:sum_to_one_along_the_classes"]
def soft_targets(logits, temperature):
    powers = np.exp((logits - np.max(logits)) / temperature)
    return powers / np.sum(powers)


# %% tags=["wrong:soft_targets:get_softer_with_the_temperature"]
def soft_targets(logits, temperature):
    powers = np.exp((logits - np.max(logits, axis=-1, keepdims=True)) * temperature)
    return powers / np.sum(powers, axis=-1, keepdims=True)


# %% tags=["wrong:soft_targets:get_softer_with_the_temperature"]
def soft_targets(logits, temperature):
    powers = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    warm = powers / temperature
    return warm / np.sum(warm, axis=-1, keepdims=True)


# %% tags=["wrong:soft_targets:bear_large_logits"]
def soft_targets(logits, temperature):
    powers = np.exp(logits / temperature)
    return powers / np.sum(powers, axis=-1, keepdims=True)


# %% tags=["wrong:soft_targets:bear_large_logits"]
def soft_targets(logits, temperature):
    powers = np.exp((logits - np.max(logits)) / temperature)
    return powers / np.sum(powers, axis=-1, keepdims=True)


# %% tags=["wrong:soft_targets:bear_large_logits"]
def soft_targets(logits, temperature):
    largest = np.max(logits, axis=-1, keepdims=True)
    powers = np.exp(logits / temperature - largest)
    return powers / np.sum(powers, axis=-1, keepdims=True)


# %% tags=["wrong:soft_targets:hold_for_any_shape"]
def soft_targets(logits, temperature):
    powers = np.exp((logits - np.max(logits, axis=1, keepdims=True)) / temperature)
    return powers / np.sum(powers, axis=1, keepdims=True)


# %% tags=["check"]
soft_targets = lesson.accept("soft_targets", soft_targets)

# %% tags=["check"]
from nncompress_lab.training.arrays import soft_targets as library

theirs = library.soft_targets(answers, temperature=4.0)
print(
    "same as the library's:", np.allclose(soft_targets(answers, 4.0), theirs, atol=1e-6)
)

# %% [markdown]
# What the teacher says about the first of the images above, for the five likeliest classes. At temperature 1 all
# but two of them can hardly be told apart; warmer, their ranking is there to be learned:

# %%
likeliest = np.argsort(-answers[place])[:5]
figures.panels(
    "One image: the warmer, the more can be seen of the third class and those after it",
    {
        f"T = {T}": {
            data.class_names[one]: soft_targets(answers[place], T)[one]
            for one in likeliest
        }
        for T in (1, 3, 10)
    },
)

# %% [markdown]
# ## 2. The loss
#
# The student is to give the probabilities $q$ that the teacher gives, $p$, both at temperature $T$. How far it is from
# that is the **Kullback-Leibler divergence**, `np.sum(p * np.log(p / q))` over the classes. The loss of one example:
#
# $$L_\text{soft} = T^2 \sum_i p_i \log \frac{p_i}{q_i}$$
#
# The sum is over the classes, the mean over the examples. Why $T^2$? A warm softmax reacts little to its logits: the
# gradient of the divergence on the student's logits is $(q - p) / T$, and $q - p$ itself shrinks as both get flat.

# %%
before = teacher_logits(student, images.x)


def gradient(T):
    """The mean length of the divergence's gradient on the student's logits."""
    away = soft_targets(before, T) - soft_targets(answers, T)
    return float(np.mean(np.linalg.norm(away / T, axis=1)))


temperatures = (1, 2, 4, 8)
figures.panels(
    "Without the factor the teacher falls silent as it gets warm",
    {
        "without the factor": {f"T = {T}": gradient(T) for T in temperatures},
        "times T²": {f"T = {T}": T**2 * gradient(T) for T in temperatures},
    },
)

# %% [markdown]
# The student also has labels, at temperature 1, with a weight $w$. What training makes small is
#
# $$w\, L_\text{labels} + (1 - w)\, L_\text{soft}$$
#
# With $T^2$ a weight keeps about its meaning when you change the temperature.
#
# ### Exercise 2 · The loss on soft targets
#
# Write `soft_target_loss`, one number: the formula above, averaged over the examples.


# %% tags=["exercise:soft_target_loss"]
def soft_target_loss(teacher, student, temperature):
    """Return the mean over the examples of temperature**2 * KL(teacher, student).

    teacher, student: logits of one shape; the classes are the last axis.
    """
    # BEGIN SOLUTION
    p = soft_targets(teacher, temperature)
    q = soft_targets(student, temperature)
    return temperature**2 * np.mean(np.sum(p * np.log(p / q), axis=-1))
    # END SOLUTION


# %% tags=["wrong:soft_target_loss:keeps_its_size_when_it_gets_warm"]
def soft_target_loss(teacher, student, temperature):
    p, q = soft_targets(teacher, temperature), soft_targets(student, temperature)
    return np.mean(np.sum(p * np.log(p / q), axis=-1))


# %% tags=["wrong:soft_target_loss:keeps_its_size_when_it_gets_warm"]
def soft_target_loss(teacher, student, temperature):
    p, q = soft_targets(teacher, temperature), soft_targets(student, temperature)
    return temperature * np.mean(np.sum(p * np.log(p / q), axis=-1))


# %% tags=["wrong:soft_target_loss:measures_from_the_teacher"]
def soft_target_loss(teacher, student, temperature):
    p, q = soft_targets(teacher, temperature), soft_targets(student, temperature)
    return temperature**2 * np.mean(np.sum(q * np.log(q / p), axis=-1))


# %% tags=["wrong:soft_target_loss:is_nothing_where_the_two_agree"]
def soft_target_loss(teacher, student, temperature):
    p, q = soft_targets(teacher, temperature), soft_targets(student, temperature)
    return -(temperature**2) * np.mean(np.sum(p * np.log(q), axis=-1))


# %% tags=["wrong:soft_target_loss:is_nothing_where_the_two_agree"]
def soft_target_loss(teacher, student, temperature):
    p, q = np.clip(teacher, 1e-7, 1), np.clip(student, 1e-7, 1)
    return np.mean(np.sum(p * np.log(p / q), axis=-1))


# %% tags=["wrong:soft_target_loss:measures_from_the_teacher"]
def soft_target_loss(teacher, student, temperature):
    p, q = soft_targets(teacher, temperature), soft_targets(student, temperature)
    return temperature**2 * np.mean(p * np.log(p / q))


# %% tags=["check"]
soft_target_loss = lesson.accept("soft_target_loss", soft_target_loss)

# %% tags=["check"]
theirs = np.mean(library.soft_target_loss(answers, before, temperature=4.0))
yours = soft_target_loss(answers, before, 4.0)
print("same as the library's:", np.isclose(yours, theirs, rtol=1e-4))

# %% [markdown]
# ## 3. A bug hunt
#
# Keras has distillation built in: `keras.distillation.LogitsDistillation()`. Try it, as it comes, on a teacher and a
# student, and put the formula beside it:

# %% tags=["check"]
from nncompress_lab.course.exercises.lesson_09_control import keras_default_loss

pair = np.array([[2.0, 1.0, 0.1]]), np.array([[0.5, 1.5, 0.3]])
as_it_comes = keras.distillation.LogitsDistillation(temperature=3.0)
with_an_object = keras.distillation.LogitsDistillation(
    temperature=3.0, loss=keras.losses.KLDivergence()
)
tensors = [keras.ops.convert_to_tensor(one, "float32") for one in pair]
default = float(as_it_comes.compute_loss(*tensors))
repaired = float(with_an_object.compute_loss(*tensors))
print(f"the formula:                 {soft_target_loss(*pair, 3.0):.4f}")
print(f"loss=KLDivergence(), object: {repaired:.4f}")
print(f"Keras 3.15's default:        {keras_default_loss(*pair):.4f}")
same = np.isclose(default, keras_default_loss(*pair), atol=1e-6)
print("the installed Keras computes the same as 3.15:", same)

# %% [markdown]
# (If the last line says False, your Keras is a repaired one, and the line above it is how it was.)
#
# The default is the *string* `"kl_divergence"`. Inside, Keras makes a function of it, and only an object of the class
# `KLDivergence` gets the softmax and the factor $T^2$. The function is given the bare logits divided by $T$, cut to
# the range from 0 to 1, as if they were probabilities. Students trained with it end anywhere.
#
# ### Exercise 3 · Convict a loss
#
# A good test of a loss is an input on which it *must* be 0. Find logits of a teacher and of a student, at least one
# example with two classes or more, that have **equal soft targets** and on which the default loss, at temperature
# 3, is **below -0.1**: a loss that is better than perfect. Try them with `keras_default_loss(teacher, student)`.

# %% tags=["exercise:counterexample"]
# BEGIN SOLUTION
counterexample = np.array([[1.5, 1.2, 0.9]]), np.array([[2.4, 2.1, 1.8]])
# END SOLUTION

# %% tags=["wrong:counterexample:agrees_about_every_class"]
counterexample = np.array([[1.5, 1.2, 0.9]]), np.array([[3.0, 2.4, 1.8]])

# %% tags=["wrong:counterexample:shows_a_loss_below_zero"]
counterexample = np.array([[1.5, 1.2, 0.9]]), np.array([[1.5, 1.2, 0.9]])

# %% tags=["wrong:counterexample:shows_a_loss_below_zero"]
counterexample = np.array([[2.4, 2.1, 1.8]]), np.array([[1.5, 1.2, 0.9]])

# %% tags=["wrong:counterexample:shows_a_loss_below_zero"]
counterexample = np.array([[15.0, 12.0, 9.0]]), np.array([[24.0, 21.0, 18.0]])

# %% tags=["wrong:counterexample:is_two_arrays_of_logits"]
counterexample = np.array([[1.5, 1.2, 0.9]])

# %% tags=["check"]
lesson.check("counterexample", counterexample)

# %% [markdown]
# ## 4. Logits instead
#
# A simpler loss compares the logits themselves, $\frac{1}{K} \sum_i (z_i - v_i)^2$ over $K$ classes (Ba and Caruana). One
# trap is in it: logits mean nothing but their differences. Add a number to all of a student's logits, and its
# answers stay what they are; so should its loss.
#
# ### Exercise 4 · The squared error of the logits
#
# Write `logit_loss`: for each example take the mean over the classes off the difference, then the mean of all
# squares.


# %% tags=["exercise:logit_loss"]
def logit_loss(teacher, student):
    """Return the mean squared difference of logits, up to a constant an example."""
    # BEGIN SOLUTION
    difference = teacher - student
    difference = difference - np.mean(difference, axis=-1, keepdims=True)
    return np.mean(difference**2)
    # END SOLUTION


# %% tags=["wrong:logit_loss:does_not_see_a_constant"]
def logit_loss(teacher, student):
    return np.mean((teacher - student) ** 2)


# %% tags=["wrong:logit_loss:does_not_see_a_constant"]
def logit_loss(teacher, student):
    difference = teacher - student
    return np.mean((difference - np.mean(difference)) ** 2)


# %% tags=["wrong:logit_loss:is_the_mean_of_the_squares"]
def logit_loss(teacher, student):
    difference = teacher - student
    difference = difference - np.mean(difference, axis=-1, keepdims=True)
    return np.mean(np.sum(difference**2, axis=-1))


# %% tags=["wrong:logit_loss:is_the_mean_of_the_squares"]
def logit_loss(teacher, student):
    difference = teacher - student
    difference = difference - np.mean(difference, axis=-1, keepdims=True)
    return np.mean(np.abs(difference))


# %% tags=["wrong:logit_loss:is_right_for_any_logits"]
def logit_loss(teacher, student):
    difference = teacher - student
    difference = difference - np.mean(difference, axis=1, keepdims=True)
    return np.mean(difference**2)


# %% tags=["check"]
logit_loss = lesson.accept("logit_loss", logit_loss)

# %% [markdown]
# The two losses are relatives: as the temperature rises, the one on soft targets comes near to half of this one.

# %% tags=["check"]
theirs = np.mean(library.logit_loss(answers, before))
print(
    "same as the library's:", np.isclose(logit_loss(answers, before), theirs, rtol=1e-4)
)
for temperature in (10, 100, 1000):
    part = soft_target_loss(answers.astype(float), before.astype(float), temperature)
    print(f"T = {temperature}: {part / logit_loss(answers, before):.2f} of it")

# %% [markdown]
# ## 5. Your turn, with the control
#
# Press one of the images; of the first ones the teacher is least sure. Its bars and the student's melt together as
# you raise the temperature. Below them are the two terms of the loss, and how hard each pulls on the student's
# logits, with and without $T^2$. **Train** shows what comes of a setting, beside the two controls of section 6.
#
# ### Exercise 5 · Meet the goal
#
# Teach so that there is something to learn. The goal has three parts, and each is a figure beside the picture:
#
# - **Other classes** have at least 35 % of the teacher's probability, on average: soft enough.
# - **The entropy of the targets** is at most 2 bits: not so soft that all classes look alike.
# - **The weaker term** has at least 40 % of the gradient when the training begins: neither is drowned.
#
# Press **Register** when all three are met, then **Use this in my code** and **Insert as my answer**. (Or write the
# pass by hand: `ncl.Distillation(student=student, ...)`.)

# %% tags=["exercise:chosen_teaching"]
# BEGIN SOLUTION
chosen_teaching = ncl.Distillation(
    student=student, temperature=5.0, student_loss_weight=0.75
)
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import DistillationExplorer, Goal

explorer = DistillationExplorer(
    teacher,
    student,
    data,
    goal=Goal(others=0.35, soft_entropy=2.0, balance=0.4),
    answer="chosen_teaching",
)
explorer

# %% tags=["wrong:chosen_teaching:softens_enough"]
chosen_teaching = ncl.Distillation(
    student=student, temperature=2.0, student_loss_weight=0.7
)

# %% tags=["wrong:chosen_teaching:keeps_a_contrast"]
chosen_teaching = ncl.Distillation(
    student=student, temperature=12.0, student_loss_weight=0.75
)

# %% tags=["wrong:chosen_teaching:keeps_a_contrast"]
chosen_teaching = ncl.Distillation(student=student, loss="mse")

# %% tags=["wrong:chosen_teaching:lets_both_terms_speak"]
chosen_teaching = ncl.Distillation(student=student, temperature=5.0)

# %% tags=["wrong:chosen_teaching:teaches_the_lessons_student"]
chosen_teaching = ncl.Distillation(temperature=5.0, student_loss_weight=0.75)

# %% tags=["wrong:chosen_teaching:teaches_the_lessons_student"]
chosen_teaching = ncl.Distillation(
    student=None, temperature=5.0, student_loss_weight=0.75
)

# %% tags=["wrong:chosen_teaching:teaches_the_lessons_student"]
chosen_teaching = ncl.Distillation(
    student=ncl.zoo.lenet5(), temperature=5.0, student_loss_weight=0.75
)

# %% tags=["wrong:chosen_teaching:has_the_terms_of_the_control"]
chosen_teaching = ncl.Distillation(
    student=student, loss="decoupled", temperature=5.0, student_loss_weight=0.75
)

# %% tags=["wrong:chosen_teaching:has_the_terms_of_the_control"]
chosen_teaching = ncl.Distillation(
    student=student, features="attention", temperature=5.0, student_loss_weight=0.75
)

# %% tags=["wrong:chosen_teaching:is_registered"]
chosen_teaching = ncl.FineTune(epochs=1)

# %% tags=["check"]
lesson.check("chosen_teaching", chosen_teaching)

# %% [markdown]
# ## 6. Is the teacher worth it?
#
# Two students with your setting, one of them with labels only ($w = 1$): a few epochs, on all 10,000 training
# images.

# %% tags=["predicted"]
context = ncl.Context.of(data, progress=False)


def trained(settings, context=context, epochs=5):
    """A student that was taught like this; each begins with the same weights."""
    step = ncl.Distillation(
        student=small_student(seed=0),
        epochs=epochs,
        patience=epochs,
        learning_rate=3e-3,
        **settings,
    )
    return step(teacher, context)


setting = {"temperature": 5.0, "student_loss_weight": 0.75}
if isinstance(chosen_teaching, ncl.Distillation):
    setting = {name: getattr(chosen_teaching, name) for name in setting}
with lesson.working("Training two students", seconds=15):
    with_labels = trained({"student_loss_weight": 1.0})
    taught = trained(setting)
figures.bars(
    "One run each: does the teacher help?",
    {
        "teacher": measure.accuracy(teacher, images),
        "labels only": measure.accuracy(with_labels, images),
        "taught by the teacher": measure.accuracy(taught, images),
    },
    "validation accuracy",
)

# %% [markdown]
# One run of each tells nothing: with other first weights the result is another one. And against whom should a student
# with soft targets be compared?
#
# ### Exercise 6 · Against whom?
#
# You want to know what the *softness* of the targets is worth. Which student is the control?
#
# a) The teacher itself.
#
# b) The student before its training.
#
# c) The student trained on the teacher's hard labels, the class that it finds likeliest, with equal images,
#    steps and first weights.
#
# d) The best student out of several temperatures and weights.

# %% tags=["exercise:which_control"]
# BEGIN SOLUTION
which_control = "c"
# END SOLUTION

# %% tags=["wrong:which_control:is_not_a"]
which_control = "a"

# %% tags=["wrong:which_control:is_not_b"]
which_control = "b"

# %% tags=["wrong:which_control:is_not_d"]
which_control = "d"

# %% tags=["check"]
lesson.check("which_control", which_control)

# %% [markdown]
# ### Exercise 7 · A gain with its interval
#
# Run $k$ of both students began with one set of weights and saw its images in one order. So subtract run by run: the
# gains $g_k$. With $n$ of them, their mean $\bar g$ and their standard deviation $s$ (`ddof=1`), the truth lies 95
# times in 100 within
#
# $$\bar g \pm t_n \frac{s}{\sqrt n}$$
#
# For many runs $t_n$ is 1.96. For three it is 4.30, because the standard deviation of three numbers is itself a guess.
# Write `gain`, which returns the mean and half of the width. `quantile` is $t_n$.


# %% tags=["exercise:gain"]
def gain(with_soft, without, quantile):
    """Return the mean gain, and half the width of its interval.

    with_soft, without: accuracies of paired runs, arrays of one length.
    """
    # BEGIN SOLUTION
    gains = with_soft - without
    return np.mean(gains), quantile * np.std(gains, ddof=1) / np.sqrt(gains.size)
    # END SOLUTION


# %% tags=["wrong:gain:has_the_right_sign"]
def gain(with_soft, without, quantile):
    gains = without - with_soft
    return np.mean(gains), quantile * np.std(gains, ddof=1) / np.sqrt(gains.size)


# %% tags=["wrong:gain:pairs_the_runs"]
def gain(with_soft, without, quantile):
    variance = np.var(with_soft, ddof=1) + np.var(without, ddof=1)
    half = quantile * np.sqrt(variance / with_soft.size)
    return np.mean(with_soft) - np.mean(without), half


# %% tags=["wrong:gain:knows_how_few_runs_there_are"]
def gain(with_soft, without, quantile):
    gains = with_soft - without
    return np.mean(gains), 1.96 * np.std(gains, ddof=1) / np.sqrt(gains.size)


# %% tags=["wrong:gain:knows_how_few_runs_there_are"]
def gain(with_soft, without, quantile):
    gains = with_soft - without
    return np.mean(gains), quantile * np.std(gains) / np.sqrt(gains.size)


# %% tags=["wrong:gain:knows_how_few_runs_there_are"]
def gain(with_soft, without, quantile):
    gains = with_soft - without
    return np.mean(gains), quantile * np.std(gains, ddof=1)


# %% tags=["check"]
gain = lesson.accept("gain", gain)

# %% [markdown]
# Three runs of each way take too long for a lesson: `benchmarks/soft_labels.py` trained them, fifteen epochs each, and
# the results are in the package. This is the *test* accuracy, with 95 % intervals:

# %% tags=["check"]
from nncompress_lab.course import measured
from nncompress_lab.course.figures.intervals import T95

rows = measured.rows("soft_labels")


def runs(kind, figure="accuracy"):
    """The results of each way with this kind of data, an array of runs."""
    ways = dict.fromkeys(row["way"] for row in rows if row["data"] == kind)
    return {
        way: np.array(
            [row[figure] for row in rows if (row["data"], row["way"]) == (kind, way)]
        )
        for way in ways
    }


of = runs("all labels")
print("runs of each:", {way: len(each) for way, each in of.items()})

# %%
figures.intervals(
    "10,000 labelled images: which of these can be told apart?",
    of,
    "test accuracy",
    level=("teacher", measure.accuracy(teacher, data.test)),
)

# %% tags=["predicted"]
hard = "hard labels of the teacher"
for way in of:
    if way != hard:
        mean, half = gain(of[way], of[hard], T95[3])
        verdict = "0 lies within" if abs(mean) <= half else "0 lies outside"
        print(f"{way:27} {100 * mean:+5.1f} ± {100 * half:.1f} points; {verdict}")

# %% [markdown]
# With all labels there, softness adds nothing that three runs could show, and neither does the teacher: the intervals
# hold 0. Warmer targets and the squared error are *worse*, beyond any doubt: a student with so few weights spends
# them on logits of classes that do not matter for the image. Who shows one run of each, without a control, shows luck.
#
# ## 7. Where soft labels carry what the labels cannot
#
# **Few labels.** Somebody has labelled 200 images; 9,800 more lie there without labels. A teacher can answer for all
# of them, and then the student needs no label at all:

# %%
few = runs("200 labels")
figures.intervals(
    "With 200 labels the teacher is worth a lot, and it is the images that do it",
    few,
    "test accuracy",
    level=("teacher", measure.accuracy(teacher, data.test)),
)

# %% tags=["check"]
best = min(
    few["hard labels for all images"].mean(), few["soft targets for all images"].mean()
)
print(
    "all images, no labels, beats 200 labels by more than 5 points:",
    best > few["labels only"].mean() + 0.05,
)

# %% [markdown]
# (Honestly counted, the teacher was trained on those labels. Distillation moves knowledge; it makes none.)
#
# **The class that was left out.** Now take all ankle boots away: out of the training images, and out of those that
# choose the epoch. Two students learn from the rest, one from labels, one from what the teacher says about sneakers,
# sandals, bags:

# %% tags=["predicted"]
BOOT = data.class_names.index("Ankle boot")


def without_boots(part):
    """The images of all other classes."""
    kept = np.asarray(part.y) != BOOT
    return ncl.Data(part.x[kept], part.y[kept])


rest = ncl.Context(
    train=without_boots(data.train),
    validation=without_boots(data.validation),
    progress=False,
)
with lesson.working("Training two students", seconds=15):
    students = {
        "labels only": trained({"student_loss_weight": 1.0}, rest, epochs=6),
        "soft targets": trained(
            {"student_loss_weight": 0.0, "temperature": 4.0}, rest, epochs=6
        ),
    }
boots = labels == BOOT
said = {way: teacher_logits(one, images.x) for way, one in students.items()}
figures.bars(
    "Ankle boots recognized by students that saw none",
    {
        way: float(np.mean(np.argmax(z[boots], axis=1) == BOOT))
        for way, z in said.items()
    },
    "fraction of the ankle boots",
)

# %% [markdown]
# The teacher's soft targets for a sneaker say "and a little ankle boot, too", now more, now less. From that alone the
# student has an idea of ankle boots. Its logit for them is too low, because no image had them as the likeliest
# class. So raise it: add one number to that logit, chosen on validation images, as Hinton and his colleagues did
# with a digit.

# %% tags=["predicted"]
shifts = np.arange(0.0, 15.0, 0.25)
one = np.eye(10)[BOOT]
curves = {
    way: [np.mean(np.argmax(z + shift * one, axis=1) == labels) for shift in shifts]
    for way, z in said.items()
}
raised = {way: float(shifts[int(np.argmax(each))]) for way, each in curves.items()}
after = {
    way: float(np.mean(np.argmax(z[boots] + raised[way] * one, axis=1) == BOOT))
    for way, z in said.items()
}
figures.curves(
    "Raise the logit of the class: one student has learned it, one has not",
    {way: each[::4] for way, each in curves.items()},
    shifts[::4],
    xlabel="added to the logit of ankle boots",
    ylabel="validation accuracy, all classes",
    level=("teacher", measure.accuracy(teacher, images)),
)
print(
    "ankle boots recognized then:", {way: round(each, 2) for way, each in after.items()}
)

# %% [markdown]
# Three runs of that with the *test* images, and as many without bags, say how reliable it is. A bag resembles nothing
# else, and still:

# %% tags=["check"]
for kind in ("no ankle boot", "no bag"):
    for figure, words in (("of_class", "as trained"), ("raised", "logit raised")):
        means = {way: each.mean() for way, each in runs(kind, figure).items()}
        said_so = ", ".join(f"{way} {mean:.2f}" for way, mean in means.items())
        print(f"{kind}, {words}: {said_so}")
print(
    "labels only never recognize one as trained:",
    all(
        row["of_class"] == 0
        for row in rows
        if "of_class" in row and row["way"] == "labels only"
    ),
)

# %% [markdown]
# ## 8. Features
#
# A teacher can also show its work: the outputs of a layer inside, its **features** (Romero and others). The student's
# layer has another width, so a linear map with a bias stands between the two, and is learned along:
#
# $$L_\text{features} = \frac{1}{n\,d} \sum_k \lVert t_k - (s_k M + b) \rVert^2$$
#
# with the teacher's features $t_k$, $d$ of them, and the student's $s_k$ of example $k$. The map is thrown away at the
# end. In the library this is `features="hint"`.
#
# ### ★ Exercise 8 · Features of another width
#
# How much of a teacher's layer is already in the student's? Write `feature_loss`: the mean squared difference that is
# left with the *best* $M$ and $b$. There is no recipe for this one.


# %% tags=["exercise:feature_loss"]
def feature_loss(teacher, student):
    """Return the least mean squared difference that any map of the student leaves.

    teacher, student: features, one example a row; there are more examples than features.
    """
    # BEGIN SOLUTION
    inputs = np.column_stack([student, np.ones(len(student))])
    best = np.linalg.lstsq(inputs, teacher, rcond=None)[0]
    return np.mean((teacher - inputs @ best) ** 2)
    # END SOLUTION


# %% tags=["wrong:feature_loss:has_a_bias"]
def feature_loss(teacher, student):
    best = np.linalg.lstsq(student, teacher, rcond=None)[0]
    return np.mean((teacher - student @ best) ** 2)


# %% tags=["wrong:feature_loss:takes_other_widths"]
def feature_loss(teacher, student):
    width = min(teacher.shape[1], student.shape[1])
    return np.mean((teacher[:, :width] - student[:, :width]) ** 2)


# %% tags=["wrong:feature_loss:takes_other_widths"]
def feature_loss(teacher, student):
    map_ = np.random.default_rng(0).normal(size=(student.shape[1], teacher.shape[1]))
    return np.mean((teacher - student @ map_) ** 2)


# %% tags=["wrong:feature_loss:leaves_the_least_error"]
def feature_loss(teacher, student):
    inputs = np.column_stack([student, np.ones(len(student))])
    best = np.linalg.lstsq(inputs, teacher, rcond=None)[0]
    return np.mean(np.sum((teacher - inputs @ best) ** 2, axis=1))


# %% tags=["check"]
feature_loss = lesson.accept("feature_loss", feature_loss)

# %% [markdown]
# How much of the teacher's last hidden layer can be read off the student's, before and after its training, on 1,000
# images (1 would be nothing, 0 all of it):

# %% tags=["predicted"]


def features_of(model, name):
    """The outputs of a layer."""
    view = keras.Model(model.inputs[0], model.get_layer(name).output)
    return view.predict(images.x, verbose=0).reshape(len(images), -1)


theirs = features_of(teacher, "dense1")
figures.bars(
    "Training brings the student's features nearer to the teacher's",
    {
        name: feature_loss(theirs, features_of(one, "flatten"))
        / np.var(theirs, axis=0).mean()
        for name, one in (
            ("untrained", student),
            ("labels only", with_labels),
            ("taught", taught),
        )
    },
    "part of the variance that is left",
)

# %% [markdown]
# ## 9. What did it save?

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

report = measure_stages(
    {"original": teacher, "labels only": with_labels, "taught": taught},
    data=data.validation,
)
report

# %% [markdown]
# The student is small because it was built small; the teacher changed what its weights are. It is an ordinary
# network, and so is its file:

# %% tags=["check"]
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "student.onnx"
    ncl.export(taught, file)
    outputs = ncl.runtimes.load(file).predict(images.x[:100])
    print("less than 40 kB:", file.stat().st_size < 40_000)
in_keras = keras.ops.convert_to_numpy(taught(images.x[:100], training=False))
print("same outputs in ONNX Runtime:", np.allclose(outputs, in_keras, atol=1e-3))

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one
#
# Both in Keras itself, one image at a time and 64 together:

# %% tags=["timing", "predicted"]
measure.time_on_devices({"teacher": teacher, "student": taught}, batch_sizes=(1, 64))

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
mean, _ = gain(of["soft targets"], of["labels only"], T95[3])
lesson.compare_predictions(
    {
        "points that soft targets gain over labels, 10,000 labelled images": round(
            100 * float(mean), 1
        ),
        **{
            f"part of the ankle boots that are recognized, none shown, {way}": round(
                float(np.mean(np.argmax(z[boots], axis=1) == BOOT)), 2
            )
            for way, z in said.items()
        },
    }
)

# %% [markdown]
# ## Into the table
#
# Your students beside the models of the lessons before:

# %% tags=["predicted"]
lesson.table.add(
    report,
    model="LeNet-5",
    technique={"labels only": "a small network", "taught": "distillation"},
)

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above: your model as the teacher, a student of a quarter of its width, and the
# control beside it. Give both all of the images, more epochs and several seeds before you believe a difference.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()

my_context = ncl.Context.of(my_data, train=my_data.train.take(2560), progress=False)
my_student = ncl.Student(width=0.25)(my_model)
for name, weight in (("labels only", 1.0), ("taught", 0.1)):
    step = ncl.Distillation(student=my_student, student_loss_weight=weight, epochs=1)
    print(name, ncl.measure.accuracy(step(my_model, my_context), my_data.validation))

# %% [markdown]
# ## Further reading
#
# - Hinton, Vinyals, Dean, [Distilling the Knowledge in a Neural Network](https://arxiv.org/abs/1503.02531), 2015:
#   temperature, $T^2$, and in section 3 the digit that was left out.
# - Ba, Caruana, [Do Deep Nets Really Need to be Deep?](https://arxiv.org/abs/1312.6184), NIPS 2014: the squared error
#   of the logits.
# - Romero and others, [FitNets](https://arxiv.org/abs/1412.6550), ICLR 2015: hints from inside.
# - Cho, Hariharan, [On the Efficacy of Knowledge Distillation](https://arxiv.org/abs/1910.01348), ICCV 2019: when a
#   better teacher makes no better student.

# %% tags=["check"]
lesson.score()
