"""Files changed in thousands of ways are read as arrays or refused, and nothing else.

A change that breaks a checksum must be noticed. Behind right checksums, which whoever
means harm can write, a reader meets everything: it may return other numbers, of the type
and shape that the index says, or raise its own error; never another one, in little memory
and without taking long.
"""

import copy
import io
import json
import os
import random
import time
import tracemalloc
import zipfile
from pathlib import Path

import keras
import packed_arrays
import pytest
import tiny_models
from packed_files import rewritten

import nncompress_lab as ncl
from nncompress_lab.errors import CorruptFileError, ModelFileError
from nncompress_lab.packing import container, tensors
from nncompress_lab.packing.model_file import packed

ARRAYS = packed_arrays.small_arrays()
CODED = {name: tensors.encode(*one) for name, one in ARRAYS.items()}
# How many times as long the slow ones take; 20 makes a million changed tensors.
ROUNDS = int(os.environ.get("NNCOMPRESS_FUZZ", "1"))
MOST_SECONDS = 5.0  # for one file; reading it whole takes milliseconds
BYTES = (0, 1, 2, 7, 8, 15, 16, 24, 127, 128, 254, 255)


def changed(content: bytes, chance: random.Random) -> bytes:
    """The content with one to four changes of many kinds."""
    result = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        # What steers a reader comes first.
        end = chance.choice((4, 16, 64, len(result))) or 1
        place = chance.randrange(max(1, min(end, len(result))))
        size = chance.choice((1, 1, 2, 4, 16))
        kind = chance.randrange(7)
        if kind == 0 and result:
            result[place % len(result)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            result[place : place + 1] = [chance.choice(BYTES)]
        elif kind == 2:
            result[place : place + size] = chance.randbytes(size)
        elif kind == 3:
            del result[place : place + size]
        elif kind == 4:
            result[place:place] = chance.randbytes(size)
        elif kind == 5:
            other = chance.choice(list(CODED.values()))
            start = chance.randrange(len(other))
            result[place : place + size] = other[start : start + size]
        else:
            del result[place:]
    return bytes(result)


def read_changed_tensors(count: int, seed: int) -> tuple[int, int]:
    """How many of the changed contents were read, and how many refused."""
    chance, read = random.Random(seed), 0
    for _ in range(count):
        name = chance.choice(list(CODED))
        array, dtype, _ = ARRAYS[name]
        content = changed(CODED[name], chance)
        started = time.perf_counter()
        try:
            decoded = tensors.decode(content, dtype, array.shape)
        except CorruptFileError:
            continue
        finally:
            seconds = time.perf_counter() - started
            assert seconds < MOST_SECONDS, (name, content.hex())
        assert decoded.dtype == array.dtype, (name, content.hex())
        assert decoded.shape == array.shape, (name, content.hex())
        read += 1
    return read, count - read


def test_changed_tensors_are_read_or_refused():
    read, refused = read_changed_tensors(20_000, seed=1)

    assert read > 1000  # else the changes are too coarse to get far
    assert refused > 1000


@pytest.mark.slow
def test_ever_more_changed_tensors_are_read_or_refused():
    for seed in range(5 * ROUNDS):
        read_changed_tensors(10_000, seed=seed + 100)


def test_changed_tensors_take_little_memory():
    tracemalloc.start()
    try:
        read_changed_tensors(500, seed=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # The coder's tables of 2**12 steps are kept: some hundred kilobytes.
    assert peak < 2**22


def read_whole(content: bytes) -> list[object]:
    return list(container.Reader(io.BytesIO(content), len(content)).tensors())


def test_changed_files_are_refused():
    file, chance = io.BytesIO(), random.Random(3)
    contents = [
        container.Tensor(name, dtype, array, layout)
        for name, (array, dtype, layout) in ARRAYS.items()
    ]
    container.write(file, {}, contents)
    whole = file.getvalue()

    for content in (changed(whole, chance) for _ in range(3000)):
        if content != whole:
            with pytest.raises(CorruptFileError):
                read_whole(content)


VALUES = (None, True, 0, -1, 3, 2**40, 1e300, "", "relu", [], [0], {}, [[2**40]])


def change_somewhere(value: object, chance: random.Random) -> None:
    """Replace or remove something in nested lists and dictionaries."""
    while isinstance(value, dict | list) and value:
        key = chance.choice(
            list(value) if isinstance(value, dict) else range(len(value))
        )
        if not isinstance(value[key], dict | list) or chance.random() < 0.1:
            if chance.random() < 0.3:
                del value[key]
            else:
                value[key] = copy.copy(chance.choice(VALUES))
            return
        value = value[key]


def unpack_changed_models(count: int, seed: int, path: Path) -> int:
    """How many of the changed models were refused."""
    whole = packed(ncl.UniformQuantization(bits=3)(tiny_models.residual()))
    chance, refused = random.Random(seed), 0
    for _ in range(count):
        path.write_bytes(rewritten(whole, lambda one: change_somewhere(one, chance)))
        try:
            assert isinstance(ncl.unpack(path), keras.Model)
        except ModelFileError:
            refused += 1
    return refused


def test_changed_configurations_make_a_model_or_are_refused(tmp_path):
    assert unpack_changed_models(40, seed=5, path=tmp_path / "model.ncz") > 5


def load_changed_models(count: int, seed: int, path: Path) -> int:
    """How many of the changed `.keras` files were refused; the archive is whole."""
    tiny_models.sequential().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chance, refused = random.Random(seed), 0
    for _ in range(count):
        config = json.loads(members["config.json"])
        change_somewhere(config, chance)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**members, "config.json": json.dumps(config)}.items():
                archive.writestr(name, content)
        try:
            assert isinstance(ncl.load_model(path), keras.Model)
        except ModelFileError:
            refused += 1
    return refused


def test_changed_keras_files_make_a_model_or_are_refused(tmp_path):
    assert load_changed_models(20, seed=8, path=tmp_path / "model.keras") > 3


@pytest.mark.slow
def test_ever_more_changed_configurations_make_a_model_or_are_refused(tmp_path):
    unpack_changed_models(200 * ROUNDS, seed=6, path=tmp_path / "model.ncz")
    load_changed_models(200 * ROUNDS, seed=9, path=tmp_path / "model.keras")
