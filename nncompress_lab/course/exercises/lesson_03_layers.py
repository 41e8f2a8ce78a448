"""Lesson 03, first part: the norm of each filter, and a layer cut with its reader."""

from typing import Any

import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.course.wording import because, in_words
from nncompress_lab.models.channels.arrays.units import take
from nncompress_lab.pruning.channels.arrays.criteria import channel_norms

CLOSE = 1e-5  # of float32: the order of a sum is the learner's own


def random_kernel(*shape: int, seed: int) -> Any:
    """Normal weights of both signs."""
    return generator(seed).normal(size=shape).astype(np.float32)


def _filter_norms(kernel: Any) -> Any:
    return channel_norms(kernel)


filter_norms = Exercise(
    "filter_norms",
    title="How large is each filter?",
    points=2,
    hints=(
        "Which axis of a Keras kernel counts its filters? Add up over all the others.",
        "`tuple(range(kernel.ndim - 1))` are all axes but the last; NumPy's `axis=` "
        "takes such a tuple.",
        "np.sum(np.abs(kernel), axis=tuple(range(kernel.ndim - 1)))",
    ),
    reference=_filter_norms,
)


def _norms(answer: Any, kernel: Any) -> Any:
    norms = call(answer, kernel)
    require(
        np.ndim(norms) > 0,
        f"A norm for each filter is an array. Received: {in_words(norms)}.",
    )
    what = f"The norms of a kernel of shape {kernel.shape}, whose last axis counts filters,"
    return require_array(np.asarray(norms), shape=kernel.shape[-1:], what=what)


@filter_norms.check
def is_one_norm_a_filter(answer):
    _norms(answer, random_kernel(3, 4, 2, 5, seed=1))


@filter_norms.check
def works_for_units_of_a_layer_too(answer):
    _norms(answer, random_kernel(6, 4, seed=2))


@filter_norms.check
def counts_negative_weights(answer):
    norms = _norms(answer, np.array([[1.0, 0.5], [-3.0, 0.25]], np.float32))
    require(
        not np.allclose(np.abs(norms), [2.0, 0.75], rtol=CLOSE),
        "The weights 1 and -3 add up to -2: signs cancel, and a unit of large weights "
        "looks small. Take each magnitude before you add: 1 + 3 = 4.",
    )


@filter_norms.check
def adds_the_magnitudes_up(answer):
    norms = _norms(answer, np.array([[1.0, 0.5], [-3.0, 0.25]], np.float32))
    require(
        np.allclose(norms, [4.0, 0.75], rtol=CLOSE),
        "The weights 1 and -3 have the norm 1 + 3 = 4, and 0.5 and 0.25 have 0.75. "
        f"Received: {np.round(norms, 4).tolist()}."
        + because(
            float(norms[0]),
            {
                2.0: "That is the mean of the magnitudes; add them up.",
                3.0: "That is the largest magnitude; add all of them up.",
                10.0**0.5: "That is the root of the squares; add the magnitudes up.",
                1.5: "These are sums over the filters: the last axis is the one to keep.",
            },
        ),
    )


@filter_norms.check
def equals_the_librarys_norms(answer):
    for shape, seed in (((8, 5), 3), ((3, 2, 4, 6), 4), ((5, 7, 3), 5)):
        kernel = random_kernel(*shape, seed=seed)
        require(
            np.allclose(_norms(answer, kernel), _filter_norms(kernel), rtol=CLOSE),
            f"For a kernel of shape {shape} some norms differ from the library's: all "
            "magnitudes that make one output, added up.",
        )


