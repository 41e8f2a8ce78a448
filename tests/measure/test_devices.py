"""Times on devices: hand-made figures for the table, tiny models for the timing.

No test has a GPU. A second CPU that TensorFlow is asked to make stands in for one, in a
process of its own, because devices cannot be made after the first model.
"""

import dataclasses
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tiny_models

from nncompress_lab import measure
from nncompress_lab.errors import CompressionError, UnsupportedModelError
from nncompress_lab.measure import device_times
from nncompress_lab.measure.device_table import DeviceTimes
from nncompress_lab.measure.devices import CPU, GPU, Device, place_of
from nncompress_lab.measure.instructions import instructions
from nncompress_lab.measure.latency import Race
from nncompress_lab.packing.model_file import packed_bytes

THE_CPU = Device("cpu:0", CPU, "Some CPU, 4 logical cores")
THE_GPU = Device("gpu:0", GPU, "Some <GPU>")


def times(*, gpu: bool) -> DeviceTimes:
    races = {
        (CPU, 1): Race({"a": 2.0, "b": 1.0}, band=0.02),
        (CPU, 64): Race({"a": 64.0, "b": 63.0}, band=0.05),
    }
    if gpu:
        races |= {
            (GPU, 1): Race({"a": 4.0, "b": 4.0}, band=0.02),
            (GPU, 64): Race({"a": 6.4, "b": 60.0}, band=0.03),
        }
    found = (THE_CPU, THE_GPU) if gpu else (THE_CPU,)
    return DeviceTimes(found, races, rounds=24, dtype="float32")


def test_the_cpu_is_the_first_device_and_has_a_name():
    first = measure.devices()[0]

    assert first.kind == CPU
    assert re.fullmatch(r".+, \d+ logical cores", first.description)


@pytest.mark.parametrize(
    ("info", "found"),
    [
        (
            "model name : A\nflags : fpu avx2 avx512f avx512_vnni\nflags : fpu",
            ("AVX2", "AVX-512", "VNNI"),
        ),
        ("flags\t\t: fpu avx2 avx_vnni", ("AVX2", "VNNI")),
        ("Features : fp asimd asimddp i8mm", ("NEON", "dot products", "int8 matrices")),
        ("model name : avx2", ()),
    ],
    ids=["server", "laptop", "arm", "name only"],
)
def test_the_instructions_are_those_that_the_system_lists(info, found, tmp_path):
    (tmp_path / "cpuinfo").write_text(info)

    assert instructions(tmp_path / "cpuinfo") == found
    assert instructions(tmp_path / "none") == ()


def test_a_device_says_what_its_processor_is_able_to():
    cpu = Device("cpu:0", CPU, "Some CPU", ("AVX2", "VNNI"))

    assert str(cpu) == "CPU: Some CPU, AVX2, VNNI"
    assert str(THE_GPU) == "GPU: Some <GPU>"


def test_a_device_is_named_as_keras_takes_it():
    for device in measure.devices():
        with keras.device(device.name):
            assert place_of(keras.Variable(np.ones(2))) == device.name


def test_figures_follow_from_the_races():
    both = times(gpu=True)

    assert both.milliseconds("b", GPU, 64) == 60.0
    assert both.images_per_second("a", CPU, 64) == 1000.0
    assert both.gpu_speedup("a", 64) == 10.0
    assert both.gpu_speedup("a", 1) == 0.5
    assert times(gpu=False).gpu_speedup("a", 1) is None


def test_the_table_has_a_line_for_each_model_and_batch_size():
    lines = repr(times(gpu=True)).splitlines()

    titles = ["model", "batch", "CPU", "CPU, images/s", "GPU", "GPU, images/s"]
    assert re.split(r"\s{2,}", lines[0]) == [*titles, "GPU against CPU"]
    cells = [re.split(r"\s{2,}", line) for line in lines[2:6]]
    assert [line[:4] for line in cells] == [
        ["a", "1", "2 ms", "500"],
        ["b", "1", "1 ms (2.00x faster)", "1,000"],
        ["a", "64", "64 ms", "1,000"],
        ["b", "64", "63 ms (no measurable change)", "1,016"],
    ]
    assert [line[4:] for line in cells] == [
        ["4 ms", "250", "2.00x slower"],
        ["4 ms (no measurable change)", "250", "4.00x slower"],
        ["6.4 ms", "10,000", "10.00x faster"],
        ["60 ms (9.38x slower)", "1,067", "no measurable change"],
    ]


def test_without_a_gpu_its_column_says_so():
    shown = times(gpu=False)

    assert repr(shown).count("no GPU here") == 4
    assert shown._repr_html_().count("no GPU here") == 4
    assert "GPU against CPU" not in repr(shown)


def test_the_footnotes_say_how_it_was_measured():
    text = " ".join(repr(times(gpu=True)).split())

    assert f"predict_on_batch on {keras.backend.backend()}, float32" in text
    assert "copying images in and outputs out is included" in text
    assert "24 interleaved blocks" in text
    assert (
        "noise of this run ±2.0 % at batch 1 and ±5.0 % at batch 64 on the CPU, "
        "±2.0 % at batch 1 and ±3.0 % at batch 64 on the GPU, a change within it"
    ) in text
    assert "other work" not in text
    assert "CPU: Some CPU, 4 logical cores. GPU: Some <GPU>." in text


def test_a_busy_machine_is_told_from_a_quiet_one():
    noisy = DeviceTimes(
        (THE_CPU,), {(CPU, 1): Race({"a": 1.0}, band=0.3)}, rounds=24, dtype="float32"
    )
    text = " ".join(repr(noisy).split())

    assert "noise of this run ±30.0 % on the CPU, a change within it" in text
    assert "Noise above ±10 % comes from other work on the machine." in text


