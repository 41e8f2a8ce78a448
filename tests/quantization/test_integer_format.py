"""Kernels as integers: what is stored, and what it decodes to."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras import ops

from nncompress_lab.quantization.arrays.affine import affine_params
from nncompress_lab.quantization.arrays.integer_format import KernelFormat, KernelView

small_profile = settings(max_examples=50, deadline=None)
# Shape and channel axes of: Dense, Conv2D, a transposed convolution (middle), Embedding
# (first), a depthwise convolution and an attention's projection (two axes), all axes,
# none, and two axes that are not neighbours.
KERNELS = (
    ((10, 4), (1,)),
    ((3, 3, 2, 5), (3,)),
    ((3, 3, 5, 2), (2,)),
    ((11, 6), (0,)),
    ((4, 3, 2), (0,)),  # its axes move round in a circle, so there and back differ
    ((3, 3, 2, 2), (2, 3)),
    ((7, 2, 3), (1, 2)),
    ((2, 3), (0, 1)),
    ((5, 3), ()),
    ((3, 4, 2), (0, 2)),
)
FORMATS = tuple(
    KernelFormat(bits, granularity, group_size, symmetric)
    for bits in range(2, 9)
    for granularity, group_size in (
        ("per_tensor", None),
        ("per_channel", None),
        ("per_group", 4),  # divides none of the numbers of rows above but 1
        ("per_group", 1000),  # longer than any of them
    )
    for symmetric in (True, False)
)
every_kernel = pytest.mark.parametrize(("shape", "channel_axes"), KERNELS)
every_format = pytest.mark.parametrize("format_", FORMATS, ids=str)


def random_kernel(shape: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(math.prod(shape))
    # Of very different sizes, so that a scale used for the wrong weight is noticed.
    sizes = 10.0 ** generator.integers(-3, 4, shape)
    return (generator.normal(size=shape) * sizes).astype(np.float32)


def scale_of_each_weight(view: KernelView, kernel: np.ndarray) -> np.ndarray:
    """The scales by the definition of the granularities, weight by weight."""
    shared: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    rows: dict[tuple[int, ...], int] = {}
    for index in np.ndindex(kernel.shape):
        channel = tuple(index[axis] for axis in view.channel_axes)
        row = rows.get(channel, 0)
        rows[channel] = row + 1
        key = {
            "per_tensor": (),
            "per_channel": channel,
            "per_group": (*channel, row // (view.format.group_size or 1)),
        }[view.format.granularity]
        shared.setdefault(key, []).append(index)
    scales = np.empty(kernel.shape)
    for members in shared.values():
        weights = np.array([kernel[index] for index in members])
        params = affine_params(
            weights, bits=view.format.bits, symmetric=view.format.symmetric
        )
        for index in members:
            scales[index] = params.scale[0]
    return scales


@every_format
@every_kernel
def test_the_decoded_kernel_is_within_half_a_step_of_the_kernel(
    shape, channel_axes, format_
):
    view, kernel = format_.view(shape, channel_axes), random_kernel(shape)

    decoded = view.decode(view.encode(kernel))

    # Float32 adds three roundings of at most 255 * 2**-24 steps: below 1e-4 steps.
    error = np.abs(decoded.astype(np.float64) - kernel)
    assert (error <= scale_of_each_weight(view, kernel) * (0.5 + 1e-4)).all()


@every_format
@every_kernel
def test_the_stored_arrays_are_what_stored_promises(shape, channel_axes, format_):
    view = format_.view(shape, channel_axes)

    arrays = view.encode(random_kernel(shape))

    described = {
        name: (array.shape, str(array.dtype)) for name, array in arrays.items()
    }
    assert described == view.stored


@every_format
@every_kernel
def test_stored_bytes_are_the_bytes_of_the_arrays(shape, channel_axes, format_):
    view = format_.view(shape, channel_axes)

    arrays = view.encode(random_kernel(shape))

    assert sum(array.nbytes for array in arrays.values()) == view.stored_bytes


@every_format
def test_zeros_stay_zero(format_):
    view, kernel = format_.view((9, 5), (1,)), random_kernel((9, 5))
    kernel[::2] = 0

    decoded = view.decode(view.encode(kernel))

    np.testing.assert_array_equal(decoded[::2], 0)


@every_format
def test_a_kernel_of_zeros_comes_back(format_):
    view = format_.view((9, 5), (1,))

    decoded = view.decode(view.encode(np.zeros((9, 5), np.float32)))

    np.testing.assert_array_equal(decoded, np.zeros((9, 5)))


@every_format
@pytest.mark.parametrize(
    ("shape", "channel_axes"), [((3, 5, 2), (1,)), ((7, 2, 3), (1, 2))]
)
def test_keras_decodes_exactly_what_numpy_decodes(shape, channel_axes, format_):
    view = format_.view(shape, channel_axes)
    stored = view.encode(random_kernel(shape))

    by_keras = view.decode(
        {name: ops.convert_to_tensor(array) for name, array in stored.items()}, xp=ops
    )

    np.testing.assert_array_equal(ops.convert_to_numpy(by_keras), view.decode(stored))


@every_format
def test_a_decoded_kernel_is_float32_of_the_shape_of_the_kernel(format_):
    view = format_.view((3, 5, 2), (1,))

    decoded = view.decode(view.encode(random_kernel((3, 5, 2))))

    assert (decoded.dtype, decoded.shape) == (np.float32, (3, 5, 2))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", range(2, 9))
def test_a_kernel_of_representable_values_comes_back_exactly(bits, symmetric):
    format_ = KernelFormat(bits, symmetric=symmetric)
    largest = 2 ** (bits - 1) - 1 if symmetric else 2**bits - 1
    # The range is used up to its end, so the scale is 0.25; products by it are exact.
    kernel = np.float32(0.25) * np.array([[0, largest], [largest, 1]], np.float32)
    view = format_.view((2, 2), (1,))

    np.testing.assert_array_equal(view.decode(view.encode(kernel)), kernel)


def test_a_last_group_that_is_not_full_has_its_own_scale():
    view = KernelFormat(8, "per_group", 4).view((5, 1), (1,))
    kernel = np.array([[127.0], [0.0], [0.0], [0.0], [1.27]], np.float32)

    scale = view.encode(kernel)["scale"]

    # The quotient rounds once: one unit in float32's last place.
    np.testing.assert_allclose(scale, [[1.0], [0.01]], rtol=np.finfo(np.float32).eps)


def test_a_group_size_beyond_the_rows_stores_what_per_channel_stores():
    kernel = random_kernel((6, 3))
    by_group = KernelFormat(4, "per_group", 128).view((6, 3), (1,)).encode(kernel)

    by_channel = KernelFormat(4).view((6, 3), (1,)).encode(kernel)

    for name, array in by_channel.items():
        np.testing.assert_array_equal(by_group[name], array)


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        # 64 * 16 integers and 16 float32 scales
        (KernelFormat(8), 1024 + 64),
        # half a byte each; one scale
        (KernelFormat(4, "per_tensor"), 512 + 4),
        # three bits each; 16 scales and 16 zero points
        (KernelFormat(3, symmetric=False), 384 + 64 + 16),
        # half a byte each; two groups of 32 rows for each of the 16 channels
        (KernelFormat(4, "per_group", 32), 512 + 128),
        # 64 rows in groups of 60 are filled up to 120
        (KernelFormat(8, "per_group", 60), 120 * 16 + 128),
    ],
    ids=str,
)
def test_the_bytes_of_a_dense_kernel_are_those_counted_by_hand(format_, expected):
    assert format_.view((64, 16), (1,)).stored_bytes == expected


def test_only_affine_formats_store_zero_points():
    names = [
        set(KernelFormat(symmetric=symmetric).view((4, 2), (1,)).stored)
        for symmetric in (True, False)
    ]

    assert names == [{"q", "scale"}, {"q", "scale", "zero_point"}]


@small_profile
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sets(st.integers(0, 3)),
    st.sampled_from(FORMATS),
)
def test_every_kernel_has_one_scale_for_each_group_and_channel(sizes, axes, format_):
    channel_axes = tuple(sorted(axis for axis in axes if axis < len(sizes)))
    view = format_.view(tuple(sizes), channel_axes)

    shape, _ = view.stored["scale"]

    channels = math.prod(sizes[axis] for axis in channel_axes)
    rows = math.prod(sizes) // channels
    groups = math.ceil(rows / (format_.group_size or rows))
    per_tensor = format_.granularity == "per_tensor"
    assert shape == ((1, 1) if per_tensor else (groups, channels))


def test_encoding_does_not_change_the_kernel():
    kernel = random_kernel((5, 3))
    before = kernel.copy()

    KernelFormat(4, "per_group", 2, symmetric=False).view((5, 3), (1,)).encode(kernel)

    np.testing.assert_array_equal(kernel, before)


def test_a_kernel_that_is_not_finite_is_refused():
    kernel = np.array([[1.0, np.nan]], np.float32)

    with pytest.raises(ValueError, match="must be finite"):
        KernelFormat().view((1, 2), (1,)).encode(kernel)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"bits": 1}, "bits=1"),
        ({"bits": 9}, "bits=9"),
        ({"bits": 4.0}, "bits=4.0"),
        ({"granularity": "per_row"}, "per_row"),
        ({"granularity": "per_group"}, "group_size=None"),
        ({"granularity": "per_channel", "group_size": 32}, "group_size=32"),
        ({"granularity": "per_tensor", "group_size": 32}, "group_size=32"),
        ({"granularity": "per_group", "group_size": 0}, "group_size=0"),
        ({"granularity": "per_group", "group_size": 1.5}, "group_size=1.5"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_together_are_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        KernelFormat(**settings_)