def _narrow(kernel: Any, vectors: list[Any], reader: Any, keep: Any) -> Any:
    read = np.tile(keep, reader.shape[-2] // len(keep))
    return (
        take(kernel, [(kernel.ndim - 1, keep)]),
        [take(vector, [(0, keep)]) for vector in vectors],
        take(reader, [(reader.ndim - 2, read)]),
    )


narrow = Exercise(
    "narrow",
    title="Cut a layer and its reader",
    points=4,
    hints=(
        "Three things get shorter: the last axis of the kernel, every vector, and the "
        "last axis but one of the reader.",
        "Flatten walks through the places of an image, and at each place through all "
        "channels: `reader.reshape(-1, keep.size, outputs)` has an axis for places and one "
        "for channels. This holds for a convolution as well: its window is the places.",
        "blocks = reader.reshape(-1, keep.size, reader.shape[-1])[:, keep], and then "
        "blocks.reshape(*reader.shape[:-2], -1, reader.shape[-1])",
    ),
    reference=_narrow,
)
KEEP = (True, False, True, True, False)


def _case(
    reader: tuple[int, ...], *, seed: int, vectors: int = 1
) -> tuple[Any, list[Any], Any, Any]:
    """A layer of five channels, what belongs to it, and a reader."""
    made = [random_kernel(5, seed=seed + number) for number in range(vectors)]
    kernel = random_kernel(3, 2, 4, 5, seed=seed + 10)
    return kernel, made, random_kernel(*reader, seed=seed + 20), np.array(KEEP)


def _cut(answer: Any, case: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    result = call(answer, *case)
    require(
        isinstance(result, tuple | list) and len(result) == 3,
        "Return three things: the kernel, the list of vectors and the reader. Received: "
        f"{in_words(result)}.",
    )
    return tuple(result)


@narrow.check
def returns_three_things(answer):
    _cut(answer, _case((2, 3, 5, 7), seed=30))


@narrow.check
def removes_and_does_not_zero(answer):
    case = _case((2, 3, 5, 7), seed=31)
    for before, after in zip(case[::2], _cut(answer, case)[::2], strict=False):
        masked = np.shape(after) == before.shape and (np.asarray(after) == 0).any()
        require(
            not masked,
            f"An array of shape {before.shape} came back in its old shape, with zeros in "
            "it: that is the masked layer, which takes as long as before. Take the "
            "channels out: `array[..., keep]` with a boolean `keep` does.",
        )


@narrow.check
def cuts_the_layer(answer):
    case = _case((2, 3, 5, 7), seed=32)
    kernel, *_ = _cut(answer, case)
    cut = require_array(
        kernel, shape=(3, 2, 4, 3), what="The kernel with 3 of 5 filters"
    )
    require(
        np.array_equal(cut, _narrow(*case)[0]),
        "The kernel has other filters than those that `keep` marks with True.",
    )


@narrow.check
def cuts_every_vector(answer):
    case = _case((2, 3, 5, 7), seed=33, vectors=4)
    _, vectors, _ = _cut(answer, case)
    require(
        isinstance(vectors, list | tuple) and len(vectors) == 4,
        "Four vectors went in (gamma, beta, mean and variance of a BatchNormalization), "
        f"so four come out, in a list. Received: {in_words(vectors)}.",
    )
    for cut, expected in zip(vectors, _narrow(*case)[1], strict=True):
        array = require_array(cut, shape=(3,), what="A vector with 3 of 5 channels")
        require(
            np.array_equal(array, expected),
            "A vector has the numbers of other channels than `keep` marks with True.",
        )


@narrow.check
def cuts_the_reader(answer):
    for shape, seed in (((2, 3, 5, 7), 34), ((5, 5), 35), ((5, 2), 36)):
        case = _case(shape, seed=seed)
        *_, reader = _cut(answer, case)
        require(
            np.shape(reader) != shape,
            f"The reader came back with its old shape {shape}. It would expect five "
            "channels, and three arrive: it loses its weights for the other two.",
        )
        expected = _narrow(*case)[2]
        what = f"A reader of shape {shape} that gets 3 of 5 channels"
        cut = require_array(reader, shape=expected.shape, what=what)
        require(
            np.array_equal(cut, expected),
            f"A reader of shape {shape} has kept other weights than those of the channels "
            "that stay. Its inputs are its last axis but one.",
        )


@narrow.check
def follows_flatten(answer):
    for places, seed in ((4, 37), (6, 38)):
        case = _case((5 * places, 3), seed=seed)
        *_, reader = _cut(answer, case)
        what = (
            f"A Dense layer behind a Flatten of {places} places with 5 channels each reads "
            f"{5 * places} numbers. With 3 channels it"
        )
        cut = require_array(reader, shape=(3 * places, 3), what=what)
        blocks = case[2][np.repeat(case[3], places)]
        require(
            not np.array_equal(cut, blocks),
            "These are the rows that would go if Flatten put all places of one channel "
            "beside each other. It puts all channels of one place beside each other, so "
            "the rows of a channel are `keep.size` apart.",
        )
        require(
            np.array_equal(cut, _narrow(*case)[2]),
            "Behind a Flatten other rows stay than those of the channels that stay: at "
            "each place, `keep` says it anew.",
        )


@narrow.check
def equals_the_librarys_slices(answer):
    rng = generator(39)
    for shape, channels in (((3, 3, 8, 4), 8), ((7 * 6, 9), 6), ((9, 11), 9)):
        keep = rng.random(channels) < 0.5
        keep[rng.integers(channels)] = True
        kernel = random_kernel(6, channels, seed=40)
        vectors = [random_kernel(channels, seed=41)]
        case = (kernel, vectors, random_kernel(*shape, seed=42), keep)
        for cut, expected in zip(_cut(answer, case), _narrow(*case), strict=True):
            same = all(map(np.array_equal, cut, expected)) and len(cut) == len(expected)
            require(
                same,
                f"With {keep.sum()} of {channels} channels and a reader of shape {shape} "
                "the result differs from the library's.",
            )