def test_a_gpu_also_shows_the_pass_alone_memory_and_files():
    alone = {(GPU, size): Race({"a": 0.5, "b": 0.25}, band=0.02) for size in (1, 64)}
    full = dataclasses.replace(
        times(gpu=True),
        alone=alone,
        file_bytes={"a": 12_000, "b": 24_000_000},
        peak_bytes={("a", GPU, 1): 3_000},
    )

    lines = [re.split(r"\s{2,}", line) for line in repr(full).splitlines()]

    assert lines[0][2:] == [
        *("packed", "CPU", "CPU, images/s", "GPU", "GPU, images/s"),
        *("GPU alone", "GPU memory", "GPU against CPU"),
    ]
    assert [line[2] for line in lines[2:6]] == ["12 kB", "24 MB"] * 2
    assert [line[7] for line in lines[2:4]] == ["0.5 ms", "0.25 ms (2.00x faster)"]
    assert [line[8] for line in lines[2:6]] == ["3 kB", "-", "-", "-"]


def test_the_html_follows_the_theme_and_escapes_names():
    shown = times(gpu=True)._repr_html_()

    assert "color" not in shown
    assert "Some &lt;GPU&gt;" in shown
    assert "64 ms<" in shown
    assert "<br><small>no measurable change</small>" in shown


def test_tiny_models_are_timed_and_stay_as_they_are():
    models = {"one": tiny_models.sequential(), "two": tiny_models.residual()}
    before = {name: model.get_weights() for name, model in models.items()}

    result = measure.time_on_devices(models, batch_sizes=(1, 2), rounds=4)

    assert set(result.races) == {
        (each.kind, size) for each in result.devices for size in (1, 2)
    }
    for raced in result.races.values():
        assert list(raced.milliseconds) == ["one", "two"]
        # A tiny model takes a fraction of a millisecond and never a second.
        assert all(0 < value < 1000 for value in raced.milliseconds.values())
    for name, model in models.items():
        assert all(map(np.array_equal, before[name], model.get_weights()))
        assert result.file_bytes[name] == packed_bytes(model)


def test_without_a_gpu_nothing_is_timed_alone():
    result = measure.time_on_devices(
        {"a": tiny_models.sequential()}, batch_sizes=(1,), rounds=4
    )

    assert set(result.alone) == {
        (GPU, 1) for device in result.devices if device.kind == GPU
    }
    assert ("alone" in repr(result)) == bool(result.alone)


def test_models_race_in_every_float_type_that_is_asked_for():
    result = measure.time_on_devices(
        {"a": tiny_models.sequential(), "b": tiny_models.sequential()},
        batch_sizes=(1,),
        dtypes=("float32", "bfloat16"),
        rounds=4,
    )

    names = ["a, float32", "a, bfloat16", "b, float32", "b, bfloat16"]
    assert list(result.races[CPU, 1].milliseconds) == names
    assert result.file_bytes["a, bfloat16"] < result.file_bytes["a, float32"]
    assert result.dtype == "bfloat16 and float32"


def test_weights_on_another_device_are_refused(monkeypatch):
    monkeypatch.setattr(device_times, "place_of", lambda _weight: "gpu:7")

    with pytest.raises(CompressionError, match=r"to lie on cpu.*lies on gpu:7"):
        measure.time_on_devices({"a": tiny_models.sequential()}, rounds=4)


@pytest.mark.parametrize(
    ("models", "options", "words"),
    [
        ({}, {}, "at least one model"),
        ({"a": tiny_models.sequential}, {"batch_sizes": ()}, "one batch size"),
        ({"a": tiny_models.sequential}, {"batch_sizes": (1, 0)}, r"\(1, 0\)"),
        ({"a": tiny_models.sequential}, {"rounds": 3}, "4 rounds"),
        ({"a": tiny_models.sequential}, {"dtypes": ("int8",)}, "`dtype`.*'int8'"),
    ],
)
def test_what_cannot_be_timed_is_refused(models, options, words):
    built = {name: build() for name, build in models.items()}

    with pytest.raises(ValueError, match=words):
        measure.time_on_devices(built, **options)


def test_an_unbuilt_model_is_refused():
    with pytest.raises(UnsupportedModelError, match="never built"):
        measure.time_on_devices({"a": keras.Sequential([keras.layers.Dense(2)])})


TWO_CPUS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
one = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [one, one])

import tiny_models
from nncompress_lab.measure import device_times
from nncompress_lab.measure.devices import CPU, GPU, Device, place_of

assert len(device_times.devices()) == 2
places = []
def noted(weight):
    places.append(place_of(weight))
    return places[-1]
device_times.place_of = noted
device_times.devices = lambda: (
    Device("cpu:0", CPU, ""), Device("cpu:1", GPU, ""), Device("cpu:2", GPU, "")
)
result = device_times.time_on_devices(
    {"a": tiny_models.sequential()}, batch_sizes=(1,), rounds=4
)
print([each.name for each in result.devices], list(result.races), sorted(set(places)))
print(list(result.alone))
"""


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="makes a second CPU in TensorFlow"
)
def test_on_two_devices_the_weights_lie_where_they_are_timed():
    done = subprocess.run(
        [sys.executable, "-c", TWO_CPUS],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "tests"},
    )

    expected = "['cpu:0', 'cpu:1'] [('CPU', 1), ('GPU', 1)] ['cpu:0', 'cpu:1']"
    expected += "\n[('GPU', 1)]"
    assert done.stdout.strip() == expected, done.stderr[-2000:]
